"""Readers of foreign images: sound bytes give what they hold, and no bytes give a traceback or a hang."""

import datetime
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from adamant.core import limits, pe
from adamant.core.source import Source
from adamant.model.errors import VerificationError
from adamant.model.tree import Kind
from adamant.reading import fat, listing, qcow2
from tests.unit import image_maker as maker

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def signature(digest: bytes, name: str = "adamant Secure Boot") -> bytes:
    """A PKCS#7 blob whose contents hold the digest as an octet string, as Authenticode's do."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(days=1))
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"\x04\x20" + digest)
    signed = builder.add_signer(made.sign(key, SHA256()), key, SHA256())
    return signed.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def test_sections_of_a_program_are_found() -> None:
    program = pe.read_program(maker.source(maker.uki("ab" * 32)))
    assert program.machine == 0x8664
    assert [section.name for section in program.sections][:3] == [".text", ".osrel", ".cmdline"]
    line = program.section(".cmdline")
    assert line is not None
    assert maker.uki("ab" * 32)[line.offset : line.offset + line.size].endswith(b"ab\0")
    assert program.section(".no") is None
    assert program.signatures == ()


def test_a_signature_names_its_signer_and_knows_whether_the_file_was_changed() -> None:
    sections = {".text": b"code" * 200, ".data": b""}
    digest = maker.authenticode(maker.efi(sections))
    signed = maker.efi(sections, (signature(digest), signature(digest, "second")))
    found = pe.read_program(maker.source(signed)).signatures
    assert [(s.subject, s.current) for s in found] == [("CN=adamant Secure Boot", True), ("CN=second", True)]
    assert found[0].fingerprint != found[1].fingerprint
    changed = bytearray(signed)
    changed[1030] ^= 1
    assert [s.current for s in pe.read_program(maker.source(bytes(changed))).signatures] == [False, False]


def test_the_checksum_of_a_program_is_not_signed() -> None:
    sections = {".text": b"code"}
    signed = bytearray(maker.efi(sections, (signature(maker.authenticode(maker.efi(sections))),)))
    signed[0x40 + 24 + 64] ^= 0xFF
    assert pe.read_program(maker.source(bytes(signed))).signatures[0].current


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0x3C, b"\xff\xff\xff\x7f"),
        (0x40, b"XX"),
        (0x46, b"\0\0"),
        (0x46, b"\xff\xff"),
        (0x58, b"\x0b\x01"),
        (0x58 + 60, b"\x10\0\0\0"),
        (0x58 + 108, b"\xff\0\0\0"),
        (0x58 + 144, b"\0\0\0\0\x08\0\0\0"),
        (0x58 + 240 + 16, b"\xff\xff\xff\x7f"),
        (0x58 + 240 + 20, b"\xff\xff\xff\x7f"),
        (0x58 + 240, b"\xff\xfe"),
    ],
)
def test_a_program_whose_headers_lie_is_refused(place: int, value: bytes) -> None:
    data = bytearray(maker.uki("ab" * 32))
    data[place : place + len(value)] = value
    with pytest.raises(VerificationError):
        pe.read_program(maker.source(bytes(data)))


def test_files_of_an_esp_are_found_by_their_long_names() -> None:
    contents = {
        "EFI/BOOT/BOOTX64.EFI": b"loader" * 300,
        "EFI/Linux/a-long-name_2+3-1.efi": bytes(range(256)) * 9,
        "EFI/Linux/empty": b"",
        "loader/loader.conf": b"timeout 0\n",
    }
    found = fat.read_files(maker.source(maker.fat32(contents)))
    assert {path: file.exactly(0, file.size) for path, file in found.items()} == contents
    uki = found["EFI/Linux/a-long-name_2+3-1.efi"]
    assert uki.read(510, 5) == (bytes(range(256)) * 9)[510:515]
    assert uki.read(uki.size - 1, 100) == b"\xff"
    assert uki.read(uki.size, 1) == b""


def test_a_chain_that_runs_in_circles_ends() -> None:
    data = bytearray(maker.fat32({"a": b"x" * 2000}))
    table = 32 * 512
    for first in range(10, 14):
        data[table + 4 * first : table + 4 * first + 4] = (10).to_bytes(4, "little")
    with pytest.raises(VerificationError, match="fat-malformed"):
        fat.read_files(maker.source(bytes(data)))


def test_folders_that_hold_themselves_end() -> None:
    data = maker.fat32({"EFI/a": b"x"})
    entry = data.index(b"F0000000") + 20
    circle = bytearray(data)
    circle[entry : entry + 2] = b"\0\0"
    circle[entry + 6 : entry + 8] = b"\x02\0"
    with pytest.raises(VerificationError, match="circles"):
        fat.read_files(maker.source(bytes(circle)))


def test_a_disk_in_qcow2_reads_as_the_disk() -> None:
    disk = b"start".ljust(200_000, b"\0") + b"middle".ljust(300_000, b"\0") + b"end"
    for bits in (9, 12, 16):
        opened = qcow2.open_qcow2(maker.source(maker.qcow2(disk, bits)))
        assert opened.size == len(disk)
        assert opened.exactly(0, len(disk)) == disk
        assert opened.exactly(199_999, 10) == disk[199_999:200_009]
        assert opened.read(len(disk) - 3, 50) == b"end"


@pytest.mark.parametrize(("place", "value"), [(7, 2), (15, 9), (23, 8), (23, 40), (35, 1), (79, 1), (24, 255)])
def test_a_qcow2_image_that_needs_more_than_itself_is_refused(place: int, value: int) -> None:
    data = bytearray(maker.qcow2(bytes(100_000)))
    data[place] = value
    with pytest.raises(VerificationError, match="qcow2-refused"):
        qcow2.open_qcow2(maker.source(bytes(data)))


@pytest.mark.parametrize("data", [maker.EROFS_PLAIN, maker.EROFS_INLINE])
def test_an_erofs_image_is_listed(data: bytes) -> None:
    found = listing.list_image(maker.source(data))
    assert len(found) == 51
    assert sum(path.startswith("many/") for path in found) == 40
    assert (found["bin/a"].mode, found["bin/a"].size) == (0o4755, 8)
    assert found["bin/a"].inode == found["bin/b"].inode
    assert (found["lib-link"].kind, found["lib-link"].target) == (Kind.SYMLINK, "../lib/deep")
    assert found["lib/deep/big"].size == 9000
    assert found["empty"].kind is Kind.DIRECTORY


def test_extended_attributes_are_listed_whether_files_share_them_or_not() -> None:
    found = listing.list_image(maker.source(maker.EROFS_ATTRIBUTES))
    value = bytes.fromhex("01000002") + (1 << 13).to_bytes(4, "little") + bytes(12)
    assert {found[f"p{n}"].attributes for n in range(6)} == {(("security.capability", value),)}
    assert set(found["one"].attributes) == {("user.note", b"\x00\xff"), ("security.capability", value)}
    assert maker.EROFS_ATTRIBUTES.count(b"capability") == 1
    plain = listing.list_image(maker.source(maker.EROFS_PLAIN))
    assert {entry.attributes for entry in plain.values()} == {()}


@pytest.mark.parametrize("prefix", [5, 0x81])
def test_a_prefix_that_the_image_defines_is_not_taken_for_none(prefix: int) -> None:
    data = maker.EROFS_ATTRIBUTES.replace(b"\x04\x01\x02\x00note", bytes([4, prefix, 2, 0]) + b"note")
    assert data != maker.EROFS_ATTRIBUTES
    assert ("?note", b"\x00\xff") in listing.list_image(maker.source(data))["one"].attributes


def test_attributes_that_end_early_are_refused() -> None:
    data = maker.EROFS_ATTRIBUTES.replace(b"\x04\x01\x02\x00note", b"\xff\x01\xff\xffnote")
    with pytest.raises(VerificationError, match="cut short"):
        listing.list_image(maker.source(data))


@settings(max_examples=300)
@given(st.integers(0, 8191), st.integers(0, 7))
def test_no_flipped_bit_breaks_the_reading_of_attributes(place: int, bit: int) -> None:
    data = bytearray(maker.EROFS_ATTRIBUTES)
    data[1024 + place] ^= 1 << bit
    try:
        listing.list_image(maker.source(bytes(data)))
    except VerificationError:
        return


def test_too_deep_or_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TREE_DEPTH", 1)
    with pytest.raises(VerificationError, match="circles"):
        listing.list_image(maker.source(maker.EROFS_PLAIN))
    monkeypatch.undo()
    monkeypatch.setattr(limits, "DEB_ENTRIES", 20)
    with pytest.raises(VerificationError, match="more than 20"):
        listing.list_image(maker.source(maker.EROFS_PLAIN))


def test_a_name_that_leads_out_is_refused() -> None:
    for name in (b"../", b"x/y", b"\0bc"):
        data = maker.EROFS_PLAIN.replace(b"big", name)
        with pytest.raises(VerificationError, match="erofs-malformed"):
            listing.list_image(maker.source(data))
    twice = maker.EROFS_PLAIN.replace(b"of-its-names-2", b"of-its-names-1", 1)
    with pytest.raises(VerificationError, match="twice"):
        listing.list_image(maker.source(twice))


def read_fat(source: Source) -> None:
    for file in fat.read_files(source).values():
        for _ in file.chunks():
            pass


def read_qcow2(source: Source) -> None:
    disk = qcow2.open_qcow2(source)
    for offset in range(0, min(disk.size, 1 << 20), 1 << 16):
        disk.read(offset, 4096)


_SECTIONS = {".text": b"code", ".cmdline": b"quiet"}
_READERS: list[tuple[bytes, Callable[[Source], object]]] = [
    (maker.efi(_SECTIONS, (signature(maker.authenticode(maker.efi(_SECTIONS))),)), pe.read_program),
    (maker.fat32({"EFI/Linux/a_1.efi": b"x" * 900, "loader/l.conf": b"y"}, 60), read_fat),
    (maker.qcow2(b"x" * 5000, 9), read_qcow2),
    (maker.EROFS_PLAIN, listing.list_image),
    (maker.EROFS_INLINE, listing.list_image),
    (maker.EROFS_ATTRIBUTES, listing.list_image),
]


@settings(max_examples=400)
@given(
    st.sampled_from(_READERS),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(0, 20) | st.none(),
)
def test_no_bytes_break_a_reader(
    reader: tuple[bytes, Callable[[Source], object]], changes: list[tuple[int, bytes]], cut: int | None
) -> None:
    sound, read = reader
    data = bytearray(sound)
    for place, piece in changes:
        at = place % len(data)
        data[at : at + len(piece)] = piece
    if cut is not None:
        del data[len(data) * cut // 20 :]
    try:
        read(maker.source(bytes(data)))
    except VerificationError:
        return


@settings(max_examples=200)
@given(st.integers(0, len(maker.EROFS_INLINE) - 1), st.integers(0, 7), st.sampled_from([1024, 0]))
def test_no_flipped_bit_breaks_the_lister(place: int, bit: int, base: int) -> None:
    data = bytearray(maker.EROFS_INLINE)
    data[base + place % (4096 if base else len(data))] ^= 1 << bit
    try:
        found = listing.list_image(maker.source(bytes(data)))
    except VerificationError:
        return
    for path in found:
        assert not {"", ".", ".."} & set(path.split("/"))


def test_a_part_does_not_reach_beyond_itself() -> None:
    whole = maker.source(b"0123456789")
    part = whole.part("part", 2, 5)
    assert part.read(0, 100) == b"23456"
    assert part.read(4, 10) == b"6"
    assert part.read(5, 10) == b""
    assert b"".join(part.chunks()) == b"23456"
    for offset, length in ((3, 3), (6, 1), (-1, 2), (0, -1)):
        with pytest.raises(VerificationError, match="image-cut-short"):
            part.exactly(offset, length)
    for offset, size in ((8, 3), (-1, 2), (1, -1)):
        with pytest.raises(VerificationError, match="image-cut-short"):
            whole.part("part", offset, size)
