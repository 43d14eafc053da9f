"""The machine config: what is valid, what is told of what is not, secrets, paths, and what a change does."""

import json
import string
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import fields

from adamant.model import document as documents
from adamant.model.errors import InputError
from adamant.model.machine import areas, document, paths, secret, wire
from adamant.model.machine.areas import Act
from adamant.model.machine.check import check
from adamant.model.machine.document import Machine
from adamant.model.machine.yaml import read
from adamant.model.posture import Posture

WHOLE = b"""
kind: Machine
hostname: host-1.lan
network:
  interfaces:
    - {name: bond0, bond: {links: [eth0, eth1], mode: 802.3ad}, addresses: [10.0.0.5/24], routes: [{via: 10.0.0.1}]}
    - {mac: "52:54:00:12:34:56", dhcp: ipv4, mtu: 9000, required: false}
    - {name: vlan7, vlan: {id: 7, link: bond0}, addresses: ["fd00::5/64"]}
  dns: {servers: [10.0.0.2], search: [lan], overTls: true}
time: {servers: [ntp.lan], zone: Europe/Berlin}
registries:
  - {host: docker.io, mirrors: [https://mirror.lan], auth: {username: bot, password: hunter2}}
kernel: {sysctls: {vm.max_map_count: "262144"}, modules: [br_netfilter], arguments: [hugepages=4]}
volumes: [{name: data, disk: {serial: ABC}, filesystem: xfs}]
files: [{path: /etc/app/key, secret: {credential: app.key}, mode: "0600"}]
units: [{name: containerd.service, dropIn: "[Service]"}]
hostContainers:
  limits: {cpuWeight: 10, memory: 256M}
  containers: [{name: collector, image: reg.lan/collector:1, sees: [journal, root], environment: {KEY: swordfish}}]
health: [{name: web, container: web}, {name: db, tcp: {host: db.lan, port: 5432}}]
update: {repository: https://releases.lan, channel: beta, window: {days: [sun], start: "03:00", length: 2h}}
certificates: {names: [host-1.example], revoked: [{fingerprint: %s, name: mary}]}
containers:
  - name: web
    image: docker.io/library/nginx:1.27
    environment: {TOKEN: swordfish, OTHER: {file: /state/secrets/other}}
    mounts: [{source: /var/lib/web, target: /srv, readOnly: true}]
""" % (b"ab" * 32)


def machine(text: bytes | str = WHOLE) -> Machine:
    data = text if isinstance(text, bytes) else f"kind: Machine\n{text}".encode()
    found, _ = documents.decode(data, Machine, "machine.yaml")
    check(found, Posture.GUARDED)
    return found


def refused(text: str, posture: Posture = Posture.GUARDED) -> InputError:
    with pytest.raises(InputError) as caught:
        check(documents.decode(f"kind: Machine\n{text}".encode(), Machine, "machine.yaml")[0], posture)
    return caught.value


def test_a_text_in_the_place_of_keys_with_a_secret_is_not_told() -> None:
    error = refused("registries: [{host: docker.io, auth: hunter2}]")
    assert "a text stands where keys are wanted" in error.message
    assert error.hint == "allowed keys: username, password"


def test_an_empty_config_is_valid_and_its_wire_form_says_nothing() -> None:
    assert wire.to_wire(machine("")) == b'{"kind":"Machine"}'
    assert wire.from_wire(b'{"kind":"Machine"}') == Machine()


def test_a_config_survives_its_wire_form() -> None:
    whole = machine()
    assert wire.from_wire(wire.to_wire(whole), Posture.GUARDED) == whole
    assert wire.to_wire(wire.from_wire(wire.to_wire(whole))) == wire.to_wire(whole)


def test_what_is_as_by_default_is_the_same_as_nothing() -> None:
    explicit = machine("network: {}\ntime: {zone: UTC}\ncontainers: []\nupdate: {window: {}}")
    assert wire.to_wire(explicit) == b'{"kind":"Machine"}'
    assert b'"bridge":{}' in wire.to_wire(machine("network: {interfaces: [{name: br0, bridge: {}}]}"))


