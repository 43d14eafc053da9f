"""The reader of verity trees: a sound tree gives its leaves, and nothing else gives anything."""

import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adamant.core import verity_tree as verity
from adamant.core.source import open_source
from adamant.model.digest import RootHash
from adamant.model.errors import VerificationError
from adamant.model.layout import BLOCK
from tests.unit.image_maker import SALT, UUID_, root_hash
from tests.unit.image_maker import verity as tree


def superblock(blocks: int, salt: bytes = bytes.fromhex(SALT)) -> bytes:
    fixed = struct.pack(
        "<8sII16s32sIIQH6x", b"verity\0\0", 1, 1, UUID_.bytes, b"sha256", BLOCK, BLOCK, blocks, len(salt)
    )
    return (fixed + salt).ljust(BLOCK, b"\0")


def image(blocks: int) -> bytes:
    return b"".join(struct.pack("<Q", number) * (BLOCK // 8) for number in range(blocks))


def leaves(data: bytes) -> bytes:
    salt = bytes.fromhex(SALT)
    return b"".join(hashlib.sha256(salt + data[i : i + BLOCK]).digest() for i in range(0, len(data), BLOCK))


def read(path: Path, expected: RootHash | None = None, offset: int = 0) -> bytes:
    with open_source(path) as source:
        return verity.read_tree(source.part("tree", offset, source.size - offset), expected).leaves


def broken(path: Path, wanted: bytes) -> list[int]:
    made = verity.Tree(verity.Superblock(UUID_, len(wanted) // 32, SALT), RootHash(""), wanted, 0)
    with open_source(path) as source:
        return list(verity.broken_blocks(source, made))


@pytest.mark.parametrize("blocks", [2, 127, 128, 129, 128 * 128 + 1])
def test_the_leaves_of_a_sound_tree_are_the_hashes_of_the_blocks(tmp_path: Path, blocks: int) -> None:
    data = image(blocks)
    made = tree(data)
    path = tmp_path / "usr.verity"
    path.write_bytes(made)
    assert verity.read_superblock(made) == verity.Superblock(UUID_, blocks, SALT)
    assert verity.read_root_hash(path) == root_hash(made)
    assert read(path, root_hash(made)) == leaves(data)
    assert sum(verity.levels(blocks)) == len(made) // BLOCK - 1


def test_a_tree_inside_of_a_partition_is_found_by_its_offset(tmp_path: Path) -> None:
    made = tree(image(200))
    path = tmp_path / "disk"
    path.write_bytes(bytes(7 * 512) + made + bytes(9000))
    assert read(path, root_hash(made), 7 * 512) == leaves(image(200))


def test_another_root_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "usr.verity"
    path.write_bytes(tree(image(3)))
    with pytest.raises(VerificationError, match="root-hash-differs"):
        read(path, RootHash("0" * 64))


def test_no_flipped_bit_of_the_tree_goes_unseen(tmp_path: Path) -> None:
    made = tree(image(300))
    path = tmp_path / "usr.verity"
    for place in [*range(BLOCK, len(made), 997), 8, 12, 64, 68, 72, 80, 88, 400, len(made) - 1]:
        changed = bytearray(made)
        changed[place] ^= 4
        path.write_bytes(changed)
        with pytest.raises(VerificationError):
            read(path, root_hash(made))


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    made = tree(image(300))
    path = tmp_path / "usr.verity"
    for length in range(0, len(made), 501):
        path.write_bytes(made[:length])
        with pytest.raises(VerificationError):
            read(path)


@pytest.mark.parametrize("blocks", [0, 1, 1 << 40, (1 << 64) - 1])
def test_a_number_of_blocks_that_no_image_has_is_refused(blocks: int) -> None:
    with pytest.raises(VerificationError, match="blocks"):
        verity.read_superblock(superblock(blocks))


def test_other_forms_of_verity_are_refused() -> None:
    sound = superblock(5)
    for place, value in ((8, 2), (12, 0), (33, 0x31), (64, 2), (69, 2), (80, 31), (82, 1), (130, 1), (500, 1)):
        changed = bytearray(sound)
        changed[place] = value
        with pytest.raises(VerificationError, match="verity-malformed"):
            verity.read_superblock(bytes(changed))
    assert verity.read_superblock(sound[:512]).data_blocks == 5


def test_broken_blocks_of_an_image_are_named(tmp_path: Path) -> None:
    data = bytearray(image(600))
    wanted = leaves(bytes(data))
    path = tmp_path / "usr.erofs"
    path.write_bytes(data)
    assert broken(path, wanted) == []
    data[5 * BLOCK + 1] ^= 1
    data[599 * BLOCK] ^= 1
    path.write_bytes(data)
    assert broken(path, wanted) == [5, 599]
    path.write_bytes(image(600)[: 598 * BLOCK + 17])
    assert broken(path, wanted) == [598, 599]


_SOUND = tree(image(130))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=9)), max_size=5), st.integers(0, len(_SOUND)))
def test_no_tree_breaks_the_reader(tmp_path: Path, changes: list[tuple[int, bytes]], length: int) -> None:
    data = bytearray(_SOUND)
    for place, piece in changes:
        data[place : place + len(piece)] = piece
    path = tmp_path / "usr.verity"
    path.write_bytes(data[: length + len(_SOUND) // 2])
    try:
        found = read(path)
    except VerificationError:
        return
    assert found == leaves(image(130))
