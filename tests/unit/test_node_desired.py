"""What the config and the image ask for, beside what is: one config text, and what each kind makes of it."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from adamant.api import node_pb2 as pb
from adamant.api import resources_pb2
from adamant.node import record
from adamant.node.config.generations import FOLDER, Store, Why
from adamant.node.mounts import TABLE
from adamant.node.reading import BOOT_ID
from adamant.node.resources import (
    clock,
    containers,
    desired,
    disks,
    kernel_arguments,
    masking,
    modules,
    mounts,
    network_config,
    resolvers,
    slots,
)
from adamant.node.resources.found import Found, Sources
from adamant.node.systemd import Unit
from adamant.node.update import state
from tests.unit.config_in_force import give

CONFIG = """\
network:
  interfaces:
    - {mac: "52:54:00:12:34:56", addresses: [10.0.2.15/24, 2001:DB8::5/64], mtu: 9000, routes: [
        {via: 10.0.2.2}, {to: 10.9.0.0/16, via: 10.0.2.3, metric: 50}, {to: "2001:db8:9::/48", via: "fe80::0001"}]}
    - {name: office, vlan: {id: 7, link: eth0}, addresses: [192.0.2.7/24]}
    - {name: bond0, bond: {links: [eth1, eth2]}}
    - {name: br0, bridge: {}, required: false}
    - {name: spare, required: false}
  dns: {servers: [10.0.2.3, 2001:DB8::53], search: [example.org, ~lan]}
time: {servers: [ntp.example.org, ntp2.example.org], zone: Europe/Berlin}
kernel:
  arguments: [quiet, mem=2G, console=ttyS1, x.token=hush]
  modules: [nbd, dm-mod]
volumes:
  - {name: data, disk: {serial: disk-1}}
  - {name: part, disk: {label: photos}, filesystem: xfs}
  - {name: gone, disk: {serial: none-such}}
containers:
  - {name: web, image: reg.lan/web:1, environment: {TOKEN: hush}}
  - {name: fixed, image: "reg.lan/fixed:1@sha256:DIGEST"}
  - {name: once, image: reg.lan/once:1, restart: on-failure}
hostContainers:
  containers: [{name: watcher, image: reg.lan/watcher:1}]
""".replace("DIGEST", "ab" * 32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with the config in force."""
    give(tmp_path, CONFIG)
    return tmp_path


def _sources(root: Path) -> Sources:
    return Sources(root, pb.BootResponse, pb.HealthResponse)


def _write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def _by_name(found: list[Found]) -> dict[str, Found]:
    assert len({item.name for item in found}) == len(found)
    return {item.name: item for item in found}


def _link(name: str, **fields: Any) -> Found:
    return Found(name, resources_pb2.Link(**fields))


ETH0 = _link("eth0", index=2, address="52:54:00:12:34:56", state="up", mtu_bytes=9000)
OFFICE = _link(
    "office", index=5, kind="vlan", vlan=7, below="eth0", state="up", mtu_bytes=9000, address=ETH0.actual.address
)


# The common way


def test_of_a_field_what_is_asked_for_alone_is_compared() -> None:
    actual = resources_pb2.Disk(size_bytes=5, file_system="xfs", partitions=[resources_pb2.Partition(name="vda1")])
    asked = resources_pb2.Disk(
        size_bytes=6, file_system="xfs", partitions=[resources_pb2.Partition(name=n, label="x") for n in ("vda1", "b")]
    )
    assert desired.differing(actual, asked) == ["size 6", "label x of vda1", "name b of b", "label x of b"]
    assert desired.differing(actual, resources_pb2.Disk()) == []
    seen = resources_pb2.Resolver(servers=["a", "b"])
    assert desired.differing(seen, resources_pb2.Resolver(servers=["b", "c", "d"])) == ["servers c d"]


