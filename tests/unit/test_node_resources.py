"""What collectors make of the kernel's and the system's words, and that no words can break them."""

import contextlib
import hashlib
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.api import node_pb2 as pb
from adamant.api import resources_pb2
from adamant.core import limits
from adamant.model import sysctl
from adamant.model.errors import AdamantError, InputError
from adamant.node.config.journal import Mode
from adamant.node.containerd import containers_pb2, images_pb2, tasks_pb2
from adamant.node.containers.runtime import HOST, WORKLOAD
from adamant.node.mounts import Mount
from adamant.node.resources import (
    accounts,
    answers,
    capabilities,
    certificates,
    cgroups,
    clock,
    containers,
    cpu,
    disks,
    extensions,
    generations,
    kernel_arguments,
    keyed,
    masking,
    memory,
    modules,
    mounts,
    netlink,
    network,
    packages,
    pressure,
    processes,
    protections,
    resolvers,
    services,
    slots,
    sockets,
    sysctls,
    udev,
)
from adamant.node.resources.found import Found, Sources
from adamant.node.resources.registry import KINDS
from adamant.node.resources.services import Details
from adamant.node.systemd import Unit
from tests.unit.config_machine import NEW, OLD, Machine, document


def _sources(root: Path, *names: str) -> Sources:
    return Sources(root, pb.BootResponse, pb.HealthResponse, dict, names)


def _write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def _by_name(found: list[Found]) -> dict[str, Any]:
    return {item.name: item.actual for item in found}


# Memory, processors, pressure


def test_memory_is_counted_in_bytes() -> None:
    made = memory.parse("MemTotal:        2014124 kB\nMemAvailable:    1790000 kB\nShmem: 7 kB\nHugePages_Total:  0\n")
    assert (made.total_bytes, made.available_bytes, made.shared_bytes) == (2014124 << 10, 1790000 << 10, 7 << 10)


def test_the_load_stands_with_all_processors_and_times_with_each() -> None:
    stat = "cpu  100 2 50 1000 7 1 2 3 0 0\ncpu0 60 1 25 500 3 1 0 1 0 0\ncpu1 40 1 25 500 4 0 2 2 0 0\nintr 5\n"
    found = _by_name(cpu.parse(stat, "0.50 1.25 2.00 1/100 999\n", "processor: 0\nmodel name\t: Emu\n", 100))
    assert list(found) == ["all", "0", "1"]
    assert (found["all"].load_1, found["all"].load_15, found["0"].load_1) == (0.5, 2.0, 0.0)
    assert (found["0"].user_usec, found["all"].interrupt_usec, found["1"].stolen_usec) == (600_000, 30_000, 20_000)
    assert found["1"].model == "Emu"


def test_pressure_has_shares_and_times() -> None:
    made = pressure.parse(
        "some avg10=1.50 avg60=0.25 avg300=0.00 total=123456\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=99\n"
    )
    assert (made.some_10, made.some_60, made.some_usec, made.full_10, made.full_usec) == (1.5, 0.25, 123456, 0.1, 99)
    assert pressure.parse("some avg10=nan avg60=inf avg300=x total=-1").some_60 == 0.0


# The kernel's arguments, modules, settings


def test_arguments_of_the_kernel_keep_quoted_spaces_and_lose_secrets() -> None:
    found = _by_name(kernel_arguments.parse('ro console=tty0 console=ttyS0 x="a b" db.password=hunter2\n'))
    assert {name: item.value for name, item in found.items()} == {
        "ro": "",
        "console": "tty0",
        "console#3": "ttyS0",
        "x": "a b",
        "db.password": masking.MASK,
    }
    assert found["x"].position == 4


def test_a_module_without_a_signature_says_so() -> None:
    table = (
        "dm_mod 212992 4 dm_verity,dm_bufio, Live 0x0000000000000000\n"
        "own 16384 0 - Loading 0x0000000000000000 (OE)\nbroken\n"
    )
    found = _by_name(modules.parse(table, lambda name: "OE" if name == "own" else "", {}))
    assert (found["dm_mod"].size_bytes, found["dm_mod"].uses, list(found["dm_mod"].used_by)) == (
        212992,
        4,
        ["dm_verity", "dm_bufio"],
    )
    assert found["dm_mod"].signed
    assert (found["own"].signed, found["own"].foreign, found["own"].state) == (False, True, "loading")


def test_a_module_names_its_file_in_the_image(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "proc/modules": "dm_mod 1 0 - Live 0x0\nstranger 1 0 - Live 0x0\n",
            "proc/sys/kernel/osrelease": "6.1-x\n",
            "usr/lib/modules/6.1-x/modules.dep": "kernel/md/dm-mod.ko.xz: kernel/a.ko\nkernel/a.ko:\nbroken\n",
        },
    )
    found = _by_name(modules.collect(_sources(tmp_path)))
    assert (found["dm_mod"].file, found["stranger"].file) == ("kernel/md/dm-mod.ko.xz", "")


def _protections(root: Path) -> dict[str, Found]:
    return {item.name: item for item in protections.collect(_sources(root))}