BAD = [
    ("hostnam: x", "document-invalid"),
    ("network: {interfaces: [{dhcp: yes}]}", "document-invalid"),
    ('network: {interfaces: [{dhcp: "yes"}]}', "interface-name"),
    ("network: {interfaces: [{name: a, mac: '52:54:00:12:34:56'}]}", "interface-name"),
    ("network: {interfaces: [{name: a, addresses: [10.0.0.300/24]}]}", "address-invalid"),
    ("network: {interfaces: [{name: a, addresses: [10.0.0.3/40]}]}", "address-invalid"),
    ("network: {interfaces: [{name: a, routes: [{}]}]}", "route-empty"),
    ("network: {interfaces: [{name: a, vlan: {id: 1, link: b}, bridge: {}}]}", "interface-kind"),
    ("network: {interfaces: [{name: b, bond: {links: [x]}}, {name: c, bridge: {links: [x]}}]}", "link-twice"),
    ("network: {interfaces: [{name: b, bond: {links: [x]}}, {name: x, dhcp: ipv4}]}", "link-in-another"),
    ("network: {interfaces: [{name: a}, {name: a}]}", "listed-twice"),
    ("volumes: [{name: a, disk: {}}]", "volume-disk"),
    ("files: [{path: /etc/passwd, content: x}]", "file-owned"),
    ("files: [{path: /etc/systemd/system/x.service, content: x}]", "file-owned"),
    ("files: [{path: /etc/a/../passwd, content: x}]", "path-not-plain"),
    ("files: [{path: /usr/x, content: x}]", "document-invalid"),
    ("files: [{path: /etc/a}]", "content-or-secret"),
    ("files: [{path: /etc/a, secret: x}]", "secret-mode"),
    ("files: [{path: /etc/a, secret: {}, mode: '0600'}]", "secret-place"),
    ("files: [{path: /etc/a, secret: {credential: a, file: /state/secrets/b}, mode: '0600'}]", "secret-place"),
    ("units: [{name: adamant-agent.service, dropIn: x}]", "unit-owned"),
    ("units: [{name: x.service, content: x}]", "not-in-posture"),
    ('hostname: "a\\n"', "text-control"),
    ("hostname: " + "a" * 65, "document-invalid"),
    ("registries: [{host: ..}]", "document-invalid"),
    ("registries: [{host: a.b/../c}]", "document-invalid"),
    ("registries: [{host: a.b, mirrors: ['https://bot:hunter2@mirror.lan']}]", "document-invalid"),
    ("registries: [{host: a.b, auth: {username: a, password: (secret)}}]", "secret-masked"),
    ("volumes: [{name: a, disk: {id: ..}}]", "document-invalid"),
    ("files: [{path: /etc/a, secret: {file: /state/secrets/..}, mode: '0600'}]", "document-invalid"),
    ("files: [{path: /etc/a, content: x}, {path: /etc/a/b, content: x}]", "file-below-file"),
    ("files: [{path: /etc/ld.so.preload, content: /var/x.so}]", "file-owned"),
    ("files: [{path: /etc/modprobe.d/x.conf, content: install}]", "file-owned"),
    ("kernel: {sysctls: {'vm.mmap_min*': '0'}}", "document-invalid"),
    ("containers: [{name: a, image: x.io/a, mounts: [{source: /var/lib/../.., target: /x}]}]", "path-not-plain"),
    ("containers: [{name: a, image: x.io/a, mounts: [{source: /var/lib/x, target: /a/../b}]}]", "path-not-plain"),
    ("containers: [{name: a, image: x.io/a, mounts: [{source: /var/lib/containerd/a, target: /x}]}]", "not-in-posture"),
    ('containers: [{name: a, image: x.io/a, command: ["a\\0b"]}]', "text-control"),
    ("units: [{name: dbus-broker.service, dropIn: x}]", "not-in-posture"),
    ("users: [{name: root, authorizedKeys: [ssh-ed25519 AAAA]}]", "not-in-posture"),
    ("kernel: {sysctls: {kernel.core_pattern: '|/var/x'}}", "not-in-posture"),
    ("kernel: {sysctls: {kernel.kptr_restrict: '0'}}", "not-in-posture"),
    ("kernel: {arguments: [init=/var/x]}", "not-in-posture"),
    ("health: [{name: a}]", "health-kind"),
    ("health: [{name: a, container: b}]", "health-container"),
    ("containers: [{name: a, image: nginx}]", "document-invalid"),
    ("hostContainers: {limits: {memory: 64M}}", "host-memory"),
    ("hostContainers: {limits: {cpuWeight: 101}}", "document-invalid"),
    ("hostContainers: {limits: {tasks: 1}}", "document-invalid"),
    ("hostContainers: {containers: [{name: a, image: x.io/a, sees: [sockets]}]}", "document-invalid"),
    ("hostContainers: {containers: [{name: a, image: x.io/a, network: host}]}", "document-invalid"),
    ("hostContainers: {containers: [{name: a, image: x.io/a, environment: {A: (secret)}}]}", "secret-masked"),
    (
        "hostContainers: {containers: [{name: a, image: x.io/a, mounts: [{source: /var/lib/host-containerd, "
        "target: /x}]}]}",
        "not-in-posture",
    ),
    (
        "containers: [{name: a, image: x.io/a, mounts: [{source: /var/lib/host-containerd, target: /x}]}]",
        "not-in-posture",
    ),
    (
        "containers: [{name: a, image: x.io/a}]\nhostContainers: {containers: [{name: a, image: x.io/a}]}",
        "listed-twice",
    ),
    ("units: [{name: host-containerd.service, dropIn: x}]", "unit-owned"),
    ("containers: [{name: a, image: x.io/a, mounts: [{source: /usr, target: /x}]}]", "document-invalid"),
]