def test_a_machine_without_a_config_asks_for_nothing(tmp_path: Path) -> None:
    network = desired.config(tmp_path).network
    assert network_config.wanted_links(network, [ETH0]) == {}
    assert (
        network_config.wanted_addresses(network, [ETH0], []) == network_config.wanted_routes(network, [ETH0], []) == {}
    )
    (told,) = resolvers.collect(_sources(tmp_path))
    assert told.desired is None
    (told,) = clock.collect(_sources(tmp_path))
    assert (told.desired, told.reason) == (None, "")
    _write(tmp_path, {"proc/cmdline": "ro quiet\n", "proc/modules": "a 1 0 - Live 0x0\n", TABLE: ""})
    for collect in (kernel_arguments.collect, modules.collect):
        assert [item.desired for item in collect(_sources(tmp_path)) if item.actual is None or item.desired] == []
    for collect in (containers.collect_containers, containers.collect_images, disks.collect):
        assert collect(_sources(tmp_path)) == []


def test_a_config_that_cannot_be_read_hides_nothing_of_what_is(root: Path) -> None:
    _write(root, {"proc/cmdline": "ro quiet\n"})
    assert [item.name for item in kernel_arguments.collect(_sources(root)) if item.desired]
    store = Store(root / FOLDER)
    made = store.add(b'{"kind":"Machine","ofANewerRelease":1}', "mary", Why.APPLY)
    store.write(replace(store.journal, running=made.number))
    found = kernel_arguments.collect(_sources(root))
    assert [(item.name, item.desired) for item in found] == [("ro", None), ("quiet", None)]


# Networks


def test_a_link_is_to_be_what_the_config_makes_of_it(root: Path) -> None:
    network = desired.config(root).network
    links = [ETH0, OFFICE, _link("eth1", index=3, state="up", master="bond0"), _link("spare", index=9, state="down")]
    found = _by_name(desired.beside(links, network_config.wanted_links(network, links)))
    assert found["eth0"].desired == resources_pb2.Link(address="52:54:00:12:34:56", mtu_bytes=9000, state="up")
    assert found["office"].desired == resources_pb2.Link(kind="vlan", vlan=7, below="eth0", state="up")
    assert [found[name].reason for name in ("eth0", "office", "eth1")] == ["", "", ""]
    assert found["eth1"].desired == resources_pb2.Link(master="bond0")
    for name, kind in (("bond0", "bond"), ("br0", "bridge"), ("eth2", "")):
        assert (found[name].actual, found[name].desired.kind) == (None, kind)
        assert found[name].reason == "there is no such link"
    assert found["spare"].desired is None, "nobody waits for it"


def test_a_link_that_is_another_says_in_what(root: Path) -> None:
    network = desired.config(root).network
    eth0 = _link("eth0", index=2, address="52:54:00:12:34:56", state="down", mtu_bytes=1500)
    office = _link("office", index=5, kind="vlan", vlan=8, below="eth1", state="up")
    bridge = _link("br0", index=6, kind="dummy", state="unknown")
    links = [eth0, office, bridge, _link("bond0", index=7, kind="bond", state="unknown")]
    found = _by_name(desired.beside(links, network_config.wanted_links(network, links)))
    assert found["eth0"].reason == "the config asks for state up, mtu 9000"
    assert found["office"].reason == "the config asks for vlan 7, below eth0"
    assert found["br0"].reason == "the config asks for kind bridge"
    assert found["bond0"].reason == "", "its driver does not say whether it is up"


def test_a_link_by_its_hardware_address_is_not_what_is_made_on_it(root: Path) -> None:
    network = desired.config(root).network
    found = desired.beside([OFFICE], network_config.wanted_links(network, [OFFICE]))
    by_name = _by_name(found)
    assert by_name["office"].reason == ""
    assert by_name["52:54:00:12:34:56"].actual is None


