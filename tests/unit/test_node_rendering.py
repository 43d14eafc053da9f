"""What a machine config is on the machine: networkd's files, variables, registries; and what changes follow."""

import json
from pathlib import Path

import pytest

from adamant.model.errors import InputError
from adamant.model.machine import yaml
from adamant.model.machine.wire import to_wire
from adamant.node.config import plan, rendering, status
from adamant.node.config.host import Host
from adamant.node.config.rendered import NOTHING, File, Rendered
from adamant.node.systemd import Unit

POSTURE = "guarded\n"


def _wire(text: str) -> bytes:
    return to_wire(yaml.read(b"kind: Machine\n" + text.encode(), "machine.yaml"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "usr/lib/adamant").mkdir(parents=True)
    (tmp_path / "usr/lib/adamant/posture").write_text(POSTURE)
    return tmp_path


def _render(root: Path, text: str) -> Rendered:
    return rendering.renderer(root)(_wire(text))


def _text(made: Rendered, name: str) -> str:
    (path,) = [path for path in made.files if path.endswith(name)]
    return made.files[path].data.decode()


def test_an_empty_config_is_the_machine_as_the_image_has_it(root: Path) -> None:
    assert _render(root, "") == NOTHING


def test_a_link_with_an_address_asks_nobody_for_another(root: Path) -> None:
    made = _render(
        root,
        """
network:
  interfaces:
    - name: eth0
      addresses: [10.0.2.20/24, "fd00::5/64"]
      routes: [{via: 10.0.2.2}, {to: 10.9.0.0/16, via: 10.0.2.3, metric: 7}]
      mtu: 1400
    - {mac: "52:54:00:00:00:01", required: false}
""",
    )
    text = _text(made, "-eth0.network")
    assert text.startswith("[Match]\nName=eth0\n[Link]\nMTUBytes=1400\n")
    for line in ("DHCP=no", "IPv6AcceptRA=no", "Address=10.0.2.20/24", "Address=fd00::5/64"):
        assert f"\n{line}\n" in text
    assert "[Route]\nGateway=10.0.2.2\n[Route]\nGateway=10.0.2.3\nDestination=10.9.0.0/16\nMetric=7\n" in text
    other = _text(made, "-525400000001.network")
    assert "MACAddress=52:54:00:00:00:01\n" in other
    assert "RequiredForOnline=no" in other
    assert "DHCP=yes" in other
    assert _text(made, "/90-adamant-dhcp.network") == "", "links that are not named still ask by DHCP"


def test_bonds_bridges_and_vlans_are_made_and_their_links_belong_to_them(root: Path) -> None:
    made = _render(
        root,
        """
network:
  interfaces:
    - {name: bond0, bond: {links: [eth0, eth1], mode: 802.3ad}}
    - {name: vlan7, vlan: {id: 7, link: bond0}, addresses: [10.7.0.1/24]}
    - {name: br0, bridge: {links: [eth2], stp: true}, dhcp: "ipv4"}
""",
    )
    assert "Kind=bond" in _text(made, "-bond0.netdev")
    assert "Mode=802.3ad" in _text(made, "-bond0.netdev")
    assert "Id=7" in _text(made, "-vlan7.netdev")
    assert "STP=yes" in _text(made, "-br0.netdev")
    assert "VLAN=vlan7" in _text(made, "-bond0.network")
    for link, line in (("eth0", "Bond=bond0"), ("eth1", "Bond=bond0"), ("eth2", "Bridge=br0")):
        text = _text(made, f"/70-{link}.network")
        assert line in text
        assert "DHCP" not in text
    assert set(made.netdevs) == {"bond0", "vlan7", "br0"}
    assert all(path in made.files for path in made.netdevs.values())


def test_names_time_variables_and_modules_have_their_files(root: Path) -> None:
    made = _render(
        root,
        """
hostname: alpha
network: {dns: {servers: [192.0.2.53], search: [example.org], overTls: true}}
time: {servers: [ntp.example.org, 192.0.2.1]}
kernel: {sysctls: {vm.swappiness: "7", net.ipv4.conf.all.rp_filter: "1"}, modules: [nbd]}
""",
    )
    assert _text(made, "resolved.conf.d/50-adamant-config.conf") == (
        "[Resolve]\nDNS=192.0.2.53\nDomains=example.org\nDNSOverTLS=yes\n"
    )
    assert _text(made, "timesyncd.conf.d/50-adamant-config.conf") == "[Time]\nNTP=ntp.example.org 192.0.2.1\n"
    assert _text(made, "modules-load.d/adamant-config.conf") == "nbd\n"
    assert _text(made, "95-adamant-config.conf") == (
        "kernel/hostname = alpha\nnet/ipv4/conf/all/rp_filter = 1\nvm/swappiness = 7\n"
    )


def test_registries_keep_their_secrets_from_others(root: Path) -> None:
    (root / "state/secrets").mkdir(parents=True)
    (root / "state/secrets/reg").write_text("hush\n")
    text = """
registries:
  - host: docker.io
    mirrors: [https://mirror.lan, http://10.0.0.1:5000]
    auth: {username: bot, password: {file: /state/secrets/reg}}
  - {host: "reg.lan:5000", mirrors: [https://other.lan], fallback: false}
"""
    made = _render(root, text)
    path = "run/adamant/containerd/certs.d/docker.io/hosts.toml"
    assert made.files[path].mode == 0o600
    toml = made.files[path].data.decode()
    assert toml.startswith('server = "https://registry-1.docker.io"\n[host."https://mirror.lan"]\n')
    assert 'Authorization = "Basic Ym90Omh1c2g="' in toml
    assert made.files["run/adamant/containerd/certs.d/reg.lan:5000/hosts.toml"].data.startswith(
        b'server = "https://other.lan"\n'
    )
    (root / "state/secrets/reg").unlink()
    with pytest.raises(InputError, match="secret-missing"):
        _render(root, text)


def test_arguments_of_the_kernel_go_to_the_boot_menu_and_wait_for_a_reboot(root: Path) -> None:
    made = _render(root, "kernel: {arguments: [hugepages=4, mitigations=off]}")
    assert made.files["run/adamant/arguments"].data == b"hugepages=4\nmitigations=off\n"
    for planned in (plan.make((), NOTHING, made), plan.make((), made, NOTHING)):
        assert [str(action) for action in planned.actions] == ["restart adamant-arguments.service"]
        assert planned.reboot == ("kernel arguments",)


def test_arguments_are_refused_where_secure_boot_checks_them(root: Path) -> None:
    folder = root / "sys/firmware/efi/efivars"
    folder.mkdir(parents=True)
    (folder / "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c").write_bytes(b"\6\0\0\0\1")
    with pytest.raises(InputError, match="arguments-secure-boot"):
        _render(root, "kernel: {arguments: [mitigations=off]}")


def test_a_change_below_etc_waits_for_a_reboot_and_says_so(root: Path) -> None:
    (root / "usr/share/zoneinfo/Europe").mkdir(parents=True)
    (root / "usr/share/zoneinfo/Europe/Berlin").write_bytes(b"TZif2")
    (root / "usr/share/factory/etc/ssl/certs").mkdir(parents=True)
    (root / "usr/share/factory/etc/ssl/certs/ca-certificates.crt").write_bytes(b"of the image\n")
    (root / "state/secrets").mkdir(parents=True)
    (root / "state/secrets/key").write_text("hush\n")
    text = """
time: {zone: Europe/Berlin}
certificates: {trusted: ["-----BEGIN CERTIFICATE-----\\nx"]}
files:
  - {path: /etc/motd, content: "hi\\n"}
  - {path: /etc/app/key, secret: {file: /state/secrets/key}, mode: "0600"}
"""
    made = _render(root, text)
    assert sorted(made.reboot) == [
        "/etc/app/key",
        "/etc/localtime",
        "/etc/motd",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/timezone",
    ]
    assert "hush" not in str(made.reboot)
    assert made.files["run/adamant/etc/app/key"] == File(b"hush", 0o600)
    bundle = made.files["run/adamant/etc/ssl/certs/ca-certificates.crt"].data
    assert bundle == b"of the image\n-----BEGIN CERTIFICATE-----\nx\n"
    planned = plan.make((), NOTHING, made)
    assert planned.actions == ()
    assert planned.reboot == tuple(sorted(made.reboot))
    assert plan.make((), made, _render(root, text)).reboot == ()


def test_a_time_zone_that_the_image_does_not_know_is_refused(root: Path) -> None:
    with pytest.raises(InputError, match="zone-missing"):
        _render(root, "time: {zone: Europe/Nowhere}")


def test_a_container_starts_again_when_anything_of_it_changes_and_after_its_volume(root: Path) -> None:
    text = """
volumes: [{name: data, disk: {serial: S1}}]
containers:
  - name: web
    image: reg.lan/web:1
    environment: {TOKEN: WORD}
    memory: 64M
    restart: on-failure
    mounts: [{source: /var/mnt/data/www, target: /www}]
"""
    old, new = _render(root, text), _render(root, text.replace("WORD", "other"))
    assert old.started == {"adamant-container@web.service", "adamant-volume@data.service"}
    lines = _text(old, "adamant-container@web.service.d/50-adamant-config.conf").splitlines()
    assert {"Requires=adamant-volume@data.service", "After=adamant-volume@data.service", "Restart=on-failure"} <= {
        *lines
    }
    assert json.loads(old.files["run/adamant/containers/web.json"].data)["memory"] == 64 << 20
    assert [str(action) for action in plan.make((), old, new).actions] == ["restart adamant-container@web.service"]
    assert [str(action) for action in plan.make((), old, NOTHING).actions] == [
        "stop adamant-container@web.service",
        "stop adamant-volume@data.service",
        "daemon-reload",
    ]


@pytest.mark.parametrize(
    ("restart", "active", "well"),
    [
        ("always", "inactive", False),
        ("on-failure", "inactive", True),
        ("never", "inactive", True),
        ("never", "failed", False),
        ("always", "active", True),
    ],
)
def test_a_container_that_nobody_starts_again_may_end_and_not_fail(
    root: Path, restart: str, active: str, well: bool
) -> None:
    made = _render(root, f"containers: [{{name: job, image: reg.lan/job:1, restart: {restart}}}]")
    host = Host(root, lambda: pytest.fail("no service is asked"))
    unit = Unit("adamant-container@job.service", "loaded", active, "dead", "/x")
    (found,) = (one for one in status.look(host, made, [unit]) if one.kind == "unit")
    assert (not found.reason) == well
    (forgotten,) = (one for one in status.look(host, made, []) if one.kind == "unit")
    assert (not forgotten.reason) == (restart != "always")


SECRETS = """
users: [{name: joe, passwordHash: $6$abc$WORDWORDWORDWORD}]
registries: [{host: reg.lan, auth: {username: u, password: WORD}}]
containers: [{name: web, image: reg.lan/web:1, environment: {TOKEN: WORD}}]
hostContainers: {containers: [{name: agent, image: "reg.lan/agent:1", environment: {TOKEN: WORD}}]}
files: [{path: /etc/app/key, mode: "0600", secret: WORD}]
"""


def test_nothing_that_others_may_read_is_made_of_a_secret(root: Path) -> None:
    (root / "usr/lib/adamant/posture").write_text("open\n")  # it has users, and host containers too
    one, other = (_render(root, SECRETS.replace("WORD", word)).files for word in ("hush", "hash"))
    made_of_it = {path for path in one if one[path] != other[path]}
    assert len(made_of_it) == 6, "a user has two names"
    assert [path for path in made_of_it if one[path].mode & 0o077] == []


def test_a_secret_is_taken_from_the_credential_that_the_config_names(root: Path) -> None:
    text = "files: [{path: /etc/app/key, mode: '0600', secret: {credential: app.key}}]"
    with pytest.raises(InputError) as caught:
        _render(root, text)
    assert caught.value.reference == "secret-missing"
    (root / "run/credentials/@system").mkdir(parents=True)
    (root / "run/credentials/@system/app.key").write_text("swordfish\n")
    assert _render(root, text).files["run/adamant/etc/app/key"] == File(b"swordfish", 0o600)


HOST_CONTAINERS = """
containers: [{name: web, image: reg.lan/web:1}]
hostContainers:
  limits: {cpuWeight: 20, memory: 256M, tasks: 100}
  containers:
    - {name: collector, image: "reg.lan/collector:1", sees: [journal], restart: on-failure}
    - {name: agent, image: "reg.lan/agent:1", sees: [network], environment: {TOKEN: hush}}
"""


def test_host_containers_bring_their_containerd_and_their_slices_and_take_them_away(root: Path) -> None:
    made, without = _render(root, HOST_CONTAINERS), _render(root, "containers: [{name: web, image: reg.lan/web:1}]")
    of_host = {"adamant-container@agent.service", "adamant-container@collector.service", "host-containerd.service"}
    assert made.started == {"adamant-container@web.service", *of_host}
    assert made.ending == {"adamant-container@collector.service"}
    assert "\nCPUWeight=20\nMemoryMax=75%\n" in _text(made, "/host.slice")
    assert "\nMemoryMax=268435456\nTasksMax=100\n" in _text(made, "/host-containers.slice")
    assert [str(action) for action in plan.make((), made, without).actions] == [
        "stop adamant-container@agent.service",
        "stop adamant-container@collector.service",
        "stop host-containerd.service",
        "stop host-containers.slice",
        "stop host.slice",
        "daemon-reload",
    ]
    assert not any("host" in path for path in without.files)


def test_a_container_runs_in_the_containerd_of_its_kind(root: Path) -> None:
    made = _render(root, HOST_CONTAINERS)
    kinds = {
        "agent": ("host-containerd", "host-containers.slice"),
        "collector": ("host-containerd", "host-containers.slice"),
        "web": ("containerd", "system.slice"),
    }
    for name, (containerd, slice_) in kinds.items():
        lines = _text(made, f"adamant-container@{name}.service.d/50-adamant-config.conf").splitlines()
        wanted = [f"Environment=CONTAINERD={containerd}", f"Slice={slice_}"]
        wanted += [f"Requires={containerd}.service", f"After={containerd}.service"]
        assert [line for line in lines if line.startswith(("Env", "Slice", "Req", "After"))] == [
            *wanted[2:],
            *wanted[:2],
        ]
    folder = "run/adamant/host-containers"
    specs = {name: json.loads(made.files[f"{folder}/{name}.json"].data) for name in ("agent", "collector")}
    assert {name: (spec["network"], spec["sees"]) for name, spec in specs.items()} == {
        "agent": ("host", ["network"]),
        "collector": ("none", ["journal"]),
    }
    assert made.files[f"{folder}/agent.env"] == File(b"TOKEN=hush\n", 0o600)


def test_other_limits_restart_nothing(root: Path) -> None:
    old, new = _render(root, HOST_CONTAINERS), _render(root, HOST_CONTAINERS.replace("256M", "300M"))
    assert [str(action) for action in plan.make((), old, new).actions] == ["daemon-reload"]
    alone = _render(root, "hostContainers: {limits: {memory: 300M}}")
    assert alone == NOTHING, "limits of nothing cost nothing"


def test_a_variable_of_several_lines_is_refused(root: Path) -> None:
    with pytest.raises(InputError, match="variable-lines"):
        _render(root, 'containers: [{name: web, image: reg.lan/web:1, environment: {A: "1\\n2"}}]')
    with pytest.raises(InputError) as caught:
        _render(root, 'hostContainers: {containers: [{name: a, image: reg.lan/a:1, environment: {A: "1\\n2"}}]}')
    assert caught.value.context == "$.hostContainers.containers[0].environment.A"


def test_users_are_records_below_run_and_need_nothing_to_be_restarted(root: Path) -> None:
    (root / "usr/lib/adamant/posture").write_text("open\n")
    text = "users: [{name: mary, authorizedKeys: [ssh-ed25519 AAAA]}]"
    made = _render(root, text)
    assert "run/userdb/mary.user" in made.files
    assert plan.make((), NOTHING, made).actions == ()
    assert plan.make((), made, NOTHING).files.removed == tuple(sorted(made.files))


def test_files_of_an_etc_on_disk_come_and_go_at_once(root: Path) -> None:
    (root / "usr/lib/adamant/posture").write_text("open\n")
    made = _render(root, "files: [{path: /etc/motd, content: x}]")
    for change in (plan.make((), NOTHING, made), plan.make((), made, NOTHING)):
        assert [str(action) for action in change.actions] == ["restart adamant-etc.service"]
        assert change.reboot == ()


def test_files_of_an_etc_in_ram_wait_for_the_next_boot(root: Path) -> None:
    made = _render(root, "files: [{path: /etc/motd, content: x}]")
    change = plan.make((), NOTHING, made)
    assert (change.actions, change.reboot) == ((), ("/etc/motd",))


def test_what_the_posture_forbids_is_refused_on_the_machine_too(root: Path) -> None:
    with pytest.raises(InputError, match="not-in-posture"):
        _render(root, "kernel: {sysctls: {kernel.core_pattern: '|/bin/x'}}")


def test_a_drop_in_restarts_the_unit_of_the_image(root: Path) -> None:
    text = 'units: [{name: containerd.service, dropIn: "[Service]\\nMemoryMax=1G\\n"}]'
    made = plan.make(rendering.differences(b"", _wire(text)), NOTHING, _render(root, text))
    assert [str(action) for action in made.actions] == ["daemon-reload", "restart containerd.service"]
    back = plan.make((), _render(root, text), NOTHING)
    assert [str(action) for action in back.actions] == ["daemon-reload", "restart containerd.service"]


def test_a_plan_says_what_changes_and_what_follows_and_no_secret(root: Path) -> None:
    old = (
        "hostname: alpha\ntime: {servers: [a.example]}\nregistries: [{host: r.lan, auth: {username: u, password: old}}]"
    )
    new = (
        "hostname: beta\nnetwork: {interfaces: [{name: eth0}]}\n"
        "registries: [{host: r.lan, auth: {username: u, password: new}}]"
    )
    made = plan.make(rendering.differences(_wire(old), _wire(new)), _render(root, old), _render(root, new))
    keys = {change.path: (change.old, change.new) for change in made.keys}
    assert keys["hostname"] == ("alpha", "beta")
    assert keys["registries[r.lan].auth.password"] == ("(secret)", "(secret)")
    assert [str(action) for action in made.actions] == [
        "restart systemd-sysctl.service",
        "reload systemd-networkd.service",
        "restart systemd-timesyncd.service",
    ]
    assert "run/systemd/timesyncd.conf.d/50-adamant-config.conf" in made.files.removed


def test_a_device_that_goes_is_deleted_and_the_network_started_again(root: Path) -> None:
    old = "network: {interfaces: [{name: br0, bridge: {links: [eth1]}}, {name: eth0}]}"
    made = plan.make((), _render(root, old), _render(root, "network: {interfaces: [{name: eth0}]}"))
    assert [str(action) for action in made.actions] == ["delete br0", "restart systemd-networkd.service"]


def test_documents_are_kept_in_one_form_and_shown_without_secrets(root: Path) -> None:
    kept = _wire("registries: [{host: r.lan, auth: {username: u, password: hush}}]\nhostname: alpha")
    assert rendering.canonical(json.dumps(json.loads(kept), indent=4).encode()) == kept
    assert b"hush" not in rendering.masked(kept)
    assert rendering.unset(kept, ["registries"]) == _wire("hostname: alpha")
    assert rendering.unset(kept, ["registries[r.lan]", "hostname"]) == _wire("registries: []")
    with pytest.raises(InputError, match="path-unknown"):
        rendering.unset(b"", ["hostname"])


def test_the_status_of_a_machine_names_what_differs_and_hides_digests_of_secrets(root: Path) -> None:
    text = "registries: [{host: r.lan, auth: {username: u, password: hush}}]\ntime: {servers: [a.example]}"
    made = _render(root, text)._replace(started=frozenset({"a.service"}))
    host = Host(root, lambda: pytest.fail("no service is asked"))
    host.place(made, 1)
    host.leave([])
    assert [found.name for found in status.look(host, made, []) if found.reason] == ["a.service"]
    (root / "run/adamant/containerd/certs.d/r.lan/hosts.toml").write_text("other")
    (root / "run/systemd/timesyncd.conf.d/50-adamant-config.conf").unlink()
    found = {one.name.rpartition("/")[2]: one for one in status.look(host, made, [])}
    assert found["hosts.toml"].reason == "its contents are others"
    assert found["hosts.toml"].desired == "(secret)"
    assert found["50-adamant-config.conf"].reason == "there is no such file"
