"""What a TPM will have measured of a UKI: which sections, in which order, with which bytes."""

import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import pe
from adamant.image import measured as measuring
from adamant.model import measured, pcr
from adamant.model.errors import VerificationError
from adamant.reading.inspect import inspect
from tests.unit import image_maker as maker

HASH = "ab" * 32


def grown(program: bytes, name: bytes, size: int) -> bytes:
    """The program with another size in memory of one section."""
    at = program.index(name.ljust(8, b"\0")) + 8
    return program[:at] + struct.pack("<I", size) + program[at + 4 :]


def test_sections_are_measured_in_the_order_of_the_stub_and_no_others() -> None:
    found = measuring.measured_sections(maker.source(maker.uki(HASH, pcrsig=b"{}", sbat=b"sbat,1", dtb=b"tree")))
    assert [section.name for section in found] == [".linux", ".osrel", ".cmdline", ".initrd", ".dtb", ".uname", ".sbat"]
    assert found[0].sha256 == hashlib.sha256(b"kernel" * 300).hexdigest()


def test_pcr_11_is_extended_with_each_name_and_its_contents() -> None:
    found = measuring.measured_sections(maker.source(maker.efi({".uname": b"6.12", ".linux": b"kernel"})))
    value = bytes(32)
    for data in (b".linux\0", b"kernel", b".uname\0", b"6.12"):
        value = hashlib.sha256(value + hashlib.sha256(data).digest()).digest()
    assert measured.predict(found) == {"11": value.hex(), "12": "00" * 32, "13": "00" * 32}
    assert pcr.replay(digest for _, digest in measured.measurements(found)) == value


def test_a_section_is_measured_as_it_lies_in_memory() -> None:
    program = maker.efi({".linux": b"kernel", ".uname": b"6.12"})
    longer = measuring.measured_sections(maker.source(grown(program, b".linux", 100_000)))
    assert (longer[0].size, longer[0].sha256) == (100_000, hashlib.sha256(b"kernel".ljust(100_000, b"\0")).hexdigest())
    shorter = measuring.measured_sections(maker.source(grown(program, b".linux", 3)))
    assert (shorter[0].size, shorter[0].sha256) == (3, hashlib.sha256(b"ker").hexdigest())
    with pytest.raises(VerificationError, match="efi-program-malformed"):
        measuring.measured_sections(maker.source(grown(program, b".linux", 2 << 20)))
    with pytest.raises(VerificationError, match="efi-program-malformed"):
        measuring.measured_sections(maker.source(grown(program, b".linux", 0xFFFFFFFF)))


def test_a_signature_changes_nothing() -> None:
    uki, loader = maker.uki(HASH), maker.efi({".text": b"loader"})
    sections = {
        section.name: uki[section.offset : section.offset + section.size]
        for section in pe.read_program(maker.source(uki)).sections
    }
    signed = maker.efi(sections, (b"signature",))
    one = measuring.measure(maker.source(uki), maker.source(loader))
    assert measuring.measure(maker.source(signed), maker.source(loader)) == one
    assert one.uki == maker.authenticode(uki).hex()
    assert one.loader == maker.authenticode(loader).hex()


@given(st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=8)), max_size=6), st.integers(0, 9000))
def test_whatever_a_uki_is_made_of_is_measured_or_refused(changes: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(maker.uki(HASH))
    for at, piece in changes:
        data[at : at + len(piece)] = piece
    source = maker.source(bytes(data[:cut] if cut > 2000 else data))
    why = ""
    try:
        found = measuring.measure(source, source)
    except VerificationError as error:
        why = error.reference
    else:
        assert measured.predict(found.sections) == found.pcrs
    assert why in {"", "efi-program-malformed", "image-cut-short"}


def test_inspect_shows_them_and_holds_them_against_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "x.efi").write_bytes(maker.uki(HASH))
    (found,) = inspect(tmp_path / "x.efi", None, tmp_path).ukis
    assert found.measured == measuring.measured_sections(maker.source(maker.uki(HASH)))
    assert found.pcr11 == measured.predict(found.measured)["11"]
