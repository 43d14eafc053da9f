"""A patch from one usr image to another: the blocks that the new one has and the old one has not, compressed.

What both images have is copied on the machine, as the leaves of the verity trees say (delta.py); a patch holds the
rest, in the order of the new image, and refers to the blocks that only the old image has: what changed resembles what
it replaced. Both lists follow from the two trees, so a patch names no block, and both sides hold the same trees.

It is cut into segments of at most SEGMENT blocks. Each is one zstd frame with a window of at most WINDOW of those old
blocks, has a digest of its own, and is unpacked alone. So a machine needs memory for one, whatever the size of the
image, and one that was cut goes on with the segments that it has not.

Blocks of kernel modules are in neither list when they can be made from the old image's modules: these have a section
of their own (modules.py), and the magic says so. A patch without one is of form 1, which every machine knows.

The file, all numbers little-endian: magic; root hashes of the old and of the new tree; number of moved blocks, of gone
blocks, and of segments; for each segment its blocks, the first and the number of gone blocks of its window, the bytes
of its frame, and their SHA-256; in form 2 the section of modules; then the frames, one behind the other, and those of
the modules.
"""

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from adamant.core import limits, zstd
from adamant.core.source import Source
from adamant.core.verity_tree import Tree, hashes
from adamant.model.digest import RootHash
from adamant.model.errors import InputError
from adamant.model.layout import BLOCK
from adamant.release import changed_modules, delta, modules
from adamant.release.modules import Section, malformed

SEGMENT = 2048
"""Most blocks that a segment unpacks to: 8 MiB."""
WINDOW = 8192
"""Most blocks of the old image that a segment refers to: 32 MiB."""
FRAME_SIZE = SEGMENT * BLOCK + (64 << 10)
"""Most bytes of a frame. What cannot be compressed is stored, with three bytes for each 128 KiB."""

FORMS = (1, 2)
"""Forms of patches that are known: without modules, and with them."""