@pytest.mark.parametrize(("text", "reference"), BAD)
def test_what_cannot_be_is_told_by_name(text: str, reference: str) -> None:
    assert refused(text).reference == reference


def test_the_posture_says_what_a_config_may_do() -> None:
    assert refused("files: [{path: /etc/a, content: x}]", Posture.SEALED).reference == "not-in-posture"
    privileged = "containers: [{name: a, image: x.io/a, privileged: true}]"
    assert refused(privileged, Posture.SEALED).reference == "not-in-posture"
    machine(privileged)
    host = "hostContainers: {containers: [{name: a, image: x.io/a, privileged: true}]}"
    assert refused(host, Posture.SEALED).context == "$.hostContainers.containers"
    machine(host)
    open_only = "units: [{name: x.service, content: x}]\nusers: [{name: a, authorizedKeys: [ssh-ed25519 AAAA]}]"
    check(documents.decode(f"kind: Machine\n{open_only}".encode(), Machine, "m")[0], Posture.OPEN)


DROP_INS = {
    "[Service]\nExecStartPre=/var/lib/x\n": False,
    "[Service]\n  ExecStart = /var/lib/x": False,
    "[Service]\nMemoryMax=1G\\\nExecStart=/var/lib/x\n": False,
    "[Service]\nMemoryMax=1G\\\nNice=1\n": False,
    "# \\\nExecStart=/var/lib/x\n": False,
    "[Service]\nEnvironment=LD_PRELOAD=/var/x.so\n": False,
    "[Service]\nEnvironment=NO_PROXY=a LD_PRELOAD=/var/x.so\n": False,
    '[Service]\nEnvironment="NO_PROXY=a" "LD_PRELOAD=/var/x.so"\n': False,
    "[Service]\nEnvironmentFile=/var/x\n": False,
    "[Service]\nBindPaths=/var/x:/usr/bin\n": False,
    "[Install]\nWantedBy=x.target\n": False,
    "[Service]\n# more\nMemoryMax=1G\nLimitNOFILE = 4096\n\n": True,
    "[Service]\nEnvironment=HTTPS_PROXY=http://proxy.lan:3128\n": True,
    '[Service]\nEnvironment="NO_PROXY=lan,10.0.0.0/8"\n': True,
}