def test_protections_of_the_kernel_are_told_and_what_the_posture_asks_for(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            protections.LOCKDOWN: "none [integrity] confidentiality\n",
            protections.SIGNATURES: "N\n",
            protections.MODULES: "lockdown,capability,yama\n",
            protections.TAINT: f"{1 | 1 << 9 | 1 << 13 | 1 << 40}\n",
            "proc/sys/kernel/osrelease": "6.1\n",
            "usr/lib/modules/6.1/config": "CONFIG_SLAB_MERGE_DEFAULT=y\n# CONFIG_MODULE_SIG_FORCE is not set\nX=y\n",
            "usr/lib/adamant/posture": "sealed\n",
        },
    )
    found = _protections(tmp_path)
    assert {name: item.actual.state for name, item in found.items()} == {
        "lockdown": "integrity",
        "module-signatures": "allowed",
        "security-modules": "lockdown,capability,yama",
        "taint": "PWE?",
        "kernel-config": "MODULE_SIG_FORCE=n SLAB_MERGE_DEFAULT=y",
    }
    assert (found["lockdown"].desired.state, found["lockdown"].reason) == ("integrity", "")
    assert found["module-signatures"].reason == "the posture asks for signatures"
    assert found["taint"].desired is None


def test_a_kernel_that_is_locked_down_less_or_more(tmp_path: Path) -> None:
    _write(
        tmp_path, {"usr/lib/adamant/posture": "guarded\n", protections.LOCKDOWN: "[none] integrity confidentiality\n"}
    )
    assert _protections(tmp_path)["lockdown"].reason == "the posture asks for integrity"
    _write(tmp_path, {protections.LOCKDOWN: "none integrity [confidentiality]\n", protections.SIGNATURES: "Y\n"})
    found = _protections(tmp_path)
    assert (found["lockdown"].reason, found["module-signatures"].reason) == ("", "")
    _write(tmp_path, {"usr/lib/adamant/posture": "open\n"})
    assert _protections(tmp_path)["lockdown"].desired is None


def test_a_kernel_that_tells_nothing_is_not_taken_for_protected(tmp_path: Path) -> None:
    _write(tmp_path, {"usr/lib/adamant/posture": "guarded\n"})
    found = _protections(tmp_path)
    assert found["lockdown"].actual.state == found["module-signatures"].actual.state == ""
    assert found["lockdown"].reason
    assert found["module-signatures"].reason


def test_rights_of_a_process_have_names() -> None:
    status = "Name:\tx\nCapEff:\t0000008000010000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
    assert capabilities.parse(status) == (("CAP_BPF", "CAP_SYS_MODULE"), True, True)
    assert capabilities.parse("CapEff: what\nSeccomp: 1\n") == ((), False, False)
    assert len(capabilities.parse("CapEff: ffffffffffffffff\n").capabilities) == 64


def test_threads_of_the_kernel_have_no_rights_to_tell(tmp_path: Path) -> None:
    status = "CapEff:\t000001ffffffffff\n"
    _write(
        tmp_path,
        {
            "proc/stat": "btime 1\n",
            "proc/2/stat": STAT.replace("42 (a) b (c) S 1", "2 (kthreadd) S 0"),
            "proc/2/status": status,
            "proc/7/stat": STAT.replace("42 (a) b (c) S 1", "7 (kworker) S 2"),
            "proc/7/status": status,
            "proc/42/stat": STAT,
            "proc/42/status": status,
            "etc/passwd": "",
        },
    )
    found = _by_name(processes.collect(_sources(tmp_path)))
    assert {name for name, process in found.items() if process.capabilities} == {"42"}
    assert "CAP_SYS_ADMIN" in found["42"].capabilities


def _sysctl_root(root: Path) -> Path:
    _write(
        root,
        {
            "usr/lib/sysctl.d/50-default.conf": "kernel.panic = 3\n-net.core.gone = 1\nnet.ipv4.conf.*.rp_filter = 2\n",
            "usr/lib/sysctl.d/60-image.conf": "# x\nkernel.panic = 10\nkernel/shmmax = 0x10\nkernel.odd = 1\nno\n",
            "etc/sysctl.d/50-default.conf": "kernel.sysrq = 0\n",
            "proc/sys/kernel/panic": "10\n",
            "proc/sys/kernel/shmmax": "16\n",
            "proc/sys/kernel/sysrq": "176\n",
            "proc/sys/net/ipv4/ip_forward": "1\n",
            "proc/sys/net/ipv4/tcp_fastopen_key": "00000000-11111111\n",
            "proc/sys/net/ipv4/conf/eth0.5/rp_filter": "2\n",
        },
    )
    return root


def test_a_setting_has_what_files_ask_for_and_what_is(tmp_path: Path) -> None:
    found = {item.name: item for item in sysctls.collect(_sources(_sysctl_root(tmp_path)))}
    assert set(found) == {"kernel.panic", "kernel.shmmax", "kernel.sysrq", "kernel.odd"}
    assert (found["kernel.panic"].actual.value, found["kernel.panic"].reason) == ("10", "")
    assert found["kernel.panic"].desired.file == "/usr/lib/sysctl.d/60-image.conf"
    assert found["kernel.shmmax"].reason == ""
    assert found["kernel.sysrq"].reason == "/etc/sysctl.d/50-default.conf asks for 0"
    assert found["kernel.odd"].actual is None
    assert found["kernel.odd"].reason


