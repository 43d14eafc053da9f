"""What an update fetches: each block of the new usr image is zeros, lies in a slot of this machine, or is fetched.

The leaves of the new verity tree say what each 4 KiB block must be, those of the slots what there is (docs/design.md,
decision 3). Blocks to fetch that stand close together are fetched by one request, with what lies between them. Pure:
no network, no disk. An image of 2 GiB has half a million blocks, so a plan is arrays of numbers, not objects.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from adamant.core.verity_tree import DIGEST, Tree, zero_leaf
from adamant.model.layout import BLOCK

GAP = 16 << 10
"""Bytes between two ranges up to which they are fetched as one: a request costs more than the bytes between them."""
REQUEST_SIZE = 4 << 20
"""Bytes that one request asks for at most, so that several are in flight and an interruption costs little."""
WHOLE_SHARE = 0.7
"""When more than this share of the image would be fetched by ranges, the whole image is streamed instead."""

_ZEROS = -1
_FETCHED = -2
_PRESENT = -3
_PLACE = 32
"""Bits of a block's number in an origin; above them stands the slot's."""
_INDEX = 24
"""Bits of a block's number in the index of leaves: 64 GiB of blocks."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Block `block` of the new image is block `source` of the slot number `slot`."""

    block: int
    slot: int
    source: int


@dataclass(frozen=True, slots=True)
class Request:
    """A range of blocks to ask for: from `first` to one before `end`."""

    first: int
    end: int

    @property
    def size(self) -> int:
        """Bytes of the answer."""
        return (self.end - self.first) * BLOCK


@dataclass(frozen=True, slots=True)
class Plan:
    """Where each block of the new image comes from: `zeros`, `copies` and `fetched` together name each block once, but
    for those that are present: they are in their place already.

    `requests` cover `fetched`, with gaps of other blocks. `whole` says that the image is streamed from its begin to its
    end instead: then every block is fetched, and the requests follow one another.
    """

    origins: "array[int]"
    requests: tuple[Request, ...]
    whole: bool

    @property
    def blocks(self) -> int:
        """Blocks of the new image."""
        return len(self.origins)

    @property
    def fetched_size(self) -> int:
        """Bytes that travel: all answers."""
        return sum(request.size for request in self.requests)

    def zeros(self) -> Iterator[int]:
        """Blocks of zeros, in order."""
        return (block for block, origin in enumerate(self.origins) if origin == _ZEROS)

    def fetched(self) -> Iterator[int]:
        """Blocks that no slot has, in order."""
        return (block for block, origin in enumerate(self.origins) if origin == _FETCHED)

    def wanted(self, block: int) -> bool:
        """Whether the block is to be fetched."""
        return self.origins[block] == _FETCHED

    def copies(self) -> Iterator[Copy]:
        """Blocks that a slot has, in the order of the new image."""
        mask = (1 << _PLACE) - 1
        return (Copy(b, origin >> _PLACE, origin & mask) for b, origin in enumerate(self.origins) if origin >= 0)


class _Index:
    """Finds a leaf among those of a tree: the first bits of each, sorted, with the number of its block."""

    def __init__(self, tree: Tree) -> None:
        self._leaves = tree.leaves
        count = len(tree.leaves) // DIGEST
        self._sorted = array("Q", sorted(_prefix(tree.leaves, n) << _INDEX | n for n in range(count)))

    def find(self, leaf: bytes) -> int | None:
        """The first block with that leaf."""
        prefix = _prefix(leaf, 0)
        at = bisect_left(self._sorted, prefix << _INDEX)
        while at < len(self._sorted) and self._sorted[at] >> _INDEX == prefix:
            block = self._sorted[at] & ((1 << _INDEX) - 1)
            if self._leaves[block * DIGEST : (block + 1) * DIGEST] == leaf:
                return block
            at += 1
        return None


def _prefix(leaves: bytes, number: int) -> int:
    """The first 40 bits of a leaf."""
    return int.from_bytes(leaves[number * DIGEST : number * DIGEST + 5], "big")


def plan(new: Tree, slots: Sequence[Tree], present: Sequence[int] = ()) -> Plan:
    """The plan for the image of `new` on a machine whose slots hold images with the trees `slots`.

    `present` says of each block whether it is in its place already; when it is empty, none is.
    A slot with another salt is of no use: its leaves say nothing of this image's blocks. What a slot claims to hold is
    not trusted; who copies a block checks it against its leaf. Of several slots that have a block, the first is taken.
    """
    total = new.superblock.data_blocks
    origins = array("q", _origins(new, slots))
    for block, there in enumerate(present):
        if there:
            origins[block] = _PRESENT
    missing = (block for block, origin in enumerate(origins) if origin == _FETCHED)
    requests = tuple(cut(merged(missing, GAP // BLOCK + 1)))
    if not any(present) and sum(request.size for request in requests) > WHOLE_SHARE * total * BLOCK:
        return Plan(array("q", [_FETCHED]) * total, tuple(cut([(0, total)])), whole=True)
    return Plan(origins, requests, whole=False)


def moved(new: Tree, slots: Sequence[Tree]) -> list[int]:
    """Numbers of the blocks of the new image that are neither in a slot nor zeros, in order."""
    return [block for block, origin in enumerate(_origins(new, slots)) if origin == _FETCHED]


def _origins(new: Tree, slots: Sequence[Tree]) -> Iterator[int]:
    zero = zero_leaf(new.superblock.salt)
    known = [(n, _Index(s)) for n, s in enumerate(slots) if s.superblock.salt == new.superblock.salt]
    for leaf in leaves(new):
        if leaf == zero:
            yield _ZEROS
            continue
        for number, index in known:
            block = index.find(leaf)
            if block is not None:
                yield number << _PLACE | block
                break
        else:
            yield _FETCHED


def leaves(tree: Tree) -> Iterator[bytes]:
    """The leaves of a tree, one for each data block, in order."""
    return (tree.leaves[at : at + DIGEST] for at in range(0, len(tree.leaves), DIGEST))


def merged(numbers: Iterable[int], reach: int) -> list[tuple[int, int]]:
    """Ranges (first, one behind the last) over sorted `numbers`; neighbours up to `reach` apart fall into one."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number - ranges[-1][1] < reach:
            ranges[-1] = (ranges[-1][0], number + 1)
        else:
            ranges.append((number, number + 1))
    return ranges


def cut(ranges: Iterable[tuple[int, int]]) -> Iterator[Request]:
    """The ranges as requests, none of which asks for more than REQUEST_SIZE."""
    most = REQUEST_SIZE // BLOCK
    for first, end in ranges:
        for at in range(first, end, most):
            yield Request(at, min(at + most, end))
