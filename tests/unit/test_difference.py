"""The arithmetic of a difference, on plain values."""

import hashlib
import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.image.verity import Superblock, Tree, zero_leaf
from adamant.model.digest import RootHash, Salt, Sha256
from adamant.model.tree import Kind
from adamant.reading.difference import ChangeKind, FileChange, file_changes, merged, moved_blocks
from adamant.reading.listing import Listed
from tests.unit.image_maker import SALT, UUID_

FILE = Listed(Kind.FILE, 0o644, 0, 0, 10, "", 7)


def tree(*blocks: str, salt: Salt = SALT) -> Tree:
    leaves = [zero_leaf(salt) if name == "0" else hashlib.sha256((salt + name).encode()).digest() for name in blocks]
    return Tree(Superblock(UUID_, len(blocks), salt), RootHash(""), b"".join(leaves), 0)


def test_a_block_moves_only_when_no_old_block_is_like_it() -> None:
    assert moved_blocks(tree("a", "b", "c"), tree("c", "a", "x", "0", "y", "b")) == [2, 4]
    assert moved_blocks(tree("a", "b"), tree("b", "a")) == []


def test_another_salt_makes_every_block_move_but_zeros() -> None:
    assert moved_blocks(tree("a", "b"), tree("a", "0", "b", salt=Salt("77" * 32))) == [0, 2]


@pytest.mark.parametrize(
    ("numbers", "reach", "ranges"),
    [
        ([], 1, []),
        ([3], 1, [(3, 4)]),
        ([1, 2, 3, 7, 8], 1, [(1, 4), (7, 9)]),
        ([1, 2, 3, 7, 8], 4, [(1, 9)]),
        ([0, 17, 35], 17, [(0, 18), (35, 36)]),
    ],
)
def test_ranges_within_reach_are_one(numbers: list[int], reach: int, ranges: list[tuple[int, int]]) -> None:
    assert merged(numbers, reach) == ranges


@given(st.sets(st.integers(0, 300)), st.integers(1, 20))
def test_merged_ranges_hold_every_number_and_are_apart(numbers: set[int], reach: int) -> None:
    ranges = merged(sorted(numbers), reach)
    assert numbers <= {n for start, end in ranges for n in range(start, end)}
    assert all(start in numbers and end - 1 in numbers for start, end in ranges)
    assert all(b[0] - (a[1] - 1) > reach for a, b in itertools.pairwise(ranges))


def test_every_kind_of_change_of_a_file_is_named() -> None:
    old = {"gone": FILE, "same": FILE, "text": FILE, "mode": FILE, "own": FILE, "kind": FILE, "size": FILE}
    link = replace(FILE, kind=Kind.SYMLINK, size=0, target="x")
    new = {
        "new": replace(FILE, size=3),
        "same": replace(FILE, inode=8),
        "text": FILE,
        "mode": replace(FILE, mode=0o4755),
        "own": replace(FILE, gid=42),
        "kind": link,
        "size": replace(FILE, size=11),
    }
    one, other = Sha256("1" * 64), Sha256("2" * 64)
    digests = (dict.fromkeys(old, one), {p: other if p == "text" else one for p in new})
    found = {change.path: change for change in file_changes(old, new, digests)}
    assert found.keys() == (old.keys() | new.keys()) - {"same"}
    assert found["gone"] == FileChange("gone", ChangeKind.REMOVED, 10, 0)
    assert found["new"] == FileChange("new", ChangeKind.ADDED, 0, 3)
    assert found["text"].what == ("contents",)
    assert found["mode"].what == ("mode",)
    assert found["own"].what == ("owner",)
    assert found["size"].what == ("contents",)
    assert {"type", "target"} <= set(found["kind"].what)