def test_any_setting_can_be_asked_for_by_name_but_no_other_file(tmp_path: Path) -> None:
    root = _sysctl_root(tmp_path)
    found = _by_name(sysctls.collect(_sources(root, "net.ipv4.ip_forward", "net.ipv4.conf.eth0/5.rp_filter", "a.b")))
    assert {name: item.value for name, item in found.items()} == {
        "net.ipv4.ip_forward": "1",
        "net.ipv4.conf.eth0/5.rp_filter": "2",
    }
    assert _by_name(sysctls.collect(_sources(root, "net.ipv4.tcp_fastopen_key")))[
        "net.ipv4.tcp_fastopen_key"
    ].value == (masking.MASK)
    for name in ("../../etc/shadow", "kernel.../x", "/etc/passwd", "kernel.*", "panic"):
        with pytest.raises(InputError):
            sysctls.collect(_sources(root, name))


# Disks, slots, mounts


def _disk(root: Path) -> None:
    _write(
        root,
        {
            "sys/block/vda/size": "16777216\n",
            "sys/block/vda/dev": "254:0\n",
            "sys/block/vda/ro": "0\n",
            "sys/block/vda/serial": "disk-1\n",
            "sys/block/vda/vda2/partition": "2\n",
            "sys/block/vda/vda2/size": "1048576\n",
            "sys/block/vda/vda2/dev": "254:2\n",
            "sys/block/vda/vda2/uevent": "PARTN=2\nPARTNAME=usr-a\n",
            "sys/block/vda/vda10/partition": "10\n",
            "sys/block/vda/vda10/size": "8\n",
            "sys/block/vda/vda10/dev": "../../x\n",
            "sys/block/loop0/size": "8\n",
            "sys/block/sr0/size": "0\n",
            "run/udev/data/b254:2": "S:disk/by-label/x\nE:ID_FS_TYPE=erofs\nE:ID_FS_LABEL=a\\x20b\\xc3\\xa9\n",
        },
    )


def test_a_disk_has_its_partitions_and_what_udev_found_on_them(tmp_path: Path) -> None:
    _disk(tmp_path)
    mounted = Mount("/", "erofs", "/dev/vda2", "254:2", False, frozenset())
    found = _by_name(disks.read(tmp_path, [mounted]))
    assert list(found) == ["vda"]
    disk = found["vda"]
    assert (disk.size_bytes, disk.serial, disk.transport, disk.read_only) == (8 << 30, "disk-1", "virtio", False)
    assert [part.name for part in disk.partitions] == ["vda2", "vda10"]
    first = disk.partitions[0]
    assert (first.label, first.file_system, first.file_system_label, first.mounted_at) == (
        "usr-a",
        "erofs",
        "a bé",
        "/",
    )
    assert first.used_bytes > 0


def test_the_slot_that_runs_has_the_root_hash_and_the_version() -> None:
    parts = [
        resources_pb2.Partition(name="vda2", label="usr-a", file_system="erofs", size_bytes=1),
        resources_pb2.Partition(name="vda3", label="usr-a-verity"),
        resources_pb2.Partition(name="vda4", label="usr-b", size_bytes=1),
    ]
    found = _by_name(slots.judge(parts, "usr-a", "ab" * 32, "7"))
    assert (found["usr-a"].running, found["usr-a"].version, found["usr-a"].verity_device) == (True, "7", "/dev/vda3")
    assert (found["usr-b"].running, found["usr-b"].content, found["usr-b"].root_hash) == (False, "", "")


def test_a_mount_that_must_be_read_only_and_is_not_says_so() -> None:
    table = [
        Mount("/", "overlay", "root", "0:1", True, frozenset({"rw"})),
        Mount("/state", "ext4", "/dev/vda6", "1:6", True, frozenset({"rw", "nodev"})),
        Mount("/tmp", "tmpfs", "tmpfs", "0:2", True, frozenset()),
    ]
    found = {item.name: item for item in mounts.judge(table, {"/": False, "/state": True, "/var": True})}
    assert found["/"].reason == "it can be written, and must not be"
    assert (found["/"].actual.access, found["/"].desired.access) == ("writable", "read-only")
    assert (found["/state"].reason, list(found["/state"].actual.options)) == ("", ["nodev", "rw"])
    assert found["/tmp"].desired is None
    assert (found["/var"].actual, found["/var"].reason) == (None, "nothing is mounted there")


# Processes, control groups


STAT = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 1000 123456 25 18446744073709551615"


def test_a_name_may_hold_what_ends_names() -> None:
    stat = processes.parse_stat(STAT)
    assert stat == processes.Stat("a) b (c", "S", 1, 300, 3, 1000, 25)
    assert processes.parse_stat("42 (x") is None


