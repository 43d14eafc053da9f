"""What an update fetches, as arithmetic on the leaves of verity trees."""

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core.verity_tree import Superblock, Tree, zero_leaf
from adamant.model.digest import RootHash, Salt
from adamant.model.layout import BLOCK
from adamant.release import delta
from adamant.release.delta import Copy, Request, merged
from tests.unit.image_maker import SALT, UUID_


def tree(*blocks: str, salt: Salt = SALT) -> Tree:
    leaves = [zero_leaf(salt) if name == "0" else hashlib.sha256((salt + name).encode()).digest() for name in blocks]
    return Tree(Superblock(UUID_, len(blocks), salt), RootHash(""), b"".join(leaves), 0)


def test_a_block_moves_only_when_no_old_block_is_like_it() -> None:
    assert delta.moved(tree("c", "a", "x", "0", "y", "b"), [tree("a", "b", "c")]) == [2, 4]
    assert delta.moved(tree("b", "a"), [tree("a", "b")]) == []


def test_another_salt_makes_every_block_move_but_zeros() -> None:
    assert delta.moved(tree("a", "0", "b", salt=Salt("77" * 32)), [tree("a", "b")]) == [0, 2]


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


BLOCKS = st.lists(st.sampled_from("0abcdefgh"), min_size=2, max_size=60)


@given(BLOCKS, BLOCKS, BLOCKS)
def test_a_plan_names_each_block_once_and_what_it_copies_is_there(new: list[str], a: list[str], b: list[str]) -> None:
    made = delta.plan(tree(*new), [tree(*a), tree(*b)])
    fetched = list(made.fetched())
    named = [*made.zeros(), *(copy.block for copy in made.copies()), *fetched]
    assert sorted(named) == list(range(len(new)))
    asked = {block for request in made.requests for block in range(request.first, request.end)}
    assert set(fetched) <= asked <= set(range(len(new)))
    assert made.fetched_size == len(asked) * BLOCK
    for copy in made.copies():
        assert (a, b)[copy.slot][copy.source] == new[copy.block]
    if not made.whole:
        assert all(new[block] == "0" for block in made.zeros())
        assert not {new[block] for block in fetched} & {*a, *b, "0"}


def test_a_block_that_both_slots_have_comes_from_the_first() -> None:
    made = delta.plan(tree("x", "b", "c", "d"), [tree("b", "c"), tree("c", "d")])
    assert tuple(made.copies()) == (Copy(1, 0, 0), Copy(2, 0, 1), Copy(3, 1, 1))
    assert made.requests == (Request(0, 1),)


def test_an_image_that_shares_too_little_is_streamed_whole() -> None:
    made = delta.plan(tree("x", "y", "z", "a"), [tree("a", "b")])
    assert made.whole
    assert list(made.fetched()) == [0, 1, 2, 3]
    assert made.fetched_size == 4 * BLOCK


def test_no_request_asks_for_more_than_its_cap() -> None:
    many = delta.REQUEST_SIZE // BLOCK * 2 + 5
    requests = list(delta.cut([(7, 7 + many)]))
    assert [request.size for request in requests] == [delta.REQUEST_SIZE, delta.REQUEST_SIZE, 5 * BLOCK]
    assert requests[0].first == 7


def test_leaves_that_begin_alike_are_not_confused() -> None:
    alike = [bytes(5) + bytes([n]) * 27 for n in (1, 2, 3)]
    old = Tree(Superblock(UUID_, 2, SALT), RootHash(""), b"".join(alike[:2]), 0)
    new = Tree(Superblock(UUID_, 3, SALT), RootHash(""), b"".join([alike[1], alike[2], alike[0]]), 0)
    assert delta.moved(new, [old]) == [1]
    assert [(copy.block, copy.source) for copy in delta.plan(new, [old]).copies()] == [(0, 1), (2, 0)]
