"""The part of a patch that makes kernel modules: they lie packed with xz in both images, and resemble each other only
unpacked.

A module of the new image is given as a difference from one of the old image, both unpacked; who applies it packs the
result again. Modules come in groups, each one zstd frame whose reference is the group's old modules, one behind the
other. Nothing is taken on trust: old blocks are as the leaves of the old tree say before they are unpacked, a frame
is as the head says, and what was packed counts only when its blocks are as the leaves of the new tree say. Another
encoder may make other bytes: such a module is not given, and comes as if there were no patch.

In the head of a patch, all numbers little-endian: whether xz used threads, its preset (from 128 on an extreme one),
the property byte of its dictionary, a zero; number of modules and of groups; for each group its modules, the bytes of
its frame, and their SHA-256; for each module its first block, bytes, and unpacked bytes in the new image, and in the
old one.
"""

import hashlib
import lzma
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from adamant.core import limits, xz, zstd
from adamant.core.source import Source
from adamant.core.verity_tree import DIGEST, Tree, hashes
from adamant.core.xz import Packing
from adamant.model.errors import VerificationError
from adamant.model.layout import BLOCK

UNPACKED = 32 << 20
"""Most bytes that the new modules of a group, and its old ones, have unpacked. One that has more is no part of it."""
FRAME_SLACK = 64 << 10
"""Bytes that a frame may have more than it unpacks to. What cannot be compressed takes three more for each 128 KiB."""