def test_a_process_is_told_without_its_secrets(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "proc/stat": "cpu 1\nbtime 1700000000\n",
            "proc/42/stat": STAT,
            "proc/42/cmdline": "/bin/x\0--token\0abc\0--name=y\0PASSWORD=z\0http://me:pw@host/\0",
            "proc/42/cgroup": "0::/system.slice/x.service\n",
            "proc/43/stat": "gone",
            "proc/self/stat": STAT,
            "etc/passwd": "nobody\n",
        },
    )
    found = _by_name(processes.collect(_sources(tmp_path)))
    assert list(found) == ["42"]
    process = found["42"]
    assert (
        process.command
        == f"/bin/x --token {masking.MASK} --name=y PASSWORD={masking.MASK} http://me:{masking.MASK}@host/"
    )
    assert (process.parent, process.threads, process.cgroup) == (1, 3, "/system.slice/x.service")
    assert (process.cpu_usec, process.started_usec) == (3_000_000, 1_700_000_010_000_000)


def test_a_command_line_has_one_line_of_bounded_length() -> None:
    assert processes.parse_command(b"a\0b\nc\x1b[2J\0\0") == "a b c [2J"
    assert len(processes.parse_command(b"x" * 100_000)) == 1000


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("--password", True),
        ("--db-passwd", True),
        ("GITHUB_TOKEN", True),
        ("aws.secret_access_key", True),
        ("apiKey", True),
        ("--author", False),
        ("--tokenizer", False),
        ("--key-size", False),
        ("keyboard", False),
        ("passed", False),
    ],
)
def test_what_is_named_as_a_secret_is_masked(name: str, secret: bool) -> None:
    assert masking.is_secret(name) is secret
    assert (masking.pair(f"{name}=value") == f"{name}={masking.MASK}") is secret


def test_a_bearer_in_a_header_is_masked() -> None:
    assert "abcdefgh123" not in " ".join(masking.words(["-H", "Authorization: Bearer abcdefgh123"]))


def test_control_groups_are_a_tree_with_what_they_use(tmp_path: Path) -> None:
    _write(
        tmp_path / cgroups.FOLDER,
        {
            "system.slice/x.service/memory.current": "4096\n",
            "system.slice/x.service/memory.max": "max\n",
            "system.slice/x.service/cpu.stat": "usage_usec 77\nuser_usec 70\n",
            "system.slice/x.service/io.stat": "254:0 rbytes=10 wbytes=20 rios=1\n254:1 rbytes=1 wbytes=2\n",
            "system.slice/x.service/memory.events": "low 0\noom_kill 2\n",
            "system.slice/memory.max": "1000\n",
        },
    )
    found = _by_name(cgroups.collect(_sources(tmp_path)))
    assert list(found) == ["/", "/system.slice", "/system.slice/x.service"]
    group = found["/system.slice/x.service"]
    assert (group.memory_bytes, group.memory_max_bytes, group.cpu_usec) == (4096, 0, 77)
    assert (group.read_bytes, group.written_bytes, group.killed) == (11, 22, 2)
    assert found["/system.slice"].memory_max_bytes == 1000


# Units


def _unit(name: str, active: str, load: str = "loaded") -> Unit:
    return Unit(name, load, active, "sub", "/path")


@pytest.mark.parametrize(
    ("active", "details", "wanted", "reason"),
    [
        ("active", Details(), "active", ""),
        ("failed", Details(result="exit-code"), "active", "it failed: exit-code"),
        ("activating", Details(), "active", "it is being started"),
        ("inactive", Details(condition=False), "", "a condition of it does not hold on this machine"),
        ("inactive", Details(result="success", type="simple"), "active", "it is inactive"),
        ("inactive", Details(result="success", type="oneshot"), "", ""),
        ("failed", Details(result="exit-code", type="oneshot"), "active", "it failed: exit-code"),
    ],
)
def test_a_unit_that_is_started_at_boot_should_be_active(
    active: str, details: Details, wanted: str, reason: str
) -> None:
    desired, why = services.judge(_unit("x.service", active), details, True)
    assert (desired.active if desired else "", why) == (wanted, reason)
    assert services.judge(_unit("x.service", active), details, False) == (None, "")
    assert services.judge(_unit("x.service", active, "masked"), details, True) == (None, "")


def test_a_unit_is_wanted_by_targets_that_are_active(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "etc/systemd/system/multi-user.target.wants/a.service": "",
            "usr/lib/systemd/system/rescue.target.requires/b.service": "",
            "usr/lib/systemd/system/c.service.wants/d.service": "",
        },
    )
    links = services.links(tmp_path)
    units = [_unit(f"{name}.service", "active") for name in "abd"]
    assert services.wanted(units, links, {"multi-user.target"}) == {"a.service"}
    assert services.wanted(units, links, {"rescue.target"}) == {"b.service"}
    assert services.wanted(units, links, set()) == set()


# Networks


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body + bytes(-len(body) % 4)


LINKS = [
    struct.pack("=BxHiII", 0, 1, 2, 0, 0)
    + _attribute(3, b"eth0\0")
    + _attribute(1, bytes.fromhex("525400123456"))
    + _attribute(4, struct.pack("=I", 1500))
    + _attribute(10, struct.pack("=I", 3))
    + _attribute(16, b"\6")
    + _attribute(33, b"\1")
    + _attribute(23, struct.pack("=8Q", 1, 2, 3, 4, 5, 6, 7, 8)),
    struct.pack("=BxHiII", 0, 1, 3, 0, 0)
    + _attribute(3, b"br0\0")
    + _attribute(18 | 0x8000, _attribute(1, b"bridge\0")),
]


