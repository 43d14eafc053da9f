"""What is different between two images, and what an update from the one to the other would move.

Reads foreign bytes, by the readers of `inspect`. The blocks that an update moves are computed from the leaves of the
two verity trees alone, as a node does it (docs/design.md, decision 3): a 4 KiB block travels when the old image has
none like it.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from adamant.core import files, verity_tree
from adamant.core.source import Source
from adamant.model import layout
from adamant.model.digest import Sha256
from adamant.model.errors import InputError
from adamant.model.tree import Kind
from adamant.packages.tools import ToolsTree
from adamant.reading import listing, usr_contents
from adamant.reading.inspect import Parts, describe, open_image
from adamant.reading.inspection import FoundPackage, FoundUki, Inspection, printable
from adamant.reading.listing import Listed
from adamant.release import delta


class ChangeKind(StrEnum):
    """What happened to something between the old and the new image."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class PackageChange(Struct, frozen=True):
    """A package. `old` and `new` are versions, empty where it is not there."""

    name: str
    change: ChangeKind
    old: str
    new: str


class FileChange(Struct, frozen=True):
    """A path below /usr. Sizes are bytes, 0 where there is no file; `what` says what differs in one that stayed."""

    path: str
    change: ChangeKind
    old_size: int
    new_size: int
    what: tuple[str, ...] = ()


class SizeChange(Struct, frozen=True):
    """Bytes of a part of the image."""

    part: str
    old: int
    new: int


class ValueChange(Struct, frozen=True):
    """A value that the UKIs have, such as the command line; empty where it is not there."""

    name: str
    old: str
    new: str


class Update(Struct, frozen=True):
    """What an update from the old to the new image moves. Blocks are of 4 KiB; sizes are bytes.

    `ranges` are runs of blocks that stand together in the new image, `merged_ranges` and `merged_size` the same when
    gaps of up to 64 KiB are fetched along. `whole` says that no block of the old image is of use, as after a change of
    the salt.
    """

    total_blocks: int
    blocks: int
    size: int
    ranges: int
    merged_ranges: int
    merged_size: int
    tree_size: int
    """Blocks of the verity tree that the old one does not have."""
    uki_size: int
    """The UKI, which travels whole, unless it is the same file."""
    whole: bool


