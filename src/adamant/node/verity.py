"""What dm-verity says of `/usr`: asked of the device mapper itself, not of what was asked for at boot.

The ioctl is that of include/uapi/linux/dm-ioctl.h, version 4; the table and the status are those of the kernel's
Documentation/admin-guide/device-mapper/verity.rst. It needs CAP_SYS_ADMIN.
"""

import fcntl
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from adamant.model.errors import AdamantError
from adamant.node.mounts import Mount
from adamant.node.reading import read_line

_HEADER = struct.Struct("=3I I I I i I I I Q 128s 129s 7s")
_TARGET = struct.Struct("=QQiI16s")
_SIZE = 4096
_TABLE_STATUS = 3 << 30 | _HEADER.size << 16 | 0xFD << 8 | 12
_STATUS_TABLE_FLAG = 1 << 4
_BUFFER_FULL_FLAG = 1 << 8


class Verity(NamedTuple):
    """The verity device below `/usr`. `corrupted` says that a block was read that is not as the root hash says."""

    device: str
    root_hash: str
    corrupted: bool


def device_number(device: str) -> int:
    """The kernel's huge_encode_dev() of "major:minor"."""
    major, minor = (int(part) for part in device.split(":"))
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def parse_status(reply: bytes) -> tuple[str, str]:
    """Type and parameters of the only target in a reply to DM_TABLE_STATUS."""
    if len(reply) < _HEADER.size + _TARGET.size:
        raise AdamantError("device-mapper", "the device mapper's answer is cut short")
    header = _HEADER.unpack_from(reply)
    data_start, targets, flags = header[4], header[5], header[7]
    if targets != 1 or flags & _BUFFER_FULL_FLAG or not _HEADER.size - 7 <= data_start <= len(reply) - _TARGET.size:
        raise AdamantError("device-mapper", "the device mapper's answer is not that of one target")
    kind = _TARGET.unpack_from(reply, data_start)[4]
    parameters = reply[data_start + _TARGET.size :]
    return kind.partition(b"\0")[0].decode("ascii", "replace"), parameters.partition(b"\0")[0].decode(
        "ascii", "replace"
    )


def parse_root_hash(parameters: str) -> str:
    """The root hash in a verity table: the ninth of its words."""
    words = parameters.split(" ")
    if len(words) < 10:
        raise AdamantError("device-mapper", "the verity table is cut short")
    return words[8]


def _ask(device: str, flags: int) -> tuple[str, str]:
    request = bytearray(_SIZE)
    _HEADER.pack_into(request, 0, 4, 0, 0, _SIZE, _HEADER.size, 0, 0, flags, 0, 0, device_number(device), b"", b"", b"")
    try:
        control = os.open("/dev/mapper/control", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(control, _TABLE_STATUS, request)
        finally:
            os.close(control)
    except OSError as error:
        raise AdamantError("device-mapper", f"the device mapper does not answer: {error.strerror}") from error
    return parse_status(bytes(request))


def find(mounts: Sequence[Mount], root: Path) -> str | None:
    """major:minor of the device mapper's device that `/usr` is mounted from: the lowest mount there, which extensions
    may lie upon. None when there is none."""
    for mount in mounts:
        if mount.where == "/usr":
            return mount.device if read_line(root / "sys/dev/block" / mount.device / "dm/name") else None
    return None


def look(mounts: Sequence[Mount], root: Path) -> Verity | None:
    """The verity device below `/usr`, or None when `/usr` is not on one."""
    device = find(mounts, root)
    if device is None:
        return None
    kind, table = _ask(device, _STATUS_TABLE_FLAG)
    if kind != "verity":
        return None
    _, status = _ask(device, 0)
    return Verity(device, parse_root_hash(table), corrupted=not status.startswith("V"))