_START = struct.Struct("<BBBxII")
_GROUP = struct.Struct("<II32s")
_MODULE = struct.Struct("<IIIIII")
_EXTREME = 0x80


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module lies in an image: from the start of block `first` on, `size` bytes that unpack to `unpacked`.

    What is left of its last block is zeros.
    """

    first: int
    size: int
    unpacked: int

    @property
    def end(self) -> int:
        """The block behind its last one."""
        return self.first + -(-self.size // BLOCK)


@dataclass(frozen=True, slots=True)
class Module:
    """A module in the new image and the one in the old image that it resembles."""

    new: Place
    old: Place


@dataclass(frozen=True, slots=True)
class Group:
    """Modules that travel in one frame: its place in the patch, in bytes, and its digest."""

    modules: tuple[Module, ...]
    offset: int
    size: int
    sha256: bytes

    @property
    def unpacked_size(self) -> int:
        """Bytes of its new modules, unpacked."""
        return sum(module.new.unpacked for module in self.modules)


@dataclass(frozen=True, slots=True)
class Section:
    """All modules of a patch, in the order of the new image, and how they are packed."""

    packing: Packing
    groups: tuple[Group, ...]

    @property
    def modules(self) -> Iterator[Module]:
        """All of them."""
        return (module for group in self.groups for module in group.modules)

    @property
    def size(self) -> int:
        """Bytes of the section in the head."""
        return section_size(sum(1 for _ in self.modules), len(self.groups))


def section_size(modules: int, groups: int) -> int:
    """Bytes that a section of so many modules in so many groups takes in the head."""
    return _START.size + groups * _GROUP.size + modules * _MODULE.size


def encode(section: Section) -> bytes:
    """The bytes of a section."""
    packing = section.packing
    preset = packing.preset & 0xF | (_EXTREME if packing.preset & lzma.PRESET_EXTREME else 0)
    modules = list(section.modules)
    rows = [_START.pack(packing.threaded, preset, packing.dictionary, len(modules), len(section.groups))]
    rows += [_GROUP.pack(len(group.modules), group.size, group.sha256) for group in section.groups]
    for m in modules:
        rows.append(_MODULE.pack(m.new.first, m.new.size, m.new.unpacked, m.old.first, m.old.size, m.old.unpacked))
    return b"".join(rows)


def decode(data: bytes, offset: int) -> Section:
    """The section from exactly its own bytes; its first frame stands at `offset`. Raises VerificationError."""
    if len(data) < _START.size:
        raise malformed("its table of modules is cut short")
    threaded, preset, dictionary, count, groups = _START.unpack_from(data)
    if len(data) != section_size(count, groups) or not count:
        raise malformed("its table of modules has another size")
    try:
        if threaded > 1:
            raise ValueError("neither with threads nor without")
        extreme = lzma.PRESET_EXTREME if preset & _EXTREME else 0
        packing = Packing(bool(threaded), preset & ~_EXTREME | extreme, dictionary)
    except ValueError as error:
        raise malformed(f"its modules are packed in no known way: {error}") from error
    middle = _START.size + groups * _GROUP.size
    rows = _MODULE.iter_unpack(data[middle:])
    modules = [Module(Place(*row[:3]), Place(*row[3:])) for row in rows]
    found: list[Group] = []
    at = 0
    for members, size, digest in _GROUP.iter_unpack(data[_START.size : middle]):
        group = Group(tuple(modules[at : at + members]), offset, size, digest)
        if not 1 <= members <= count - at or not _bounded(group):
            raise malformed(f"group {len(found)} of its modules breaks a limit")
        found.append(group)
        at, offset = at + members, offset + size
    if at != count:
        raise malformed("its groups are not all of its modules")
    if any(before.new.end > after.new.first for before, after in pairwise(modules)):
        raise malformed("its modules are not in order, or lie over each other")
    return Section(packing, tuple(found))


def _bounded(group: Group) -> bool:
    """Whether no place is empty, and what is held in memory has an end."""
    places = [place for module in group.modules for place in (module.new, module.old)]
    sums = (
        sum(module.new.size for module in group.modules),
        sum(module.old.size for module in group.modules),
        sum(module.old.unpacked for module in group.modules),
        group.unpacked_size,
    )
    return (
        all(place.size and place.unpacked and place.end <= limits.USR_SIZE // BLOCK for place in places)
        and max(sums) <= UNPACKED
        and 1 <= group.size <= group.unpacked_size + FRAME_SLACK
    )


def reference(group: Group, old: Source, tree: Tree) -> bytes:
    """The old modules of a group, unpacked, from the old image, which must be as `tree` says where they lie.

    Raises VerificationError, or what the disk raises.
    """
    parts: list[bytes] = []
    for module in group.modules:
        place = module.old
        blocks = old.exactly(place.first * BLOCK, (place.end - place.first) * BLOCK)
        if hashes(blocks, bytes.fromhex(tree.superblock.salt)) != _leaves(tree, place):
            raise VerificationError(
                "patch-reference",
                "the disk gives other bytes of a module than its tree says",
                hint="an update fetches what it cannot make of them; have a look at the disk",
            )
        parts.append(xz.unpack(blocks[: place.size], place.unpacked))
    return b"".join(parts)


def contents(group: Group, frame: bytes, known: bytes) -> bytes:
    """The new modules of a group, unpacked, from its frame and `reference`. Raises VerificationError."""
    if hashlib.sha256(frame).digest() != group.sha256:
        raise malformed("a group of modules is not as its head says")
    return zstd.decompress(frame, known, group.unpacked_size)


def restore(
    section: Section, group: Group, unpacked: bytes, tree: Tree, wanted: Callable[[int], bool]
) -> Iterator[tuple[Module, bytes | None]]:
    """The modules of a group that have a block which is wanted, with their blocks as they lie in the new image.

    None stands in their place for a module that this encoder packs otherwise than `tree` says.
    """
    at = 0
    for module in group.modules:
        place = module.new
        data = unpacked[at : at + place.unpacked]
        at += place.unpacked
        if any(wanted(block) for block in range(place.first, place.end)):
            packed = xz.pack(data, section.packing)
            blocks = packed + bytes(-len(packed) % BLOCK)
            fits = hashes(blocks, bytes.fromhex(tree.superblock.salt)) == _leaves(tree, place)
            yield module, blocks if fits else None


def needed(section: Section, wanted: Callable[[int], bool]) -> Iterator[Group]:
    """Groups that hold a block which is wanted."""
    for group in section.groups:
        if any(wanted(block) for module in group.modules for block in range(module.new.first, module.new.end)):
            yield group


def covered(section: Section, old: Tree, new: Tree) -> tuple[set[int], set[int]]:
    """Blocks of the old image and of the new one that modules lie in. Raises VerificationError for a place outside."""
    sets: tuple[set[int], set[int]] = (set(), set())
    for module in section.modules:
        for place, tree, blocks in zip((module.old, module.new), (old, new), sets, strict=True):
            if place.end > tree.superblock.data_blocks:
                raise malformed("a module lies outside of its image")
            blocks.update(range(place.first, place.end))
    return sets


def _leaves(tree: Tree, place: Place) -> bytes:
    return tree.leaves[place.first * DIGEST : place.end * DIGEST]


def malformed(why: str) -> VerificationError:
    """The error for a patch that cannot be used."""
    return VerificationError("patch-malformed", f"the patch cannot be used: {why}")
