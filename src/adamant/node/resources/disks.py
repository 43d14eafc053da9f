"""Disks and their partitions: sizes from /sys/block, what is on them by udev, and volumes that the config wants there.

No device is opened: what udev found when the device came is told. Sectors of /sys are of 512 bytes whatever the disk's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from adamant.api import resources_pb2 as pb
from adamant.model.errors import AdamantError
from adamant.model.machine.document import Volume
from adamant.node import mounts as table
from adamant.node.mounts import Mount
from adamant.node.reading import read_line
from adamant.node.resources import keyed, space, udev
from adamant.node.resources.desired import Wanted, beside, config
from adamant.node.resources.found import Found, Sources
from adamant.node.volumes import spec
from adamant.node.volumes.disk import find

BLOCK = "sys/block"
_NOT_DISKS = ("loop", "ram", "zram", "dm-", "md", "nbd", "fd")
_TRANSPORTS = {"vd": "virtio", "nvme": "nvme", "mmcblk": "mmc", "sr": "optical", "xvd": "xen"}


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
        known = udev.of_block(root, folder)
        parts = []
        for inner in folder.iterdir():
            if not (inner / "partition").exists():
                continue
            mount = _mounted_at(inner, mounts)
            room = space.read(root, mount) if mount else None
            parts.append(partition(inner, udev.of_block(root, inner), mount, room.used if room else 0))
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
            mounted_at="" if parts else _mounted_at(folder, mounts),
        )
        found.append(Found(folder.name, disk))
    return found


def _mounted_at(folder: Path, mounts: Sequence[Mount]) -> str:
    device = read_line(folder / "dev")
    return next((mount.where for mount in mounts if mount.device == device), "")


def of_volumes(root: Path, volumes: Sequence[Volume], found: Sequence[Found]) -> dict[str, Wanted]:
    """What volumes of the config are to be, by the disk that each lies on; one without a disk, by what finds it."""
    made: dict[str, Wanted] = {}
    disks = {name: item.name for item in found for name in (item.name, *(part.name for part in item.actual.partitions))}
    for volume in volumes:
        kind, place = volume.filesystem.value, f"/{spec.MOUNTS}/{volume.name}"
        wanted = volume.disk
        try:
            device = find(root, wanted).name
        except AdamantError as error:
            name = wanted.id or wanted.serial or wanted.label or ""
            made[name] = Wanted(pb.Disk(serial=wanted.serial or "", file_system=kind), error.message)
            continue
        if device not in disks:
            continue  # it maps to other disks, and is none
        asked = made.setdefault(disks[device], Wanted(pb.Disk(), "")).spec
        if device == disks[device]:
            asked.MergeFrom(pb.Disk(file_system=kind, mounted_at=place))
        else:
            asked.partitions.add(name=device, file_system=kind, mounted_at=place)
    return made


def collect(sources: Sources) -> list[Found]:
    """Disks with a size, and those that the config wants; what only maps to other disks is none."""
    root = sources.root
    found = read(root, table.read(root))
    return beside(found, of_volumes(root, config(root).volumes, found))
