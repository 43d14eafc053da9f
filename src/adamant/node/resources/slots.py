"""Slots: the two places for a usr image, which of them runs, which one should, and what the other holds."""

import contextlib
from collections.abc import Sequence

from adamant.api import resources_pb2 as pb
from adamant.model.errors import AdamantError
from adamant.node import mounts as table
from adamant.node import record, verity
from adamant.node.reading import read_release
from adamant.node.resources import disks
from adamant.node.resources.found import Found, Sources
from adamant.node.update import state

LABELS = ("usr-a", "usr-b")


def judge(
    partitions: Sequence[pb.Partition], running: str, root_hash: str, release: str, staged: str = ""
) -> list[Found]:
    """The slots among `partitions` of the boot disk. `root_hash` and `release` are those of the slot `running`.

    `staged` is the release in the other slot that the next boot tries; empty when there is none.
    """
    by_label = {part.label: part for part in partitions}
    found = []
    for label in LABELS:
        data, tree = by_label.get(label), by_label.get(f"{label}-verity")
        if data is None:
            continue
        here = label == running
        slot = pb.Slot(
            device=f"/dev/{data.name}",
            verity_device=f"/dev/{tree.name}" if tree else "",
            size_bytes=data.size_bytes,
            running=here,
            content=data.file_system,
            root_hash=root_hash if here else "",
            version=release if here else "",
        )
        if here == (not staged):
            desired = pb.Slot(running=True, version=staged or release)
            found.append(Found(label, slot, desired, "" if here else f"{staged} is staged and waits for a reboot"))
        else:
            found.append(Found(label, slot))
    return found


def collect(sources: Sources) -> list[Found]:
    """The slots of the disk that the system was started from; none on a machine that was started another way."""
    root = sources.root
    try:
        made = record.read(root)
    except AdamantError:
        return []
    mounts = table.read(root)
    disk = next((found.actual for found in disks.read(root, mounts) if found.name == made.disk), pb.Disk())
    root_hash = ""
    with contextlib.suppress(AdamantError):  # Health says what is wrong with it
        below = verity.look(mounts, root)
        root_hash = below.root_hash if below else ""
    staged = state.waiting(root, state.read(root))
    return judge(disk.partitions, made.slot, root_hash, read_release(root).get("IMAGE_VERSION", ""), staged)
