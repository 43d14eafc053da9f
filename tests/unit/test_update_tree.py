"""What travels of a verity tree: each block of leaves that the running release's tree has not, and nothing else."""

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adamant.core.verity_tree import DIGEST, FAN_OUT, Tree, read_tree
from adamant.model.arch import Arch
from adamant.model.digest import Salt, sha256
from adamant.model.errors import VerificationError
from adamant.model.layout import BLOCK
from adamant.model.posture import Posture
from adamant.node.update import tree
from adamant.release.index import File, Release
from tests.unit import image_maker

LEAVES = 12
"""Blocks of leaves of the images here."""
DATA = random.Random(1).randbytes(LEAVES * FAN_OUT * BLOCK - 5 * BLOCK)


def _tree(data: bytes, salt: Salt = image_maker.SALT) -> Tree:
    return read_tree(image_maker.source(image_maker.verity(data, salt)))


OLD = _tree(DATA)


class Server:
    """Gives ranges of a file, and knows which it gave. `gives` may change them."""

    def __init__(self, data: bytes, gives: Callable[[bytes], bytes] = lambda data: data) -> None:
        self.data = data
        self.asked: list[tuple[int, int]] = []
        self._gives = gives

    def read(self, at: int, size: int) -> Iterator[bytes]:
        self.asked.append((at, size))
        given = self._gives(self.data[at : at + size])
        yield given[: size // 3]
        yield given[size // 3 :]


def _release(data: bytes, made: bytes) -> Release:
    digest = sha256(made)
    file = File("fleet/2/usr.verity", len(made), digest)
    root, blocks = image_maker.root_hash(made), len(data) // BLOCK
    other = File("fleet/2/other", 1, digest)
    return Release(
        "2", Arch.AMD64, Posture.GUARDED, "6.12", root, made[88:120].hex(), blocks, other, file, other, other, other
    )


def _changed(*blocks: int) -> bytes:
    data = bytearray(DATA)
    for block in blocks:
        data[block * BLOCK : block * BLOCK + 4] = b"new!"
    return bytes(data)


def test_only_the_leaves_that_are_new_are_fetched() -> None:
    data = _changed(8 * FAN_OUT + 1)
    made = image_maker.verity(data)
    server = Server(made)
    found, read = tree.fetch(_release(data, made), OLD, server.read)
    assert found == made
    assert read.leaves[DIGEST * 8 * FAN_OUT :] != OLD.leaves[DIGEST * 8 * FAN_OUT :]
    assert server.asked == [(0, 2 * BLOCK), ((2 + 8) * BLOCK, BLOCK)]


def test_leaves_that_stand_close_together_come_by_one_request() -> None:
    data = _changed(2 * FAN_OUT, 5 * FAN_OUT)
    made = image_maker.verity(data)
    server = Server(made)
    assert tree.fetch(_release(data, made), OLD, server.read)[0] == made
    assert server.asked == [(0, 2 * BLOCK), ((2 + 2) * BLOCK, 4 * BLOCK)]


def test_leaves_are_found_at_another_place() -> None:
    data = random.Random(2).randbytes(FAN_OUT * BLOCK) + DATA
    made = image_maker.verity(data)
    server = Server(made)
    assert tree.fetch(_release(data, made), OLD, server.read)[0] == made
    assert server.asked == [(0, 2 * BLOCK), (2 * BLOCK, BLOCK)]


def test_a_running_release_with_another_salt_is_of_no_use() -> None:
    made = image_maker.verity(DATA, Salt("77" * 32))
    server = Server(made)
    assert tree.fetch(_release(DATA, made), OLD, server.read)[0] == made
    assert server.asked == [(0, 2 * BLOCK), (2 * BLOCK, LEAVES * BLOCK)]


def test_a_small_tree_comes_by_one_request() -> None:
    data = DATA[: 4 * FAN_OUT * BLOCK]
    made = image_maker.verity(data)
    server = Server(made)
    assert tree.fetch(_release(data, made), OLD, server.read)[0] == made
    assert server.asked == [(0, 6 * BLOCK)]


@pytest.mark.parametrize("change", [{"data_blocks": 1}, {"data_blocks": len(DATA) // BLOCK + FAN_OUT}])
def test_a_file_that_cannot_be_the_tree_is_not_fetched(change: dict[str, int]) -> None:
    made = image_maker.verity(DATA)
    server = Server(made)
    with pytest.raises(VerificationError, match="release-file"):
        tree.fetch(replace(_release(DATA, made), **change), OLD, server.read)
    assert not server.asked


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, (2 + LEAVES) * BLOCK - 1), cut=st.booleans())
def test_what_a_server_makes_of_it_never_counts(at: int, cut: bool) -> None:
    data = _changed(8 * FAN_OUT + 1)
    made = image_maker.verity(data)
    wrong = bytearray(made)
    wrong[at] ^= 1
    gives: Callable[[bytes], bytes] = (lambda found: found[:-1]) if cut else (lambda found: found)
    server = Server(bytes(wrong), gives)
    try:
        found, _ = tree.fetch(_release(data, made), OLD, server.read)
    except VerificationError:
        return
    assert found == made, "the byte was in a block that is not fetched"
    assert not cut