def test_an_address_that_no_link_has_is_listed(root: Path) -> None:
    network, links = desired.config(root).network, [ETH0, OFFICE]
    there = [
        Found(f"{link}/{text}", resources_pb2.Address(link=link, address=text, family=family))
        for link, text, family in (
            ("eth0", "10.0.2.15/24", 4),
            ("eth0", "fe80::1/64", 6),
            ("eth0", "192.0.2.7/24", 4),
        )
    ]
    found = _by_name(desired.beside(there, network_config.wanted_addresses(network, links, there)))
    assert (found["eth0/10.0.2.15/24"].desired.address, found["eth0/10.0.2.15/24"].reason) == ("10.0.2.15/24", "")
    assert found["eth0/fe80::1/64"].desired is None
    missing = found["eth0/2001:db8::5/64"]
    assert (missing.actual, missing.desired.family, missing.reason) == (None, 6, "no link has it")
    assert found["office/192.0.2.7/24"].reason == "eth0 has it"


def test_a_route_is_the_one_of_the_config_or_is_missing(root: Path) -> None:
    network = desired.config(root).network

    def route(name: str, destination: str, gateway: str, metric: int, family: int = 4, table: int = 254) -> Found:
        message = resources_pb2.Route(
            destination=destination, gateway=gateway, link="eth0", metric=metric, family=family, table=table
        )
        return Found(name, message)

    there = [
        route("default@eth0", "default", "10.0.2.9", 100),
        route("default@eth0:metric-7", "default", "10.0.2.2", 7),
        route("10.9.0.0/16@eth0", "10.9.0.0/16", "10.0.2.3", 51),
        route("2001:db8:9::/48@eth0", "2001:db8:9::/48", "fe80::1", 1024, 6),
    ]
    found = _by_name(desired.beside(there, network_config.wanted_routes(network, [ETH0], there)))
    assert found["default@eth0"].desired is None
    assert found["default@eth0:metric-7"].desired.gateway == "10.0.2.2"
    assert found["default@eth0:metric-7"].reason == found["2001:db8:9::/48@eth0"].reason == ""
    assert found["2001:db8:9::/48@eth0"].desired.family == 6
    missing = found["10.9.0.0/16@eth0:metric-50"]
    assert (missing.actual, missing.desired.metric, missing.reason) == (None, 50, "there is no such route")
    there[1] = route("default@eth0:metric-7", "default", "10.0.2.2", 7, table=99)
    found = _by_name(desired.beside(there, network_config.wanted_routes(network, [ETH0], there)))
    assert found["default@eth0:metric-0"].reason == "there is no such route", "that of another table is another"


def test_a_metric_of_zero_is_what_the_kernel_takes_it_for(tmp_path: Path) -> None:
    routes = "{via: 10.0.2.2, metric: 0}, {via: fe80::1, metric: 0}"
    give(tmp_path, f"network: {{interfaces: [{{name: eth0, routes: [{routes}]}}]}}\n")
    found = network_config.wanted_routes(desired.config(tmp_path).network, [ETH0], [])
    assert {name: one.spec.metric for name, one in found.items()} == {"default@eth0": 0, "default6@eth0": 1024}


def test_name_servers_of_the_config_are_among_those_of_all_links(root: Path) -> None:
    servers = "nameserver 10.0.2.3\nnameserver 192.0.2.1\n"
    _write(root, {resolvers.FILE: f"{servers}nameserver 2001:db8::53\nsearch example.org\n"})
    (found,) = resolvers.collect(_sources(root))
    assert found.desired == resources_pb2.Resolver(servers=["10.0.2.3", "2001:db8::53"], domains=["example.org"])
    assert found.reason == ""
    _write(root, {resolvers.FILE: servers})
    (found,) = resolvers.collect(_sources(root))
    assert found.reason == "the config asks for servers 2001:db8::53, domains example.org"


# The clock


