"""The kernel's own word on networks: dumps over netlink (netlink(7), rtnetlink(7), sock_diag(7)).

Only questions are asked, which need no privilege. What the kernel answers is read with every length checked: a message
or attribute that is not of its form ends the list that it stands in.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from adamant.core import limits
from adamant.model.errors import AdamantError

ROUTE = 0
SOCK_DIAG = 4
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_REQUEST_DUMP = 0x001 | 0x300
_TYPE_MASK = 0x3FFF
"""Without the bits for nested attributes and byte order."""


class Message(NamedTuple):
    """A message: its type and what follows the header."""

    type: int
    body: bytes


def messages(data: bytes) -> Iterator[Message]:
    """The messages in what was received at once."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if not _HEADER.size <= length <= len(data) - at:
            return
        yield Message(kind, data[at + _HEADER.size : at + length])
        at += (length + 3) & ~3


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by type; the last of two equal ones counts."""
    found = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not _ATTRIBUTE.size <= length <= len(data) - at:
            break
        found[kind & _TYPE_MASK] = data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def number(data: bytes | None) -> int:
    """The number in an attribute, in the machine's byte order; 0 without one."""
    return int.from_bytes(data, "little" if struct.pack("=H", 1)[0] else "big") if data and len(data) <= 8 else 0


def text(data: bytes | None) -> str:
    """The text in an attribute, up to its first NUL."""
    return (data or b"").partition(b"\0")[0].decode("utf-8", "replace")


def dump(protocol: int, kind: int, body: bytes) -> list[bytes]:
    """Bodies of all answers to a question of type `kind`.

    Raises AdamantError `kernel-silent` when the kernel refuses it, or does not answer.
    """
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as link:
            link.settimeout(limits.NETLINK_SECONDS)
            link.bind((0, 0))
            link.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_DUMP, 1, 0) + body)
            return list(_answers(link))
    except OSError as error:
        raise AdamantError("kernel-silent", f"the kernel does not answer over netlink: {error}") from error


def _answers(link: socket.socket) -> Iterator[bytes]:
    received = 0
    while True:
        data = link.recv(1 << 18)
        received += len(data)
        if not data or received > limits.NETLINK_SIZE:
            raise OSError(errno.EMSGSIZE, "the answer is too long")
        for message in messages(data):
            if message.type == _NLMSG_DONE:
                return
            if message.type == _NLMSG_ERROR:
                code = -_ERROR.unpack_from(message.body)[0] if len(message.body) >= _ERROR.size else errno.EPROTO
                raise OSError(code, os.strerror(code))
            yield message.body
