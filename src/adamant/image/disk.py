"""The disk image: a GPT with the ESP and slot A, as published, and with root where `/` is on disk.

The first boot makes the rest. Sparse and raw; other formats are made from it. GUIDs come from name and
version. Imports model, core, packages.tools.
"""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from adamant.core import files, proc
from adamant.image import gpt
from adamant.model import derive, layout
from adamant.model.arch import Arch
from adamant.model.errors import InputError
from adamant.packages.tools import ToolsTree


@dataclass(frozen=True, slots=True)
class DiskParts:
    """What a disk image is made of: the contents of its partitions. Sizes are bytes, whole MiB.

    `root` is the file system of `/`; None where `/` is in RAM.
    """

    arch: Arch
    name: str
    version: str
    esp_size: int
    slot_size: int
    esp: Path
    usr: Path
    verity: Path
    root: Path | None = None


def table(arch: Arch, name: str, version: str, esp_size: int, slot_size: int, *, root: bool = False) -> gpt.Table:
    """The partition table of a published disk image; `root` says whether `/` is on disk."""
    placed: list[gpt.Placed] = []
    offset = layout.ALIGNMENT
    for partition in layout.published(arch, esp_size, slot_size, root=root):
        offset += partition.gap
        guid = derive.guid("partition", name, version, arch.value, partition.label)
        flags = 0 if partition.label in (layout.ESP_LABEL, layout.ROOT_LABEL) else gpt.READ_ONLY
        placed.append(gpt.Placed(partition.label, UUID(partition.type), guid, offset, partition.size, flags))
        offset += partition.size
    guid = derive.guid("disk", name, version, arch.value)
    return gpt.Table(guid, gpt.disk_size(offset), tuple(placed))


def make_disk(parts: DiskParts, out: Path) -> None:
    """Write the raw disk image to `out`, which must not exist. Raises InputError slot-too-small."""
    _check_slot(parts)
    kept = parts.root is not None
    made = table(parts.arch, parts.name, parts.version, parts.esp_size, parts.slot_size, root=kept)
    head, tail = gpt.encode(made)
    with out.open("xb") as image:
        image.truncate(made.size)
        image.write(head)
        image.seek(made.size - len(tail))
        image.write(tail)
    sources = [source for source in (parts.esp, parts.usr, parts.verity, parts.root) if source is not None]
    for partition, source in zip(made.partitions, sources, strict=True):
        files.copy_range(source, out, partition.offset)
    out.chmod(0o644)


def _check_slot(parts: DiskParts) -> None:
    usr, verity = parts.usr.stat().st_size, parts.verity.stat().st_size
    if usr <= parts.slot_size and verity <= layout.verity_size(parts.slot_size):
        return
    need = -(-usr // layout.ALIGNMENT)
    raise InputError(
        "slot-too-small",
        f"the usr image has {need} MiB, a slot {parts.slot_size >> 20}",
        context="$.disk.slot",
        hint=f"set disk.slot to {need * 3 // 2}M or more: later releases must fit as well",
    )


def make_qcow2(raw: Path, tools: ToolsTree, out: Path) -> None:
    """Write the disk image `raw` in QEMU's format qcow2, version 3, to `out`."""
    arguments = ("convert", "-f", "raw", "-O", "qcow2", raw, out)
    proc.run("write the disk image as qcow2", tools.argv("qemu-img", *arguments))
    out.chmod(0o644)