@pytest.mark.parametrize("text", list(DROP_INS))
@pytest.mark.parametrize("posture", [Posture.GUARDED, Posture.SEALED])
def test_no_line_added_to_a_unit_runs_a_program_where_units_are_the_releases(text: str, posture: Posture) -> None:
    found = Machine(units=(document.Unit("containerd.service", drop_in=text),))
    check(found, Posture.OPEN)
    if DROP_INS[text]:
        check(found, posture)
        return
    with pytest.raises(InputError) as caught:
        check(found, posture)
    assert caught.value.context == "$.units[0].dropIn"


def test_a_carriage_return_ends_no_line_of_a_unit() -> None:
    with pytest.raises(InputError) as caught:
        check(Machine(units=(document.Unit("containerd.service", drop_in="[Service]\nNice=1\rExecStart=/var/x"),)))
    assert caught.value.reference == "text-control"


def test_what_was_shown_masked_cannot_be_applied() -> None:
    shown = msgspec.json.encode(paths.masked(machine()))
    with pytest.raises(InputError) as caught:
        wire.from_wire(shown)
    assert caught.value.reference == "secret-masked"


def _structs(kind: Any = Machine, seen: set[Any] | None = None) -> set[Any]:
    """Every type that a config is made of."""
    seen = set() if seen is None else seen
    if kind not in seen:
        seen.add(kind)
        for field in fields(kind):
            for name, other in (vars(document) | vars(secret)).items():
                used = isinstance(other, type) and issubclass(other, Struct) and other is not Struct
                if used and f".{name}" in str(field.type):
                    _structs(other, seen)
    return seen


PUBLIC = {"authorized_keys": "public keys"}


def test_every_field_that_sounds_secret_is_one() -> None:
    words = ("password", "token", "secret", "key", "passphrase", "credential")
    assert len(_structs()) > 20
    for kind in _structs() - {secret.SecretAt}:
        for field in fields(kind):
            if any(word in field.name for word in words) and field.name not in PUBLIC:
                assert secret.holds_secret(field.type), f"{kind.__name__}.{field.name} is no Secret"


def test_no_secret_is_ever_shown() -> None:
    whole = machine()
    shown = repr(paths.masked(whole)) + repr(paths.changes(Machine(), whole)) + repr(paths.changes(whole, Machine()))
    assert "hunter2" not in shown
    assert "swordfish" not in shown
    assert secret.MASK in shown
    assert "app.key" in shown
    assert paths.get(whole, "registries[docker.io].auth.password") == secret.MASK


def test_a_changed_secret_is_a_change() -> None:
    changed = machine(WHOLE.replace(b"hunter2", b"hunter3"))
    assert paths.changes(machine(), changed) == [("registries[docker.io].auth.password", secret.MASK, secret.MASK)]


def test_changes_are_told_by_names_not_by_places() -> None:
    old = machine("volumes: [{name: a, disk: {serial: A}}, {name: b, disk: {serial: B}}]\nhostname: x")
    new = machine("volumes: [{name: b, disk: {serial: C}}]\nhostname: y")
    assert [tuple(change) for change in paths.changes(old, new)] == [
        ("hostname", "x", "y"),
        ("volumes[a]", {"name": "a", "disk": {"serial": "A"}}, None),
        ("volumes[b].disk.serial", "B", "C"),
    ]


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("hostname", "hostname"),
        ("network.interfaces[bond0].routes", "network.interfaces[bond0].routes"),
        ("network.interfaces[1].mtu", "network.interfaces[52:54:00:12:34:56].mtu"),
        ("volumes[data]", "volumes"),
        ("kernel.sysctls.vm", None),
        ("nonsense", None),
        ("hostname.x", None),
        ("a..b", None),
        ("", None),
        ("kind", None),
    ],
)
def test_unset_takes_away_what_stands_at_a_path(path: str, left: str | None) -> None:
    if left is None:
        with pytest.raises(InputError):
            paths.unset(machine(), path)
        return
    gone = paths.unset(machine(), path)
    assert {change.path for change in paths.changes(machine(), gone)} == {left}