class Difference(Struct, frozen=True, tag_field="kind", tag="Difference"):
    """All that differs. `packages`, `files` and `update` are None where an image has no /usr (or no verity tree).

    With `contents_compared` off, files of equal size, mode and owner count as equal.
    """

    old: str
    new: str
    same: bool
    values: tuple[ValueChange, ...]
    sizes: tuple[SizeChange, ...]
    packages: tuple[PackageChange, ...] | None
    files: tuple[FileChange, ...] | None
    contents_compared: bool
    update: Update | None
    schema: int = 1


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two images, as far as it is compared."""

    found: Inspection
    image: Source | None
    listed: dict[str, Listed]
    tree: verity_tree.Tree | None
    tree_blocks: tuple[bytes, ...]

    @property
    def uki(self) -> FoundUki | None:
        return self.found.ukis[0] if self.found.ukis else None

    @property
    def packages(self) -> dict[str, FoundPackage] | None:
        found = self.found.usr[0].packages if self.found.usr else None
        return None if found is None else {f"{p.name}:{p.architecture}": p for p in found}


def difference(old: Path, new: Path, tools: ToolsTree | None, scratch: Path) -> Difference:
    """What differs between the images (or build folders) `old` and `new`.

    `scratch` is an existing folder with room for both images unpacked; nothing is left there. Without `tools`, packages
    are unknown and contents of files are not compared. Raises InputError or VerificationError, as `inspect` does.
    """
    with open_image(old) as old_parts, open_image(new) as new_parts:
        before = _side(old_parts, describe(old_parts, tools, scratch))
        after = _side(new_parts, describe(new_parts, tools, scratch))
        if not (before.image and after.image) and not (before.uki and after.uki):
            raise InputError(
                "nothing-to-compare",
                f"{old.name} and {new.name} have nothing in common that could be compared",
                hint="compare two builds, two disks, two UKIs or two usr images",
            )
        changes = compared = None
        if before.image is not None and after.image is not None:
            compared = _digests(before, after, tools, scratch)
            changes = tuple(file_changes(before.listed, after.listed, compared))
        values = tuple(_values(before.uki, after.uki))
        sizes = tuple(_sizes(before, after))
        packages = _package_changes(before.packages, after.packages)
        update = _update(before, after)
        same = not (values or changes or packages) and all(size.old == size.new for size in sizes)
        return Difference(
            before.found.name,
            after.found.name,
            same and (update is None or not update.blocks),
            values,
            sizes,
            packages,
            changes,
            compared is not None,
            update,
        )


def _side(parts: Parts, found: Inspection) -> _Side:
    if not parts.slots:
        return _Side(found, None, {}, None, ())
    _, image, tree_source = parts.slots[0]
    if tree_source is None:
        return _Side(found, image, listing.list_image(image), None, ())
    tree = verity_tree.read_tree(tree_source)
    image = image.part(image.name, 0, min(image.size, tree.superblock.data_blocks * layout.BLOCK))
    blocks = tuple(tree_source.exactly(offset, layout.BLOCK) for offset in range(layout.BLOCK, tree.size, layout.BLOCK))
    return _Side(found, image, listing.list_image(image), tree, blocks)


def _digests(
    before: _Side, after: _Side, tools: ToolsTree | None, scratch: Path
) -> tuple[dict[str, Sha256], dict[str, Sha256]] | None:
    """SHA-256 of the files that only their contents can tell apart, on both sides; None without tools."""
    if tools is None or before.image is None or after.image is None:
        return None
    if before.tree is not None and after.tree is not None and before.tree.root_hash == after.tree.root_hash:
        return {}, {}
    wanted = {
        path
        for path, entry in before.listed.items()
        if entry.kind is Kind.FILE
        and path in after.listed
        and (after.listed[path].kind, after.listed[path].size) == (Kind.FILE, entry.size)
        and entry.size
    }
    with (
        files.work_folder(scratch, "old") as one,
        files.work_folder(scratch, "new") as other,
        ThreadPoolExecutor(2, thread_name_prefix="unpack") as pool,
    ):
        first = pool.submit(usr_contents.digests, before.image, before.listed, wanted, tools, one)
        second = pool.submit(usr_contents.digests, after.image, after.listed, wanted, tools, other)
        return first.result(), second.result()


def file_changes(
    old: dict[str, Listed], new: dict[str, Listed], digests: tuple[dict[str, Sha256], dict[str, Sha256]] | None
) -> Iterator[FileChange]:
    """Changes between two listings, by path. `digests` are those of files of equal size on both sides."""
    first, second = digests or ({}, {})
    for path in sorted(old.keys() | new.keys()):
        one, other = old.get(path), new.get(path)
        if one is None or other is None:
            change = ChangeKind.ADDED if one is None else ChangeKind.REMOVED
            yield FileChange(printable(path), change, one.size if one else 0, other.size if other else 0)
            continue
        what = [
            name
            for name, differs in (
                ("type", one.kind is not other.kind),
                ("contents", one.size != other.size or first.get(path) != second.get(path)),
                ("target", one.target != other.target),
                ("mode", one.mode != other.mode),
                ("owner", (one.uid, one.gid) != (other.uid, other.gid)),
            )
            if differs
        ]
        if what:
            yield FileChange(printable(path), ChangeKind.CHANGED, one.size, other.size, tuple(what))


def _values(old: FoundUki | None, new: FoundUki | None) -> Iterator[ValueChange]:
    def fields(uki: FoundUki | None) -> dict[str, str]:
        if uki is None:
            return {}
        own = {"kernel": uki.kernel, "command line": uki.command_line, "root hash": uki.root_hash}
        return own | {f"os-release {name}": value for name, value in uki.os_release.items()}

    one, other = fields(old), fields(new)
    for name in sorted(one.keys() | other.keys()):
        if one.get(name, "") != other.get(name, ""):
            yield ValueChange(name, one.get(name, ""), other.get(name, ""))


def _sizes(old: _Side, new: _Side) -> Iterator[SizeChange]:
    def parts(side: _Side) -> dict[str, int]:
        found: dict[str, int] = {}
        if side.image is not None:
            found["usr image"] = side.image.size
            found["files"] = sum({e.inode: e.size for e in side.listed.values() if e.kind is Kind.FILE}.values())
        if side.tree is not None:
            found["verity tree"] = side.tree.size
        if side.uki is not None:
            found["UKI"] = side.uki.size
            found["kernel"] = side.uki.sections.get(".linux", 0)
            found["initrd"] = side.uki.sections.get(".initrd", 0)
        return found

    one, other = parts(old), parts(new)
    for name in dict.fromkeys([*one, *other]):
        yield SizeChange(name, one.get(name, 0), other.get(name, 0))


def _package_changes(
    old: dict[str, FoundPackage] | None, new: dict[str, FoundPackage] | None
) -> tuple[PackageChange, ...] | None:
    if old is None or new is None:
        return None
    found: list[PackageChange] = []
    for key in sorted(old.keys() | new.keys()):
        one, other = old.get(key), new.get(key)
        if one == other:
            continue
        change = ChangeKind.ADDED if one is None else ChangeKind.REMOVED if other is None else ChangeKind.CHANGED
        name = key.partition(":")[0]
        found.append(PackageChange(name, change, one.version if one else "", other.version if other else ""))
    return tuple(found)


def _update(old: _Side, new: _Side) -> Update | None:
    if old.tree is None or new.tree is None:
        return None
    moved = delta.moved(new.tree, [old.tree])
    ranges = delta.merged(moved, 1)
    wide = delta.merged(moved, delta.GAP // layout.BLOCK + 1)
    known = set(old.tree_blocks)
    uki_moves = new.uki is not None and (old.uki is None or old.uki.sha256 != new.uki.sha256)
    return Update(
        total_blocks=new.tree.superblock.data_blocks,
        blocks=len(moved),
        size=len(moved) * layout.BLOCK,
        ranges=len(ranges),
        merged_ranges=len(wide),
        merged_size=sum(end - start for start, end in wide) * layout.BLOCK,
        tree_size=sum(layout.BLOCK for block in new.tree_blocks if block not in known),
        uki_size=new.uki.size if new.uki is not None and uki_moves else 0,
        whole=old.tree.superblock.salt != new.tree.superblock.salt,
    )
