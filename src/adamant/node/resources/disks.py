"""Disks and their partitions: sizes from /sys/block, what is on them from udev's database in /run/udev/data.

No device is opened: what udev found when the device came is told. Sectors of /sys are of 512 bytes whatever the disk's.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from adamant.api import resources_pb2 as pb
from adamant.node import mounts as table
from adamant.node.mounts import Mount
from adamant.node.reading import read_line
from adamant.node.resources import keyed, space
from adamant.node.resources.found import Found, Sources

BLOCK = "sys/block"
UDEV = "run/udev/data"
_NOT_DISKS = ("loop", "ram", "zram", "dm-", "md", "nbd", "fd")
_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")
_TRANSPORTS = {"vd": "virtio", "nvme": "nvme", "mmcblk": "mmc", "sr": "optical", "xvd": "xen"}


def properties(content: str) -> dict[str, str]:
    """Properties in a file of udev's database: its lines `E:NAME=VALUE`, with \\xNN for bytes that are not plain."""
    lines = (line[2:] for line in content.splitlines() if line.startswith("E:"))
    return {name: _plain(value) for name, value in keyed.pairs("\n".join(lines)).items()}


def _plain(value: str) -> str:
    """The value without escapes, each of which stands for a byte of UTF-8."""
    data = value.encode("utf-8", "replace")
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), data).decode("utf-8", "replace")


def partition(folder: Path, known: Mapping[str, str], mount: str, used: int) -> pb.Partition:
    """A partition from its folder in /sys, its udev properties, where it is mounted and what is used there."""
    uevent = keyed.read(folder / "uevent")
    return pb.Partition(
        name=folder.name,
        number=keyed.small(read_line(folder / "partition")),
        size_bytes=_size(folder),
        label=known.get("ID_PART_ENTRY_NAME", uevent.get("PARTNAME", "")),
        type=known.get("ID_PART_ENTRY_TYPE", ""),
        uuid=known.get("ID_PART_ENTRY_UUID", uevent.get("PARTUUID", "")),
        file_system=known.get("ID_FS_TYPE", ""),
        file_system_label=known.get("ID_FS_LABEL", ""),
        file_system_uuid=known.get("ID_FS_UUID", ""),
        mounted_at=mount,
        used_bytes=used,
    )


def _size(folder: Path) -> int:
    return min(keyed.read_count(folder / "size") * 512, (1 << 64) - 1)


def _udev(root: Path, folder: Path) -> dict[str, str]:
    number = read_line(folder / "dev")
    return properties(keyed.text(root / UDEV / f"b{number}")) if re.fullmatch(r"[0-9]+:[0-9]+", number) else {}


def _transport(name: str, known: Mapping[str, str]) -> str:
    bus = known.get("ID_BUS", "")
    return bus or next((word for start, word in _TRANSPORTS.items() if name.startswith(start)), "")


def read(root: Path, mounts: Sequence[Mount]) -> list[Found]:
    """The disks below `root`/sys."""
    found = []
    try:
        folders = sorted((root / BLOCK).iterdir())
    except OSError:
        return []
    for folder in folders:
        if folder.name.startswith(_NOT_DISKS) or not _size(folder):
            continue
        known = _udev(root, folder)
        parts = []
        for inner in folder.iterdir():
            if not (inner / "partition").exists():
                continue
            device = read_line(inner / "dev")
            mount = next((mount.where for mount in mounts if mount.device == device), "")
            room = space.read(root, mount) if mount else None
            parts.append(partition(inner, _udev(root, inner), mount, room.used if room else 0))
        disk = pb.Disk(
            size_bytes=_size(folder),
            model=read_line(folder / "device/model") or known.get("ID_MODEL", ""),
            serial=read_line(folder / "serial")
            or read_line(folder / "device/serial")
            or known.get("ID_SERIAL_SHORT", ""),
            read_only=read_line(folder / "ro") == "1",
            rotational=read_line(folder / "queue/rotational") == "1",
            transport=_transport(folder.name, known),
            partitions=sorted(parts, key=lambda part: part.number),
            file_system="" if parts else known.get("ID_FS_TYPE", ""),
        )
        found.append(Found(folder.name, disk))
    return found


def collect(sources: Sources) -> list[Found]:
    """Disks with a size; what only maps to other disks is none."""
    return read(sources.root, table.read(sources.root))