@pytest.mark.parametrize(
    ("zone", "synchronized", "server", "reason"),
    [
        ("Europe/Berlin", True, "ntp2.example.org (192.0.2.1:123)", ""),
        ("Europe/Berlin", True, "", ""),
        ("UTC", True, "", "the config asks for zone Europe/Berlin"),
        ("UTC", False, "", "the config asks for zone Europe/Berlin; no server has set it"),
        (
            "Europe/Berlin",
            True,
            "of.the.link (192.0.2.9:123)",
            "of.the.link sets it, and the config asks for ntp.example.org ntp2.example.org",
        ),
    ],
)
def test_the_clock_is_set_by_the_servers_of_the_config(
    root: Path, zone: str, synchronized: bool, server: str, reason: str
) -> None:
    seen = resources_pb2.Clock(zone=zone, synchronized=synchronized, server=server)
    found = clock.judge(seen, desired.config(root).time)
    assert found.desired == resources_pb2.Clock(
        zone="Europe/Berlin", servers=["ntp.example.org", "ntp2.example.org"], synchronized=True
    )
    assert found.reason == reason


# The kernel


def test_arguments_of_the_config_wait_for_a_reboot(root: Path) -> None:
    _write(root, {"proc/cmdline": "ro console=ttyS0 quiet\n"})
    found = _by_name(kernel_arguments.collect(_sources(root)))
    assert list(found) == ["ro", "console", "quiet", "mem", "console#5", "x.token"]
    assert found["console"].desired is None
    assert (found["quiet"].desired, found["quiet"].reason) == (resources_pb2.KernelArgument(), "")
    for name, value in (("mem", "2G"), ("console#5", "ttyS1"), ("x.token", masking.MASK)):
        assert (found[name].actual, found[name].desired.value) == (None, value)
        assert found[name].reason == "it waits for a reboot"
    _write(root, {"proc/cmdline": "ro console=ttyS0 quiet mem=2G console=ttyS1 x.token=hush\n"})
    found = _by_name(kernel_arguments.collect(_sources(root)))
    assert {name for name, item in found.items() if item.desired} == {"quiet", "mem", "console#5", "x.token"}
    assert not [item for item in found.values() if item.reason]
    assert "hush" not in str(found)


def test_a_secret_argument_that_changes_waits_without_being_shown(root: Path) -> None:
    _write(root, {"proc/cmdline": "x.token=old\n"})
    found = _by_name(kernel_arguments.collect(_sources(root)))
    assert found["x.token"].desired is None
    assert found["x.token#5"].desired.value == masking.MASK


def test_modules_are_to_be_loaded_by_files_of_the_image_and_of_the_config(tmp_path: Path) -> None:
    release = "usr/lib/modules/6.1-x"
    _write(
        tmp_path,
        {
            "proc/modules": "nbd 1 0 - Live 0x0\nstranger 1 0 - Live 0x0\nslow 1 0 - Loading 0x0\n",
            "proc/sys/kernel/osrelease": "6.1-x\n",
            f"{release}/modules.builtin": "kernel/drivers/block/loop.ko\n",
            "usr/lib/modules-load.d/adamant.conf": "# words\nloop\nefi_pstore\n\n; more\nslow\n",
            "usr/lib/modules-load.d/hidden.conf": "never\n",
            "etc/modules-load.d/hidden.conf": "",
            "run/modules-load.d/adamant-config.conf": "nbd\ndm-mod\n",
        },
    )
    found = _by_name(modules.collect(_sources(tmp_path)))
    assert set(found) == {"nbd", "stranger", "slow", "efi_pstore", "dm_mod"}
    assert (found["nbd"].desired.state, found["nbd"].reason, found["stranger"].desired) == ("live", "", None)
    assert (found["dm_mod"].actual, found["dm_mod"].reason) == (
        None,
        "/run/modules-load.d/adamant-config.conf asks for it",
    )
    assert found["efi_pstore"].reason == "/usr/lib/modules-load.d/adamant.conf asks for it"
    assert found["slow"].reason == "/usr/lib/modules-load.d/adamant.conf asks for state live"


# Disks, mounts, slots


