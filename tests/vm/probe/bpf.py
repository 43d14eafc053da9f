"""Loads BPF programs as tools of a container host do, and says on the console what came of it. For amd64.

The programs are written by hand, so no compiler is needed. Numbers are those of linux/bpf.h and linux/perf_event.h;
Linux's Documentation/bpf has the instructions (standardization/instruction-set.rst) and the types (btf.rst).
"""

import ctypes
import errno
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SYS_PERF_EVENT_OPEN, SYS_BPF = 298, 321
BPF_MAP_CREATE, BPF_MAP_LOOKUP_ELEM, BPF_PROG_LOAD, BPF_RAW_TRACEPOINT_OPEN, BPF_LINK_CREATE = 0, 1, 5, 17, 28
BPF_MAP_TYPE_ARRAY = 2
BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_CGROUP_SKB = 1, 2, 3, 8
BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_TRACING, BPF_PROG_TYPE_LSM = 17, 26, 29
BPF_CGROUP_INET_EGRESS, BPF_TRACE_RAW_TP, BPF_TRACE_FENTRY, BPF_LSM_MAC = 1, 23, 24, 27
BPF_PERF_EVENT, BPF_TCX_INGRESS = 41, 46
TCX_NEXT = -1
R0, R1, R2, R6 = 0, 1, 2, 6
LOAD_U32, LOAD_U64, STORE_U64, ATOMIC_U64, MOVE, IMMEDIATE_U64, JUMP_UNLESS_EQUAL_U32, EXIT = (
    0x61, 0x79, 0x7B, 0xDB, 0xB7, 0x18, 0x56, 0x95,
)  # fmt: skip
BPF_PSEUDO_MAP_VALUE = 2
BTF_KIND_STRUCT, BTF_KIND_TYPEDEF, BTF_KIND_FUNC = 4, 8, 12
TRACEPOINT, FUNCTION, LSM_HOOK = "sched_process_exec", "__x64_sys_execve", "bpf_lsm_file_open"

libc = ctypes.CDLL(None, use_errno=True)


def say(*words: object) -> None:
    print("PROBE bpf", *words, flush=True)


def call(number: int, *arguments: object) -> int:
    result: int = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return result


def bpf(command: int, layout: str, *fields: int) -> int:
    attributes = struct.pack(layout, *fields)
    return call(SYS_BPF, command, attributes, len(attributes))


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as e:
        return errno.errorcode.get(e.errno or 0, str(e))
    return "done"


class Types:
    """The kernel's types (BTF): what a loader reads to fit a program to the kernel that runs (CO-RE)."""

    def __init__(self, data: bytes) -> None:
        magic, _, _, size, types, types_size, strings, strings_size = struct.unpack_from("<HBBIIIII", data)
        assert magic == 0xEB9F
        self.types = data[size + types :][:types_size]
        self.strings = data[size + strings :][:strings_size]
        self.index: dict[tuple[int, int], tuple[int, int]] = {}
        identity = at = 0
        while at < len(self.types):
            identity += 1
            name, info = struct.unpack_from("<II", self.types, at)
            self.index.setdefault((info >> 24 & 0x1F, name), (identity, at))
            at += 12 + self._more(info)

    def find(self, kind: int, name: str) -> int:
        """The id of a type."""
        return self.index[kind, self._name(name)][0]

    def offset(self, structure: str, member: str) -> int:
        """Where a member lies in its structure, in bytes."""
        _, at = self.index[BTF_KIND_STRUCT, self._name(structure)]
        _, info = struct.unpack_from("<II", self.types, at)
        wanted = self._name(member)
        for name, _, bits in struct.iter_unpack("<III", self.types[at + 12 :][: self._more(info)]):
            if name == wanted:
                return int(bits & 0xFFFFFF) // 8
        raise LookupError(member)

    def _name(self, text: str) -> int:
        return self.strings.index(b"\0" + text.encode() + b"\0") + 1

    @staticmethod
    def _more(info: int) -> int:
        """Bytes that follow a type's first twelve."""
        each = {1: 4, 3: 12, 14: 4, 17: 4}  # INT, ARRAY, VAR, DECL_TAG: one of it
        entries = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}  # STRUCT, UNION, ENUM, FUNC_PROTO, DATASEC, ENUM64
        kind = info >> 24 & 0x1F
        return each.get(kind, 0) + entries.get(kind, 0) * (info & 0xFFFF)


class Seen:
    """A map of one value: how often a program ran, and the process that it saw last."""

    def __init__(self) -> None:
        self.map = bpf(BPF_MAP_CREATE, "=4I", BPF_MAP_TYPE_ARRAY, 4, 16, 1)

    def read(self) -> tuple[int, int]:
        key, value = ctypes.c_uint32(0), (ctypes.c_uint64 * 2)()
        bpf(BPF_MAP_LOOKUP_ELEM, "=I4xQQQ", self.map, ctypes.addressof(key), ctypes.addressof(value), 0)
        return value[0], value[1]

    def count(self) -> bytes:
        """R1 = &value; value.count += 1"""
        return (
            op(IMMEDIATE_U64, R1, BPF_PSEUDO_MAP_VALUE, value=self.map)
            + op(0)
            + op(MOVE, R2, value=1)
            + op(ATOMIC_U64, R1, R2)
        )


