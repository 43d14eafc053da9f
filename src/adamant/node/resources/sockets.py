"""Sockets of the network and those that listen in the file system, from /proc/net (proc_net(5), proc_pid_net(5)).

Which control group made one is asked over sock_diag(7) (include/uapi/linux/inet_diag.h): that names its service and
needs no right to look into other processes, as reading their open files would.
"""

import contextlib
import socket
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from adamant.api import resources_pb2 as pb
from adamant.model.errors import AdamantError
from adamant.node.resources import accounts, cgroups, keyed, netlink
from adamant.node.resources.found import Found, Sources

FOLDER = "proc/net"
KINDS = ("tcp", "tcp6", "udp", "udp6")
_STATES = (
    "",
    "established",
    "syn-sent",
    "syn-received",
    "fin-wait-1",
    "fin-wait-2",
    "time-wait",
    "closed",
    "close-wait",
    "last-ack",
    "listen",
    "closing",
    "new",
)
_UDP_UNCONNECTED = 7
_DIAG_BY_FAMILY = 20
_DIAG_MESSAGE = struct.Struct("=4B48xIIIII")
_CGROUP_ID = 21
_UNIX_ACCEPTS = 1 << 16


def parse(content: str, kind: str) -> list[tuple[int, pb.Socket]]:
    """Sockets of a table of the network, each with its inode; `user` is still a number."""
    found = []
    for line in content.splitlines()[1:]:
        words = line.split()
        if len(words) < 10:
            continue
        try:
            local, remote = _end(words[1]), _end(words[2])
            number = int(words[3], 16)
            sending, _, receiving = words[4].partition(":")
            queues = int(sending, 16), int(receiving, 16)
        except ValueError:
            continue
        state = _STATES[number] if 0 <= number < len(_STATES) else str(number)
        if kind.startswith("udp"):
            state = "open" if number == _UDP_UNCONNECTED else state
        item = pb.Socket(
            type=kind,
            state=state,
            local=local,
            remote="" if remote.endswith(":0") else remote,
            user=words[7],
            send_queue_bytes=queues[0] & (1 << 64) - 1,
            receive_queue_bytes=queues[1] & (1 << 64) - 1,
        )
        found.append((keyed.number(words[9]), item))
    return found


def _end(word: str) -> str:
    """Address and port of `HEX:HEX`. The address stands there as words in the machine's byte order."""
    address, _, port = word.partition(":")
    data = bytes.fromhex(address)
    if len(data) not in (4, 16) or not 0 <= int(port, 16) < 1 << 16:
        raise ValueError(word)
    swapped = b"".join(struct.pack("=I", int.from_bytes(data[at : at + 4], "big")) for at in range(0, len(data), 4))
    family = socket.AF_INET if len(data) == 4 else socket.AF_INET6
    text = socket.inet_ntop(family, swapped)
    return f"[{text}]:{int(port, 16)}" if family == socket.AF_INET6 else f"{text}:{int(port, 16)}"


def parse_unix(content: str) -> list[tuple[int, pb.Socket]]:
    """Sockets in the file system, and abstract ones, that wait for connections."""
    found = []
    for line in content.splitlines()[1:]:
        words = line.split(maxsplit=7)
        if len(words) < 8:
            continue
        try:
            flags, kind = int(words[3], 16), int(words[4], 16)
        except ValueError:
            continue
        if flags & _UNIX_ACCEPTS and kind in (1, 5):
            found.append((keyed.number(words[6]), pb.Socket(type="unix", state="listen", local=words[7])))
    return found


def owners(answers: Iterable[bytes]) -> dict[int, int]:
    """Ids of the control groups that made sockets, by the sockets' inodes, from answers of inet_diag."""
    found = {}
    for body in answers:
        if len(body) < _DIAG_MESSAGE.size:
            continue
        inode = _DIAG_MESSAGE.unpack_from(body)[8]
        group = netlink.number(netlink.attributes(body[_DIAG_MESSAGE.size :]).get(_CGROUP_ID))
        if group and inode:
            found[inode] = group
    return found


def named(items: Iterable[tuple[int, pb.Socket]], users: Mapping[int, str], groups: Mapping[int, str]) -> list[Found]:
    """Sockets with names, users by name and control groups by their path. Equal names get their inode."""
    found: dict[str, Found] = {}
    for inode, item in items:
        if item.user:
            item.user = users.get(keyed.number(item.user), item.user)
        item.cgroup = groups.get(inode, "")
        ends = f"{item.local}-{item.remote}" if item.remote else item.local
        name = f"{item.type}:{ends}"
        name = f"{name}#{inode}" if name in found else name
        found[name] = Found(name, item)
    return list(found.values())


def _groups(root: Path) -> dict[int, str]:
    """Paths of the control groups that made sockets, by inode of the socket; none where the kernel does not say."""
    ids: dict[int, int] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
            question = struct.pack("=BBBxI48x", family, protocol, 0, 0xFFFFFFFF)
            with contextlib.suppress(AdamantError):
                ids.update(owners(netlink.dump(netlink.SOCK_DIAG, _DIAG_BY_FAMILY, question)))
    if not ids:
        return {}
    paths = {state.st_ino: name for name, state in cgroups.walk(root / cgroups.FOLDER)}
    return {inode: paths[group] for inode, group in ids.items() if group in paths}


def collect(sources: Sources) -> list[Found]:
    """Every socket of the network, and what listens in the file system."""
    folder = sources.root / FOLDER
    items = [item for kind in KINDS for item in parse(keyed.text(folder / kind), kind)]
    items += parse_unix(keyed.text(folder / "unix"))
    return named(items, accounts.read(sources.root), _groups(sources.root))