def _disks(root: Path) -> None:
    _write(
        root,
        {
            "sys/block/vdb/size": "8\n",
            "sys/block/vdb/dev": "254:16\n",
            "sys/block/vdb/serial": "disk-1\n",
            "sys/block/vdc/size": "8\n",
            "sys/block/vdc/dev": "254:32\n",
            "sys/block/vdc/vdc1/partition": "1\n",
            "sys/block/vdc/vdc1/dev": "254:33\n",
            "run/udev/data/b254:16": "E:ID_FS_TYPE=ext4\n",
            "run/udev/data/b254:33": "E:ID_FS_TYPE=xfs\n",
            "dev/vdc1": "",
            TABLE: "",
        },
    )
    (root / "sys/class/block").mkdir(parents=True)
    for name in ("vdb", "vdc", "vdc/vdc1"):
        (root / "sys/class/block" / name.rpartition("/")[2]).symlink_to(root / "sys/block" / name)
    (root / "dev/disk/by-partlabel").mkdir(parents=True)
    (root / "dev/disk/by-partlabel/photos").symlink_to("../../vdc1")


def _mount(number: str, where: str, kind: str) -> str:
    return f"30 1 {number} / {where} rw,nosuid - {kind} /dev/x rw\n"


def test_a_volume_is_wanted_of_its_disk_and_of_its_mount_point(root: Path) -> None:
    _disks(root)
    found = _by_name(disks.collect(_sources(root)))
    assert found["vdb"].desired == resources_pb2.Disk(file_system="ext4", mounted_at="/var/mnt/data")
    assert found["vdb"].reason == "the config asks for mounted at /var/mnt/data"
    assert found["vdc"].reason == "the config asks for mounted at /var/mnt/part of vdc1"
    gone = found["none-such"]
    assert (gone.actual, gone.desired.serial, gone.reason) == (None, "none-such", "no disk fits serial none-such")
    mounted = _by_name(mounts.collect(_sources(root)))
    for name in ("data", "part", "gone"):
        item = mounted[f"/var/mnt/{name}"]
        assert (item.actual, item.desired.access, item.reason) == (None, "writable", "nothing is mounted there")

    (root / TABLE).write_text(_mount("254:16", "/var/mnt/data", "ext4") + _mount("254:33", "/var/mnt/part", "xfs"))
    found = _by_name(disks.collect(_sources(root)))
    assert (found["vdb"].actual.mounted_at, found["vdb"].reason, found["vdc"].reason) == ("/var/mnt/data", "", "")
    mounted = _by_name(mounts.collect(_sources(root)))
    assert (mounted["/var/mnt/data"].reason, mounted["/var/mnt/gone"].reason) == ("", "nothing is mounted there")


def test_a_disk_that_holds_something_else_says_so(root: Path) -> None:
    _disks(root)
    _write(root, {"run/udev/data/b254:16": "E:ID_FS_TYPE=btrfs\n"})
    found = _by_name(disks.collect(_sources(root)))
    assert found["vdb"].reason == "the config asks for file system ext4, mounted at /var/mnt/data"


def test_the_slot_of_the_staged_release_is_the_one_that_should_run() -> None:
    parts = [resources_pb2.Partition(name=f"vda{n}", label=label) for n, label in ((2, "usr-a"), (4, "usr-b"))]
    found = _by_name(slots.judge(parts, "usr-a", "ab" * 32, "7"))
    assert (found["usr-a"].desired, found["usr-a"].reason) == (resources_pb2.Slot(running=True, version="7"), "")
    assert found["usr-b"].desired is None
    found = _by_name(slots.judge(parts, "usr-a", "ab" * 32, "7", "8"))
    assert found["usr-a"].desired is None
    assert found["usr-b"].desired == resources_pb2.Slot(running=True, version="8")
    assert found["usr-b"].reason == "8 is staged and waits for a reboot"