def test_each_key_that_is_offered_is_one_that_the_config_sets() -> None:
    whole = machine(WHOLE)
    offered = list(paths.keys_of(json.loads(wire.to_wire(whole))))
    assert {"hostname", "kernel", "kernel.sysctls", "volumes[data]", "volumes[data].disk"} <= set(offered)
    assert "kind" not in offered
    assert len(offered) == len(set(offered)) > 20
    for path in offered:
        paths.get(whole, path)  # raises for what is not set


def test_each_path_of_a_change_can_be_asked_for_and_unset() -> None:
    whole = machine(WHOLE.replace(b"vm.max_map_count", b"net.ipv4.ip_forward"))
    found = paths.changes(machine("kernel: {sysctls: {vm.swappiness: '1'}}"), whole)
    assert "kernel.sysctls[net.ipv4.ip_forward]" in {change.path for change in found}
    for change in found:
        if change.new is not None:
            assert paths.get(whole, change.path) is not None
            needed = change.path == "containers"  # by a health check
            assert needed or paths.unset(whole, change.path) != whole


def test_what_is_there_for_each_other_is_unset_together_in_any_order() -> None:
    whole = machine("containers: [{name: web, image: reg.lan/web:1}]\nhealth: [{name: web, container: web}]")
    assert paths.unset(whole, "containers", "health") == paths.unset(whole, "health", "containers") == Machine()
    with pytest.raises(InputError, match="health-container"):
        paths.unset(whole, "containers")


def test_a_misspelt_path_names_the_near_one() -> None:
    with pytest.raises(InputError) as caught:
        paths.get(machine(), "volumes[dato].disk")
    assert "did you mean data?" in caught.value.hint


def test_every_section_of_a_config_belongs_to_an_area() -> None:
    for field in fields(Machine):
        if field.encode_name not in {"apiVersion", "network", "kernel", "time", "certificates", "hostContainers"}:
            assert areas.area_of(field.encode_name), field.encode_name
    for section in ("network.interfaces", "network.dns", "kernel.sysctls", "kernel.modules", "kernel.arguments"):
        assert areas.area_of(section), section
    for section in ("hostContainers.limits", "hostContainers.containers"):
        assert areas.area_of(section), section
    for section in ("time.servers", "time.zone", "certificates.trusted", "certificates.revoked", "certificates.names"):
        assert areas.area_of(section), section


def test_a_change_says_what_restarts_and_whether_a_reboot_is_needed() -> None:
    changed = paths.changes(Machine(), machine())
    acts = {c.area: c.act for c in areas.consequences(changed, Posture.GUARDED)}
    assert acts["network"] is Act.RELOAD
    assert acts["resolver"] is Act.RESTART
    assert acts["files"] is Act.REBOOT
    assert set(acts) == {area.name for area in areas.AREAS} - {"users"}
    before, after = machine("time: {servers: [ntp.example.org]}"), machine("time: {servers: [ntp.example.com]}")
    one = areas.consequences(paths.changes(before, after), Posture.GUARDED)
    assert [(c.area, c.unit) for c in one] == [("time", "systemd-timesyncd.service")]
    assert {c.act for c in areas.consequences(changed, Posture.OPEN) if c.area == "files"} == {Act.NOTHING}


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(string.printable),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["kind", "network", "files", "name", "x"]), inner),
)


