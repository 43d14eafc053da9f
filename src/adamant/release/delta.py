"""What an update fetches: each block of the new usr image is zeros, lies in a slot of this machine, or is fetched.

The leaves of the new verity tree say what each 4 KiB block must be, those of the slots what there is (docs/design.md,
decision 3). Blocks to fetch that stand close together are fetched by one request, with what lies between them. Pure:
no network, no disk.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from adamant.core.verity_tree import DIGEST, Tree, zero_leaf
from adamant.model.layout import BLOCK

GAP = 64 << 10
"""Bytes between two ranges up to which they are fetched as one: a request costs more than the bytes between them."""
REQUEST_SIZE = 4 << 20
"""Bytes that one request asks for at most, so that several are in flight and an interruption costs little."""
WHOLE_SHARE = 0.7
"""When more than this share of the image would be fetched by ranges, the whole image is streamed instead."""


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
    """Where each block of the new image comes from: `zeros`, `copies` and `fetched` together name each block once.

    `requests` cover `fetched`, with gaps of other blocks. `whole` says that the image is streamed from its begin to its
    end instead: then every block is fetched, and the requests follow one another.
    """

    blocks: int
    zeros: tuple[int, ...]
    copies: tuple[Copy, ...]
    fetched: tuple[int, ...]
    requests: tuple[Request, ...]
    whole: bool

    @property
    def fetched_size(self) -> int:
        """Bytes that travel: all answers."""
        return sum(request.size for request in self.requests)


def plan(new: Tree, slots: Sequence[Tree]) -> Plan:
    """The plan for the image of `new` on a machine whose slots hold images with the trees `slots`.

    A slot with another salt is of no use: its leaves say nothing of this image's blocks. What a slot claims to hold is
    not trusted; who copies a block checks it against its leaf.
    """
    zero = zero_leaf(new.superblock.salt)
    known = _known(new, slots)
    zeros, copies, fetched = [], [], []
    for block, leaf in enumerate(leaves(new)):
        if leaf == zero:
            zeros.append(block)
        elif leaf in known:
            copies.append(Copy(block, *known[leaf]))
        else:
            fetched.append(block)
    total = new.superblock.data_blocks
    requests = tuple(cut(merged(fetched, GAP // BLOCK + 1)))
    if sum(request.size for request in requests) > WHOLE_SHARE * total * BLOCK:
        return Plan(total, (), (), tuple(range(total)), tuple(cut([(0, total)])), whole=True)
    return Plan(total, tuple(zeros), tuple(copies), tuple(fetched), requests, whole=False)


def moved(new: Tree, slots: Sequence[Tree]) -> list[int]:
    """Numbers of the blocks of the new image that are neither in a slot nor zeros, in order."""
    known = {zero_leaf(new.superblock.salt), *_known(new, slots)}
    return [block for block, leaf in enumerate(leaves(new)) if leaf not in known]


def _known(new: Tree, slots: Sequence[Tree]) -> dict[bytes, tuple[int, int]]:
    """For each leaf that a slot has: the first slot and block that hold it."""
    known: dict[bytes, tuple[int, int]] = {}
    for number, slot in enumerate(slots):
        if slot.superblock.salt == new.superblock.salt:
            for block, leaf in enumerate(leaves(slot)):
                known.setdefault(leaf, (number, block))
    return known


def leaves(tree: Tree) -> Iterator[bytes]:
    """The leaves of a tree, one for each data block, in order."""
    return (tree.leaves[at : at + DIGEST] for at in range(0, len(tree.leaves), DIGEST))


def merged(numbers: Sequence[int], reach: int) -> list[tuple[int, int]]:
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