def test_links_have_their_state_and_their_counters() -> None:
    found = _by_name(network.links(LINKS))
    assert list(found) == ["eth0", "br0"]
    eth = found["eth0"]
    assert (eth.type, eth.state, eth.carrier, eth.mtu_bytes, eth.address) == (
        "ether",
        "up",
        True,
        1500,
        "52:54:00:12:34:56",
    )
    assert (eth.received_bytes, eth.sent_bytes, eth.errors, eth.dropped, eth.master) == (3, 4, 11, 15, "br0")
    assert found["br0"].kind == "bridge"


def test_a_vlan_has_its_number_and_the_link_below_it() -> None:
    def link(index: int, name: bytes, kind: bytes, *more: bytes) -> bytes:
        info = _attribute(1, kind + b"\0") + _attribute(2, _attribute(1, struct.pack("=H", 7)))
        head = struct.pack("=BxHiII", 0, 1, index, 0, 0) + _attribute(3, name + b"\0")
        return head + _attribute(18 | 0x8000, info) + _attribute(5, struct.pack("=I", 2)) + b"".join(more)

    other = _attribute(37, struct.pack("=I", 0))
    made = [link(4, b"office", b"vlan"), link(5, b"pod", b"vlan", other), link(6, b"end", b"veth")]
    found = _by_name(network.links([*LINKS, *made, link(2, b"self", b"sit")]))
    assert {name: (item.vlan, item.below) for name, item in found.items()} == {
        "eth0": (0, ""),
        "br0": (0, ""),
        "office": (7, "self"),
        "pod": (7, ""),
        "end": (0, ""),
        "self": (0, ""),
    }


def test_addresses_say_whether_they_end() -> None:
    body = (
        struct.pack("=BBBBI", socket.AF_INET, 24, 0, 0, 2)
        + _attribute(2, bytes([10, 0, 2, 15]))
        + _attribute(6, struct.pack("=4I", 100, 86400, 0, 0))
    )
    found = network.addresses([body, b"short"], {2: "eth0"})
    assert [item.name for item in found] == ["eth0/10.0.2.15/24"]
    address = found[0].actual
    assert (address.family, address.scope, address.valid_seconds, address.dynamic) == (4, "global", 86400, True)


def _route(family: int, length: int, *attributes: bytes, table: int = 254, kind: int = 1) -> bytes:
    return struct.pack("=BBBBBBBBI", family, length, 0, 0, table, 16, 0, kind, 0) + b"".join(attributes)


def test_routes_have_names_of_their_own_and_no_local_ones() -> None:
    gateway = _attribute(5, bytes([10, 0, 2, 2]))
    link = _attribute(4, struct.pack("=I", 2))
    net = _attribute(1, bytes([10, 0, 2, 0]))
    found = network.routes(
        [
            _route(2, 0, gateway, link),
            _route(2, 0, gateway, link, _attribute(6, struct.pack("=I", 50))),
            _route(2, 24, net, link),
            _route(2, 32, net, link, table=255),
            _route(10, 0, link),
        ],
        {2: "eth0"},
    )
    assert [item.name for item in found] == [
        "default@eth0",
        "default@eth0:metric-50",
        "10.0.2.0/24@eth0",
        "default6@eth0",
    ]
    assert (found[0].actual.gateway, found[0].actual.protocol, found[0].actual.family) == ("10.0.2.2", "dhcp", 4)


def test_messages_of_the_kernel_are_cut_at_their_lengths() -> None:
    data = _message(16, b"abc") + _message(3, b"")
    assert [(found.type, found.body) for found in netlink.messages(data)] == [(16, b"abc"), (3, b"")]
    assert [found.type for found in netlink.messages(data[:-1])] == [16]
    assert netlink.attributes(_attribute(1, b"x") + struct.pack("=HH", 3, 2)) == {1: b"x"}


@given(st.binary(max_size=300))
def test_no_answer_of_the_kernel_breaks_the_readers(data: bytes) -> None:
    list(netlink.messages(data))
    netlink.attributes(data)
    network.links([data])
    network.addresses([data], {})
    network.routes([data], {})
    sockets.owners([data])


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=24)), max_size=8), st.binary(min_size=16, max_size=16))
def test_no_attributes_of_the_kernel_break_the_readers(attributes: list[tuple[int, bytes]], head: bytes) -> None:
    tail = b"".join(_attribute(kind, data) for kind, data in attributes)
    found = network.links([head + tail])
    found += network.addresses([head[:8] + tail], {}) + network.routes([head[:12] + tail], {})
    for item in found:
        item.actual.SerializeToString()