@pytest.mark.parametrize(
    "text",
    [
        "users:\n- {name: joe, passwordHash: 12345}",
        "containers: [{name: a, image: x.io/a, environment: {TOKEN: 12345}}]",
        "files: [{path: /etc/app/key, secret: 12345}]",
        "files: [{path: /etc/app/key, secret: {file: '12345'}}]",
        "registries: [{host: r.lan, auth: {username: u, password: 12345}}]",
        "registries: [{host: r.lan, auth: {username: u, password: [12345]}}]",
    ],
)
def test_a_secret_that_does_not_fit_is_not_told(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read(f"kind: Machine\n{text}".encode(), "machine.yaml")
    assert "12345" not in repr(caught.value) + str(caught.value) + caught.value.hint


@given(st.binary(max_size=300) | JSON.map(msgspec.json.encode))
def test_bytes_that_are_no_config_are_an_error(data: bytes) -> None:
    try:
        wire.from_wire(data)
    except InputError:
        return


HOSTILE = {
    "brackets": b"[" * 100_000,
    "maps": b'{"network":' * 5000,
    "long": b'{"kind":"Machine","hostname":"' + b"a" * 600_000 + b'"}',
    "surrogate": b'{"kind":"Machine","hostname":"\\ud800"}',
    "infinite": b'{"kind":"Machine","volumes":1e999}',
    "digits": b'{"kind":"Machine","volumes":' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_json_is_an_error(name: str) -> None:
    with pytest.raises(InputError):
        wire.from_wire(HOSTILE[name])


def test_what_is_left_out_is_left_out_of_the_wire_form_at_every_depth() -> None:
    assert wire.to_wire(machine("kernel: {modules: [x]}")) == b'{"kernel":{"modules":["x"]},"kind":"Machine"}'


def test_a_config_that_no_machine_takes_is_refused_where_it_is_written() -> None:
    files = ", ".join(f"{{path: /etc/x{number}, content: {'x' * 200_000}}}" for number in range(3))
    with pytest.raises(InputError) as caught:
        read(f"kind: Machine\nfiles: [{files}]".encode(), "machine.yaml")
    assert caught.value.reference == "config-too-large"


HOSTILE_YAML = {
    "hexadecimal": b"hostname: 0x" + b"f" * 10_000,
    "base 60": b"hostname: 1" + b":59" * 100_000,
    "decimal": b"hostname: " + b"9" * 10_000,
    "lists": b"hostname: " + b"[" * 100_000,
    "blocks": b"- " * 5_000,
    "maps": b"{a: " * 5_000,
    "keys": b"? " * 5_000,
    "surrogate": b'hostname: "\\ud800"',
    "infinite": b"containers: [{name: a, image: x.io/a, cpus: .inf}]",
    "no number": b"containers: [{name: a, image: x.io/a, cpus: .nan}]",
    "tag": b"hostname: !!python/object/apply:os.getcwd []",
}


@pytest.mark.parametrize("name", list(HOSTILE_YAML))
def test_hostile_yaml_is_an_error(name: str) -> None:
    with pytest.raises(InputError):
        read(b"kind: Machine\n" + HOSTILE_YAML[name], "machine.yaml", Posture.OPEN)


@given(st.sampled_from([f.encode_name for f in fields(Machine)]), JSON)
def test_any_value_for_any_key_is_a_config_or_an_error(key: str, value: Any) -> None:
    data = msgspec.json.encode({"kind": "Machine", key: value})
    for decode in (wire.from_wire, lambda data: read(data, "machine.yaml")):
        try:
            found = decode(data)
        except InputError:
            continue
        assert wire.from_wire(wire.to_wire(found)) == found


@pytest.mark.parametrize(
    ("text", "where", "hint"),
    [
        ("kernel:\n  sysctls:\n    vm.a: '1'\n    vm.b: 2\n    vm.c: 3", "line 5: 2 at kernel.sysctls.vm.b", "quotes"),
        ("kernel:\n  sysctls:\n    vm.a: '1'\n    vm/b: '2'", "line 5: 'vm/b' at kernel.sysctls.vm/b", "matches"),
        ("containers:\n- name: a\n  image: x.io/a\n  environment:\n    A: 80", "line 6: the value is", "quotes"),
        ("network:\n  interfaces:\n  - {name: a, mtu: 9}", "line 4: Expected", "a number from 576 up to 65536"),
    ],
)
def test_an_error_names_the_key_that_is_wrong(text: str, where: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read(f"kind: Machine\n{text}".encode(), "machine.yaml")
    start, _, path = where.partition(" at")
    assert start in caught.value.message
    assert path.strip() in caught.value.context
    assert hint in caught.value.hint


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_bytes_that_are_no_yaml_config_are_an_error(data: bytes) -> None:
    try:
        documents.decode(data, Machine, "machine.yaml")
    except InputError:
        return


def test_a_yaml_bomb_is_an_error() -> None:
    bomb = b"a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b]\nkind: Machine\n"
    with pytest.raises(InputError) as caught:
        documents.decode(bomb, Machine, "machine.yaml")
    assert caught.value.reference == "yaml-alias"
