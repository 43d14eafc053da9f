"""What xz has packed is made again to the byte, and nothing foreign is unpacked further than it was said to be long."""

import lzma
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import limits, xz
from adamant.core.xz import Packing
from adamant.model.errors import VerificationError
from tests.unit import image_maker

KERNEL = Packing(threaded=True, preset=6, dictionary=16)
SMALL = Packing(threaded=True, preset=0, dictionary=0)
PLAIN = Packing(threaded=False, preset=6 | lzma.PRESET_EXTREME, dictionary=18)

DATA = b"".join(b"%d of what repeats\n" % (n * n) for n in range(3000))


def test_the_kernels_settings_are_a_dictionary_of_a_mebibyte_and_blocks_of_three() -> None:
    assert (KERNEL.dictionary_size, KERNEL.part) == (1 << 20, 3 << 20)
    assert PLAIN.dictionary_size == 2 << 20


def test_without_threads_a_file_is_what_liblzma_makes() -> None:
    made = lzma.compress(
        DATA, check=lzma.CHECK_CRC32, preset=None, filters=[{"id": lzma.FILTER_LZMA2, "preset": 3, "dict_size": 8192}]
    )
    assert xz.pack(DATA, Packing(threaded=False, preset=3, dictionary=2)) == made


@pytest.mark.parametrize("packing", [KERNEL, SMALL, PLAIN], ids=["kernel", "small", "plain"])
def test_a_file_unpacks_and_its_headers_say_how_it_was_made(packing: Packing) -> None:
    packed = xz.pack(DATA, packing)
    assert lzma.decompress(packed) == DATA == xz.unpack(packed, len(DATA))
    assert packing in xz.candidates(packed)
    assert {(p.threaded, p.dictionary) for p in xz.candidates(packed)} == {(packing.threaded, packing.dictionary)}


def test_contents_above_a_block_are_cut_into_several() -> None:
    data = random.Random(1).randbytes(1000) * 2200
    assert SMALL.part == 1 << 20
    packed = xz.pack(data, SMALL)
    assert xz.unpack(packed, len(data)) == data
    assert len(data) > 2 * SMALL.part


@given(st.binary(min_size=1, max_size=3000))
def test_any_contents_come_back(data: bytes) -> None:
    assert xz.unpack(xz.pack(data, SMALL), len(data)) == data


@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_file_of_another_length_is_refused(wrong: int) -> None:
    with pytest.raises(VerificationError) as caught:
        xz.unpack(xz.pack(DATA, SMALL), len(DATA) + wrong)
    assert caught.value.reference == "xz-broken"


def test_a_bomb_is_refused_and_what_follows_a_file_too() -> None:
    with pytest.raises(VerificationError):
        xz.unpack(lzma.compress(bytes(64 << 20)), 1000)
    with pytest.raises(VerificationError):
        xz.unpack(xz.pack(DATA, SMALL) + b"\0" * 4, len(DATA))


@given(st.binary(max_size=200), st.integers(1, 1000))
def test_any_bytes_are_no_file(data: bytes, size: int) -> None:
    for begin in (b"", xz.MAGIC):
        with pytest.raises(VerificationError):
            xz.unpack(begin + data, size)
        xz.candidates(begin + data)
        assert xz.find(image_maker.source(begin + data), 0, 1000) is None


PACKED = xz.pack(DATA[:500], SMALL)


@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
def test_a_damaged_file_never_unpacks_to_something_else(at: int, by: int) -> None:
    broken = bytearray(PACKED)
    broken[at] ^= by
    xz.candidates(bytes(broken))
    with pytest.raises(VerificationError):
        xz.unpack(bytes(broken), 500)


def test_a_file_is_found_where_it_begins_in_an_image_and_only_up_to_a_size() -> None:
    image = image_maker.source(b"before!!" + PACKED + b"behind" * 100_000)
    assert xz.find(image, 8, 500) == (len(PACKED), DATA[:500])
    assert xz.find(image, 8, 499) is None
    assert xz.find(image, 0, 500) is None
    assert xz.find(image_maker.source(PACKED[:-3]), 0, 500) is None


@pytest.mark.parametrize("made", [lzma.compress(DATA), lzma.compress(DATA, check=lzma.CHECK_NONE), b"", b"\xfd7zXZ"])
def test_a_file_with_another_check_has_no_known_settings(made: bytes) -> None:
    assert xz.candidates(made) == []


def test_filters_before_lzma_and_large_dictionaries_are_not_known() -> None:
    x86 = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 0}]
    assert xz.candidates(lzma.compress(DATA, check=lzma.CHECK_CRC32, filters=x86)) == []
    large = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 64 << 20}]
    assert xz.candidates(lzma.compress(DATA, check=lzma.CHECK_CRC32, filters=large)) == []


@pytest.mark.parametrize(("preset", "dictionary"), [(10, 16), (-1, 16), (6, 41), (6, -1), (6, 40), (6, 25)])
def test_settings_that_there_are_not_are_refused(preset: int, dictionary: int) -> None:
    with pytest.raises(ValueError, match="xz has no preset"):
        Packing(threaded=True, preset=preset, dictionary=dictionary)
    assert limits.XZ_DICTIONARY < 32 << 20
