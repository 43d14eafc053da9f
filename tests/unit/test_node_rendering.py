"""What a machine config is on the machine: networkd's files, variables, registries; and what changes follow."""

import json
from pathlib import Path

import pytest

from adamant.model.errors import InputError
from adamant.model.machine import yaml
from adamant.model.machine.wire import to_wire
from adamant.node.config import plan, rendering, status
from adamant.node.config.host import Host
from adamant.node.config.rendered import NOTHING, Rendered

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


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("time: {zone: Europe/Berlin}", "time.zone"),
        ("volumes: [{name: data, disk: {label: data}}]", "volumes"),
        ("files: [{path: /etc/motd, content: hi}]", "files"),
        ("kernel: {arguments: [mitigations=off]}", "kernel.arguments"),
        ("containers: [{name: web, image: docker.io/library/nginx}]", "containers"),
    ],
)
def test_what_is_not_built_is_refused_and_not_passed_over(root: Path, text: str, path: str) -> None:
    with pytest.raises(InputError) as caught:
        _render(root, text)
    assert (caught.value.reference, caught.value.context) == ("config-not-built", path)


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