def test_sockets_have_addresses_states_and_owners() -> None:
    tcp = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:11BE 00000000:0000 0A 00000000:00000005 00:00000000 00000000   101        0 5000 1 x\n"
        "   1: 0F02000A:0016 0202000A:C350 01 00000001:00000000 00:00000000 00000000     0        0 5001 1 x\n"
        "   2: zz:1 0:0 01 1:1 0:0 0 0 0 5 1\n"
    )
    udp6 = (
        "head\n 9: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 "
        "00:00000000 00000000     0        0 5002 2 x 0\n"
    )
    unix = (
        "Num RefCount Protocol Flags Type St Inode Path\n"
        "0000: 00000002 00000000 00010000 0001 01 6000 /run/x.sock\n"
        "0000: 00000002 00000000 00000000 0001 03 6001 /run/y.sock\n"
        "0000: 00000002 00000000 00010000 0001 01 6002\n"
    )
    items = sockets.parse(tcp, "tcp") + sockets.parse(udp6, "udp6") + sockets.parse_unix(unix)
    found = _by_name(sockets.named(items, {101: "dns"}, {5000: "/system.slice/dns.service"}))
    assert list(found) == ["tcp:127.0.0.1:4542", "tcp:10.0.2.15:22-10.0.2.2:50000", "udp6:[::1]:53", "unix:/run/x.sock"]
    first = found["tcp:127.0.0.1:4542"]
    assert (first.state, first.user, first.cgroup, first.receive_queue_bytes) == (
        "listen",
        "dns",
        "/system.slice/dns.service",
        5,
    )
    assert found["tcp:10.0.2.15:22-10.0.2.2:50000"].state == "established"
    assert found["udp6:[::1]:53"].state == "open"


def test_the_owner_of_a_socket_is_the_group_that_made_it() -> None:
    body = struct.pack("=4B48xIIIII", 2, 10, 0, 0, 0, 0, 0, 0, 5000) + _attribute(21, struct.pack("=Q", 77))
    assert sockets.owners([body]) == {5000: 77}


# Names, the clock, packages, extensions, containers


def test_resolvers_are_those_of_all_links_and_of_each() -> None:
    made = resolvers.parse("# words\nnameserver 10.0.2.3\nnameserver ::1\nsearch example.org .\noptions x\n")
    assert (list(made.servers), list(made.domains)) == (["10.0.2.3", "::1"], ["example.org"])
    link = resolvers.parse_link("DNS=1.1.1.1 9.9.9.9\nDOMAINS=a\nROUTE_DOMAINS=b\n", "eth0")
    assert (list(link.servers), list(link.domains), link.link) == (["1.1.1.1", "9.9.9.9"], ["a", "~b"], "eth0")


@pytest.mark.parametrize(
    ("status", "server"),
    [
        ("Contacted time server 1.2.3.4:123 (ntp.example.org).", "ntp.example.org (1.2.3.4:123)"),
        ("Connecting to time server [2001:db8::1]:123 (x).", "x ([2001:db8::1]:123)"),
        ("Idle.", ""),
        ("", ""),
    ],
)
def test_the_server_of_the_clock_is_in_the_words_of_its_service(status: str, server: str) -> None:
    assert clock.parse_server(status) == server


def test_the_zone_is_where_localtime_points_to(tmp_path: Path) -> None:
    assert clock.zone(tmp_path) == "UTC"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert clock.zone(tmp_path) == "Europe/Berlin"


def test_packages_are_those_of_the_status_file() -> None:
    status = (
        "Package: libc6\nStatus: install ok\nArchitecture: amd64\nSource: glibc (2.41-1)\nVersion: 2.41-1+b1\n"
        "Description: C library\n more words\n\nPackage: nameless\n\n: x\n"
    )
    found = _by_name(packages.parse(status))
    assert list(found) == ["libc6"]
    package = found["libc6"]
    assert (package.version, package.arch, package.source, package.summary) == (
        "2.41-1+b1",
        "amd64",
        "glibc",
        "C library",
    )


def test_extensions_are_those_that_lie_over_the_image(tmp_path: Path) -> None:
    assert extensions.collect(_sources(tmp_path)) == []
    _write(
        tmp_path,
        {"usr/lib/extension-release.d/extension-release.tools": 'ID=adamant\nVERSION_ID="1"\nSYSEXT_LEVEL=2\n'},
    )
    found = _by_name(extensions.collect(_sources(tmp_path)))
    assert (found["tools"].id, found["tools"].version, found["tools"].level) == ("adamant", "1", "2")


def test_containers_have_the_state_of_their_task_and_masked_labels() -> None:
    made = [
        containers_pb2.Container(id="a", image="img", labels={"x": "1", "db.password": "p"}),
        containers_pb2.Container(id="b"),
    ]
    tasks = [tasks_pb2.Process(container_id="a", pid=7, status=tasks_pb2.STATUS_RUNNING)]
    found = _by_name(containers.containers(WORKLOAD, "k8s.io", made, tasks))
    assert (found["k8s.io/a"].state, found["k8s.io/a"].pid) == ("running", 7)
    assert dict(found["k8s.io/a"].labels) == {"x": "1", "db.password": masking.MASK}
    assert found["k8s.io/b"].state == "none"
    assert {one.containerd for one in found.values()} == {"containerd"}
    (image,) = _by_name(containers.images(HOST, "host", [images_pb2.Image(name="x")])).values()
    assert image.containerd == "host-containerd"