def op(code: int, to: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("<BBhi", code, source << 4 | to, offset, value)


def give(value: int) -> bytes:
    return op(MOVE, R0, value=value) + op(EXIT)


def own_children(types: Types, seen: Seen) -> bytes:
    """Remember the process that a tracepoint hands over, if `task->real_parent->tgid` is this one."""
    parent, tgid = (types.offset("task_struct", member) for member in ("real_parent", "tgid"))
    remember = op(LOAD_U32, R6, R6, tgid) + seen.count() + op(STORE_U64, R1, R6, 8)
    return (
        op(LOAD_U64, R6, R1, 0)
        + op(LOAD_U64, R2, R6, parent)
        + op(LOAD_U32, R2, R2, tgid)
        + op(JUMP_UNLESS_EQUAL_U32, R2, offset=len(remember) // 8, value=os.getpid())
        + remember
        + give(0)
    )


def load(kind: int, code: bytes, attach_type: int = 0, attach_type_id: int = 0) -> int:
    log = ctypes.create_string_buffer(1 << 16)
    pointers = [ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")]
    instructions, licence = map(ctypes.addressof, pointers)
    head = (kind, len(code) // 8, instructions, licence, 1, len(log), ctypes.addressof(log))
    try:
        # What lies between: version, flags, name, interface; types of the program's own.
        return bpf(BPF_PROG_LOAD, "=IIQQIIQ28xI36xI", *head, attach_type, attach_type_id)
    except OSError:
        sys.stderr.write(log.value.decode())  # the verifier's reasons
        raise


def link(kind: int, code: bytes, target: int, attach_type: int) -> int:
    return bpf(BPF_LINK_CREATE, "=4I", load(kind, code), target, attach_type, 0)


def open_tracepoint(program: int, name: bytes | None = None) -> int:
    text = ctypes.create_string_buffer(name) if name else None
    return bpf(BPF_RAW_TRACEPOINT_OPEN, "=QI4x", ctypes.addressof(text) if text else 0, program)


def open_kprobe(function: bytes) -> int:
    kind = int(Path("/sys/bus/event_source/devices/kprobe/type").read_text())
    name = ctypes.create_string_buffer(function)
    attributes = struct.pack("=II48xQ64x", kind, 128, ctypes.addressof(name))
    return call(SYS_PERF_EVENT_OPEN, attributes, -1, 0, -1, 0)


def send() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(b"hello", ("127.0.0.1", 9))


def try_filter() -> None:
    """What everybody may load where the kernel does not forbid it."""
    result = outcome(lambda: load(BPF_PROG_TYPE_SOCKET_FILTER, give(0)))
    say("filter", "root" if os.geteuid() == 0 else "nobody", result)


def main() -> None:
    types = Types(Path("/sys/kernel/btf/vmlinux").read_bytes())
    typed, raw, probed, packets = Seen(), Seen(), Seen(), Seen()
    typedef = types.find(BTF_KIND_TYPEDEF, f"btf_trace_{TRACEPOINT}")
    open_tracepoint(load(BPF_PROG_TYPE_TRACING, own_children(types, typed), BPF_TRACE_RAW_TP, typedef))
    open_tracepoint(load(BPF_PROG_TYPE_RAW_TRACEPOINT, raw.count() + give(0)), TRACEPOINT.encode())
    link(BPF_PROG_TYPE_KPROBE, probed.count() + give(0), open_kprobe(FUNCTION.encode()), BPF_PERF_EVENT)
    children = []
    for _ in range(3):
        children.append(subprocess.Popen(["modprobe", "--version"]))
        children[-1].wait()
    say("tp_btf", *typed.read(), len(children), children[-1].pid)
    say("raw_tracepoint", raw.read()[0])
    say("kprobe", probed.read()[0])

    link(BPF_PROG_TYPE_SCHED_CLS, packets.count() + give(TCX_NEXT), socket.if_nametoindex("lo"), BPF_TCX_INGRESS)
    before = outcome(send)
    say("tcx", packets.read()[0])
    own = Path("/proc/self/cgroup").read_text().strip().removeprefix("0::")
    folder = os.open(f"/sys/fs/cgroup{own}", os.O_RDONLY)
    refusal = link(BPF_PROG_TYPE_CGROUP_SKB, give(0), folder, BPF_CGROUP_INET_EGRESS)
    within = outcome(send)
    os.close(refusal)
    say("cgroup_skb", before, within, outcome(send))

    entry = load(BPF_PROG_TYPE_TRACING, give(0), BPF_TRACE_FENTRY, types.find(BTF_KIND_FUNC, FUNCTION))
    say("fentry", outcome(lambda: open_tracepoint(entry)))
    hook = load(BPF_PROG_TYPE_LSM, give(0), BPF_LSM_MAC, types.find(BTF_KIND_FUNC, LSM_HOOK))
    say("lsm", outcome(lambda: open_tracepoint(hook)))
    try_filter()
    subprocess.run([sys.executable, "-I", __file__, "filter"], user=65534, group=65534, extra_groups=[])


if __name__ == "__main__":
    try_filter() if sys.argv[1:] == ["filter"] else main()
