"""The disk: which partitions there are, in which order, of which types (docs/design.md, Disk).

Types follow the UAPI Group's Discoverable Partitions Specification. Nothing here is written to a disk by an update:
a slot is found by its root hash, not by its partition table entry.
"""

from dataclasses import dataclass

from adamant.model.arch import NAMES, Arch

SECTOR = 512
"""Bytes of a sector in the partition table."""

BLOCK = 4096
"""Bytes of a dm-verity data and hash block."""

ALIGNMENT = 1 << 20
"""Partitions start at multiples of this, in bytes."""

ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
STATE_TYPE = "0fc63daf-8483-4772-8e79-3d69d8477de4"
VAR_TYPE = "4d21b016-b534-45c2-a9fb-5c16e091fd2d"

ESP_LABEL = "esp"
SLOT_LABELS = ("usr-a", "usr-b")
STATE_LABEL = "state"
VAR_LABEL = "var"
ROOT_LABEL = "root"
STATE_SIZE = 64 << 20
ROOT_SIZE = 256 << 20
"""Of the published root file system, where `/` is on disk: the first boot makes it as large as the disk is."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition: `label` in the table, `type` as a GUID, `size` in bytes, and the bytes left free before it."""

    label: str
    type: str
    size: int
    gap: int = 0


def verity_size(slot_size: int) -> int:
    """Bytes that the verity tree of a slot of `slot_size` bytes may take, with its superblock, in whole MiB."""
    blocks = slot_size // BLOCK
    total = 1
    while blocks > 1:
        blocks = -(-blocks // (BLOCK // 32))
        total += blocks
    return -(-(total * BLOCK) // ALIGNMENT) * ALIGNMENT


def slot(arch: Arch, label: str, size: int) -> tuple[Partition, Partition]:
    """The two partitions of a slot: data and verity tree."""
    names = NAMES[arch]
    return (
        Partition(label, names.usr_type, size),
        Partition(f"{label}-verity", names.usr_verity_type, verity_size(size)),
    )


def published(arch: Arch, esp: int, slot_size: int, *, root: bool = False) -> list[Partition]:
    """Partitions of the disk image as published: ESP and slot A. The first boot makes the rest.

    With `root`, `/` is on disk: its partition is the last one, and what is free before it is as large as all that the
    first boot makes, so that nothing has to move and root alone grows.
    """
    made = [Partition(ESP_LABEL, ESP_TYPE, esp), *slot(arch, SLOT_LABELS[0], slot_size)]
    if root:
        gap = slot_size + verity_size(slot_size) + STATE_SIZE
        made.append(Partition(ROOT_LABEL, NAMES[arch].root_type, ROOT_SIZE, gap))
    return made