def test_containerd_has_the_numbers_of_its_own_api() -> None:
    # api/services/{containers,images,tasks}/v1 and api/types of containerd 1.7.
    def numbers(message: Any) -> dict[str, int]:
        return {field.name: field.number for field in message.DESCRIPTOR.fields}

    container = {"id": 1, "labels": 2, "image": 3, "runtime": 4, "spec": 5, "snapshotter": 6, "snapshot_key": 7}
    assert numbers(containers_pb2.Container) == {**container, "created_at": 8}
    assert numbers(images_pb2.Image) == {"name": 1, "labels": 2, "target": 3, "created_at": 7}
    assert numbers(tasks_pb2.Process) == {"container_id": 1, "id": 2, "pid": 3, "status": 4, "exit_status": 9}
    assert containers_pb2.DESCRIPTOR.package == "containerd.services.containers.v1"


def test_a_machine_without_containerd_has_no_containers(tmp_path: Path) -> None:
    assert containers.collect_containers(_sources(tmp_path)) == []
    assert containers.collect_images(_sources(tmp_path)) == []


@pytest.mark.parametrize(
    ("socket", "names", "told"),
    [
        (WORKLOAD.socket, (), "^containerd does not answer"),
        (WORKLOAD.socket, ("adamant/web",), "^containerd does not answer"),
        (WORKLOAD.socket, ("host/agent",), ""),
        (HOST.socket, (), "host-containerd does not answer"),
        (HOST.socket, ("host/agent", "adamant/web"), "host-containerd does not answer"),
        (HOST.socket, ("adamant/web",), ""),
    ],
)
def test_a_containerd_that_is_silent_hides_nothing_of_the_other(
    tmp_path: Path, socket: str, names: tuple[str, ...], told: str
) -> None:
    _write(tmp_path, {socket: ""})
    for collect in (containers.collect_containers, containers.collect_images):
        if told:
            with pytest.raises(AdamantError, match=told):
                collect(_sources(tmp_path)._replace(names=names))
        else:
            assert collect(_sources(tmp_path)._replace(names=names)) == []


# Certificates


def _pair() -> tuple[bytes, bytes]:
    import datetime

    from adamant.api import pki

    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    authority = pki.make_authority("cluster", now)
    return authority.certificate, pki.issue_node(authority, ["m1", "10.0.0.7", "::1"], now).certificate


AUTHORITY, NODE = _pair()


def test_a_certificate_is_read_as_the_library_reads_it() -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    for pem, authority in ((AUTHORITY, True), (NODE, False)):
        (found,) = certificates.parse(pem, "x")
        theirs = x509.load_pem_x509_certificate(pem)
        mine = found.actual
        assert mine.fingerprint == theirs.fingerprint(hashes.SHA256()).hex()
        assert mine.not_before_usec == int(theirs.not_valid_before_utc.timestamp()) * 1_000_000
        assert mine.not_after_usec == int(theirs.not_valid_after_utc.timestamp()) * 1_000_000
        assert int(mine.serial, 16) == theirs.serial_number
        assert mine.authority is authority
        assert mine.issuer.startswith("CN=cluster")
    assert {"m1", "10.0.0.7", "::1"} <= set(mine.names)


@given(st.data())
def test_no_bytes_break_the_reader_of_certificates(data: st.DataObject) -> None:
    from adamant.node import certificate

    der = bytearray(certificate.blocks(NODE)[0][1])
    for _ in range(data.draw(st.integers(0, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der)))
    with contextlib.suppress(AdamantError):
        certificates.read(bytes(der[:cut])).SerializeToString()


@given(st.binary(max_size=200))
def test_what_is_no_certificate_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(AdamantError) as caught:
        certificates.read(data)
    assert caught.value.reference == "certificate-unreadable"


# Garbage


@given(st.text(max_size=300))
def test_no_text_breaks_a_parser(text: str) -> None:
    parsers: list[Any] = [
        memory.parse,
        pressure.parse,
        lambda content: cpu.parse(content, content, content, 100),
        lambda content: cpu.parse(f"cpu {content}", content, content, 100),
        kernel_arguments.parse,
        lambda content: modules.parse(content, lambda _: "", {}),
        lambda content: sysctl.parse(content, "x"),
        lambda content: sysctl.equal(content, content),
        udev.properties,
        processes.parse_stat,
        capabilities.parse,
        modules.files,
        protections.lockdown,
        protections.taints,
        processes.cgroup_of,
        cgroups.parse_io,
        resolvers.parse,
        clock.parse_server,
        packages.parse,
        extensions.parse,
        accounts.parse,
        lambda content: sockets.parse(f"\n{content}", "tcp"),
        lambda content: sockets.parse_unix(f"\n{content}"),
        lambda content: masking.words(content.split()),
        keyed.number,
    ]
    for parse in parsers:
        parse(text)
    processes.parse_command(text.encode())


# Answers