_MAGICS = (b"adpatch1", b"adpatch2")
_START = struct.Struct("<8s32s32sIII")
_SEGMENT = struct.Struct("<IIII32s")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a patch: moved blocks from number `first` to one before `end` of their list, by a window of gone ones.

    `offset` and `size` are where its frame stands in the file, in bytes, and `sha256` is its digest.
    """

    first: int
    end: int
    window_first: int
    window_end: int
    offset: int
    size: int
    sha256: bytes

    @property
    def unpacked_size(self) -> int:
        """Bytes of its blocks."""
        return (self.end - self.first) * BLOCK


@dataclass(frozen=True, slots=True)
class Head:
    """The begin of a patch: from which tree to which, its segments, which follow one another, and its modules."""

    old: RootHash
    new: RootHash
    moved: int
    gone: int
    segments: tuple[Segment, ...]
    section: Section | None = None

    @property
    def form(self) -> int:
        """Which machines know it: one of FORMS."""
        return 1 if self.section is None else 2

    @property
    def size(self) -> int:
        """Bytes of the head itself."""
        return _START.size + len(self.segments) * _SEGMENT.size + (self.section.size if self.section else 0)


def encode(head: Head) -> bytes:
    """The bytes of a head."""
    magic = _MAGICS[head.form - 1]
    start = _START.pack(
        magic, bytes.fromhex(head.old), bytes.fromhex(head.new), head.moved, head.gone, len(head.segments)
    )
    rows = [
        _SEGMENT.pack(s.end - s.first, s.window_first, s.window_end - s.window_first, s.size, s.sha256)
        for s in head.segments
    ]
    return start + b"".join(rows) + (modules.encode(head.section) if head.section else b"")


def decode(data: bytes, file_size: int) -> Head:
    """The head of a patch of `file_size` bytes, from exactly its own bytes. Raises VerificationError."""
    if not _START.size <= len(data) <= limits.PATCH_HEAD_SIZE:
        raise malformed(f"a head has no {len(data)} bytes")
    magic, old, new, moved, gone, count = _START.unpack_from(data)
    if magic not in _MAGICS:
        raise malformed("it does not begin as a patch")
    end = _START.size + count * _SEGMENT.size
    if len(data) < end or (magic == _MAGICS[0] and len(data) != end):
        raise malformed("its table of segments has another size")
    if max(moved, gone) > limits.USR_SIZE // BLOCK:
        raise malformed("it has more blocks than an image may")
    segments: list[Segment] = []
    block, offset = 0, len(data)
    for blocks, first, window, size, digest in _SEGMENT.iter_unpack(data[_START.size : end]):
        if not 1 <= blocks <= SEGMENT or window > WINDOW or first + window > gone or not 1 <= size <= FRAME_SIZE:
            raise malformed(f"segment {len(segments)} breaks a limit")
        segments.append(Segment(block, block + blocks, first, first + window, offset, size, digest))
        block, offset = block + blocks, offset + size
    section = modules.decode(data[end:], offset) if magic == _MAGICS[1] else None
    if section:
        offset += sum(group.size for group in section.groups)
    if block != moved or offset != file_size:
        raise malformed("its segments are not all of it")
    return Head(RootHash(old.hex()), RootHash(new.hex()), moved, gone, tuple(segments), section)


@dataclass(frozen=True, slots=True)
class Lists:
    """What both sides make of the two trees: numbers of blocks of the new image that the old one has not (`moved`), and
    of the old one that the new one has not (`gone`); in order, and without zeros and what modules lie in."""

    moved: Sequence[int]
    gone: Sequence[int]


def lists(old: Tree, new: Tree, section: Section | None = None) -> Lists:
    """The lists of two trees. With another salt in each, all blocks are in them.

    Raises VerificationError for modules outside of the images.
    """
    found = Lists(delta.moved(new, [old]), delta.moved(old, [new]))
    return _without(found, section, old, new) if section else found


def _without(found: Lists, section: Section, old: Tree, new: Tree) -> Lists:
    """The lists without the blocks that modules lie in."""
    of_old, of_new = modules.covered(section, old, new)
    return Lists([n for n in found.moved if n not in of_new], [n for n in found.gone if n not in of_old])


def unpack(head: Head, segment: Segment, frame: bytes, old: Source, found: Lists, new: Tree) -> bytes:
    """The blocks of a segment, from its frame and the old image.

    Nothing is taken on trust: the frame is what the head says before it is unpacked, and each block is what its leaf
    says before it is given. Raises VerificationError.
    """
    if (head.moved, head.gone) != (len(found.moved), len(found.gone)):
        raise malformed("it was made for other blocks")
    if hashlib.sha256(frame).digest() != segment.sha256:
        raise malformed("a segment is not as its head says")
    window = _blocks(old, found.gone[segment.window_first : segment.window_end])
    data = zstd.decompress(frame, window, segment.unpacked_size)
    numbers = found.moved[segment.first : segment.end]
    leaves = b"".join(new.leaves[32 * n : 32 * n + 32] for n in numbers)
    if hashes(data, bytes.fromhex(new.superblock.salt)) != leaves:
        raise malformed("it makes other blocks than the new image has")
    return data


def make(old: Source, old_tree: Tree, new: Source, new_tree: Tree, out: BinaryIO) -> Head:
    """Write the patch from `old` to `new` to `out`; its head.

    Each segment and group is unpacked again before it is written. Raises InputError `patch-useless` when the images are
    alike.
    """
    found = lists(old_tree, new_tree)
    if not found.moved:
        raise InputError("patch-useless", "the new image has no block that the old one has not: a patch saves nothing")
    changed = changed_modules.make(old, found.gone, new, found.moved)
    if changed:
        found = _without(found, changed.section, old_tree, new_tree)
    count = -(-len(found.moved) // SEGMENT)
    offset = _START.size + count * _SEGMENT.size + (changed.section.size if changed else 0)
    out.seek(offset)
    head = Head(old_tree.root_hash, new_tree.root_hash, len(found.moved), len(found.gone), ())
    segments: list[Segment] = []
    for first in range(0, len(found.moved), SEGMENT):
        end = min(first + SEGMENT, len(found.moved))
        window_first, window_end = _window(found, first, end, old_tree, new_tree)
        window = _blocks(old, found.gone[window_first:window_end])
        data = _blocks(new, found.moved[first:end])
        frame = zstd.compress(data, window)
        segment = Segment(first, end, window_first, window_end, offset, len(frame), hashlib.sha256(frame).digest())
        segments.append(segment)
        out.write(frame)
        offset += len(frame)
        unpack(head, segment, frame, old, found, new_tree)
    head = replace(head, segments=tuple(segments))
    if changed:
        out.writelines(changed.frames)
        head = replace(head, section=changed.section)
        head = decode(encode(head), out.tell())  # which says where the groups are, and holds them against the limits
    out.seek(0)
    out.write(encode(head))
    return head


def _window(found: Lists, first: int, end: int, old: Tree, new: Tree) -> tuple[int, int]:
    """The part of the gone blocks around the place in the old image that the segment has in the new one."""
    middle = (found.moved[first] + found.moved[end - 1]) // 2 * old.superblock.data_blocks // new.superblock.data_blocks
    at = bisect_left(found.gone, middle)
    begin = max(0, min(at - WINDOW // 2, len(found.gone) - WINDOW))
    return begin, min(begin + WINDOW, len(found.gone))


def _blocks(image: Source, numbers: Sequence[int]) -> bytes:
    """The blocks with those numbers, one behind the other; neighbours are read at once."""
    return b"".join(image.exactly(first * BLOCK, (end - first) * BLOCK) for first, end in delta.merged(numbers, 1))


def needed(head: Head, wanted: Sequence[bool]) -> Iterator[Segment]:
    """Segments that hold a block which is wanted: `wanted` says it of each moved block."""
    return (segment for segment in head.segments if any(wanted[segment.first : segment.end]))