def test_a_release_that_was_staged_in_another_boot_is_not_waited_for(tmp_path: Path) -> None:
    files = {
        BOOT_ID: "b" * 32,
        TABLE: "",
        record.FILE: '{"slot": "usr-a", "disk": "vda", "times": {}}',
        "usr/lib/os-release": "IMAGE_VERSION=7\n",
        "sys/block/vda/size": "8\n",
    }
    for number, label in ((2, "usr-a"), (4, "usr-b")):
        files[f"sys/block/vda/vda{number}/partition"] = f"{number}\n"
        files[f"sys/block/vda/vda{number}/uevent"] = f"PARTNAME={label}\n"
    _write(tmp_path, files)
    for boot, wanted in (("b" * 32, {"usr-b": "8"}), ("a" * 32, {"usr-a": "7"})):
        state.write(tmp_path, state.Record(staged="8", boot=boot))
        found = slots.collect(_sources(tmp_path))
        assert {item.name: item.desired.version for item in found if item.desired} == wanted


# Containers


def _containers(machine: Any, seen: dict[str, Any], ended: set[str]) -> dict[str, Found]:
    actual = [Found(name, message) for name, message in seen.items()]
    return _by_name(desired.beside(actual, containers.wanted_containers(machine, ended)))


def test_a_container_of_the_config_runs_its_image_or_says_why_not(root: Path) -> None:
    machine = desired.config(root)
    other = resources_pb2.Container(namespace="k8s.io", image="x", state="stopped", containerd="containerd")

    def web(image: str, state: str) -> Any:
        return resources_pb2.Container(namespace="adamant", image=image, state=state, containerd="containerd")

    found = _containers(machine, {"adamant/web": web("reg.lan/web:1", "running"), "k8s.io/pod": other}, set())
    assert found["adamant/web"].desired == web("reg.lan/web:1", "running")
    assert (found["adamant/web"].reason, found["k8s.io/pod"].desired) == ("", None)
    for name, unit in (("adamant/fixed", "fixed"), ("adamant/once", "once"), ("host/watcher", "watcher")):
        assert found[name].actual is None
        assert found[name].reason == f"it does not run: adamant node logs adamant-container@{unit}.service"
    assert found["host/watcher"].desired.containerd == "host-containerd"
    assert "hush" not in str(found)
    found = _containers(machine, {"adamant/web": web("reg.lan/web:0", "paused")}, set())
    assert found["adamant/web"].reason == "the config asks for image reg.lan/web:1, state running"


def test_a_container_that_may_end_and_did_is_not_missed(root: Path) -> None:
    machine = desired.config(root)
    units = [f"adamant-container@{name}.service" for name in ("once", "web")]
    found = _containers(machine, {}, set(units))
    assert "adamant/once" not in found
    assert "adamant/web" in found, "it is to run always"
    once = units[0]
    assert containers.ended([once], []) == {once}, "systemd forgets what ended well"
    for active, gone in (("inactive", True), ("failed", False), ("active", False), ("activating", False)):
        assert bool(containers.ended([once], [Unit(once, "loaded", active, "sub", "/path")])) is gone


def test_without_a_containerd_what_the_config_wants_is_missing(root: Path) -> None:
    found = _by_name(containers.collect_containers(_sources(root)))
    assert {"adamant/web", "adamant/fixed", "host/watcher"} <= set(found)
    assert not [item for item in found.values() if item.actual is not None]


def test_images_are_those_of_the_containers_with_their_digest(root: Path) -> None:
    fixed = f"reg.lan/fixed:1@sha256:{'ab' * 32}"
    seen = [
        Found(f"adamant/{name}", resources_pb2.Image(namespace="adamant", digest=digest, containerd="containerd"))
        for name, digest in (("reg.lan/web:1", "sha256:1"), (fixed, "sha256:2"), ("reg.lan/other:1", "sha256:3"))
    ]
    found = _by_name(desired.beside(seen, containers.wanted_images(desired.config(root))))
    assert (found["adamant/reg.lan/web:1"].reason, found["adamant/reg.lan/other:1"].desired) == ("", None)
    assert found[f"adamant/{fixed}"].reason == f"the config asks for digest sha256:{'ab' * 32}"
    for name in ("adamant/reg.lan/once:1", "host/reg.lan/watcher:1"):
        assert (found[name].actual, found[name].reason) == (None, "it was not pulled")