def test_every_kind_has_columns_of_fields_that_its_message_has() -> None:
    def fields(message: Any) -> dict[str, Any]:
        return dict(message.fields_by_name)

    for kind in KINDS.values():
        known = fields(pb.Spec.DESCRIPTOR.fields_by_name[kind.field].message_type)
        for column in answers.columns(kind):
            first, _, rest = column.field.partition(".")
            assert first in known, (kind.name, column.field)
            assert not rest or rest in fields(known[first].message_type)
        assert set(kind.quiet) <= set(known), kind.name


def test_every_message_of_the_contract_is_that_of_one_kind() -> None:
    assert sorted(kind.field for kind in KINDS.values()) == sorted(f.name for f in pb.Spec.DESCRIPTOR.fields)


def _resources(root: Path) -> answers.Resources:
    return answers.Resources(_sources(root))


def test_a_kind_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        _resources(Path("/nowhere")).get(pb.GetRequest(kind="service"))
    assert (caught.value.reference, caught.value.hint) == ("resource-kind", "did you mean services?")


def test_a_name_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    _write(tmp_path, {"proc/modules": "a 1 0 - Live 0x0\nb 2 0 - Live 0x0\n"})
    found = _resources(tmp_path).get(pb.GetRequest(kind="modules", names=["b"]))
    assert [item.name for item in found.resources] == ["b"]
    assert found.resources[0].actual.module.size_bytes == 2
    with pytest.raises(InputError) as caught:
        _resources(tmp_path).get(pb.GetRequest(kind="modules", names=["b", "c"]))
    assert caught.value.reference == "resource-unknown"
    assert " c" in caught.value.message


def test_resources_are_in_the_order_of_their_numbers() -> None:
    names = [item.name for item in answers.by_name(pb.Resource(name=n) for n in ("vda10", "vda9", "10", "9", "a"))]
    assert names == ["9", "10", "a", "vda9", "vda10"]


def test_a_message_without_values_is_still_there() -> None:
    made = answers.resource(KINDS["extensions"], Found("x\udcff", resources_pb2.Extension()))
    assert made.actual.WhichOneof("kind") == "extension"
    assert made.name == "x?"
    assert not made.HasField("desired")


def test_more_than_an_answer_holds_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RPC_MESSAGE_SIZE", 1 << 20)
    _write(tmp_path, {"proc/modules": "".join(f"{'m' * 200}{n} 1 0 - Live 0x0\n" for n in range(10_000))})
    with pytest.raises(AdamantError) as caught:
        _resources(tmp_path).get(pb.GetRequest(kind="modules"))
    assert caught.value.reference == "resource-count"
    assert "name those" in caught.value.hint
    assert _resources(tmp_path).get(pb.GetRequest(kind="modules", names=[f"{'m' * 200}7"])).resources


def test_a_watcher_is_told_the_kind_once(tmp_path: Path) -> None:
    _write(tmp_path, {"proc/meminfo": "MemTotal: 1 kB\n"})
    changes = _resources(tmp_path).watch(pb.WatchRequest(kind="memory"), lambda: True)
    first, second = next(changes), next(changes)
    assert (first.change, first.resource.actual.memory.total_bytes, first.kind.name) == (
        pb.CHANGE_ADDED,
        1024,
        "memory",
    )
    assert (second.change, second.HasField("resource"), second.HasField("kind")) == (pb.CHANGE_READY, False, False)


def _generations(root: Path) -> dict[int, tuple[Any, Any, str]]:
    """What is of each generation, what should be, and why it is not so."""
    return {int(item.name): (item.actual, item.desired, item.reason) for item in generations.collect(_sources(root))}


def test_generations_say_which_runs_and_which_should(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    agent = machine.agent()
    agent.resume()
    assert _generations(tmp_path) == {}
    agent.apply(OLD, "mary")
    agent.apply(NEW, "peter")
    found = _generations(tmp_path)
    assert set(found) == {1, 2}
    old, desired, reason = found[1]
    assert (old.by, old.why, old.running, old.good, desired, reason) == ("mary", "apply", False, False, None, "")
    new, desired, reason = found[2]
    assert (new.by, new.running, new.good, new.next, reason) == ("peter", True, True, False, "")
    assert new.created_usec == 1_500_000
    assert new.sha256 == hashlib.sha256(NEW).hexdigest() != old.sha256
    assert (desired.number, desired.running) == (2, True)

    trial = agent.apply(document(network={"a.network": "trial"}), "mary", mode=Mode.TRY, seconds=60).generation
    found = _generations(tmp_path)
    assert found[2][1] is None, "while another one is on trial, it need not run"
    assert (found[2][0].good, found[trial][0].good) == (True, False)
    assert (found[trial][1].number, found[trial][1].running) == (trial, True)
    assert bool(found[trial][2]) is not found[trial][0].running
    agent.confirm("mary")
    assert [number for number, (actual, _, _) in _generations(tmp_path).items() if actual.good] == [trial]

    staged = agent.apply(OLD, "mary", mode=Mode.BOOT).generation
    found = _generations(tmp_path)
    assert (found[staged][0].next, found[staged][0].running, found[staged][1]) == (True, False, None)
    assert found[trial][1].running, "what waits for the next boot is not wanted in this one"
