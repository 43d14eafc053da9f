"""EFI programs: sections, and the signatures they carry. A reader of foreign bytes, and what attaches a signature.

Format: Microsoft PE/COFF, revision 11, as UEFI 2.10 section 2.1.1 uses it (PE32+ only); signatures are Authenticode
(PE format of Authenticode, 2008). A signature is looked at, not verified: that takes the certificate that one trusts
(`core/authenticode.py`). What this module does say for sure is whether the file still has the digest that was signed.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adamant.core import limits
from adamant.core.source import Source
from adamant.model.digest import Sha256
from adamant.model.errors import VerificationError

if TYPE_CHECKING:
    from cryptography import x509

_COFF = struct.Struct("<HHIIIHH")
_SECTION = struct.Struct("<8sIIIIIIHHI")
_PE32_PLUS = 0x20B
_CERTIFICATE = struct.Struct("<IHH")
_REVISION, _PKCS7 = 0x0200, 2
_SHA256_IN_DER = b"\x04\x20"


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its name and where its contents lie, `size` bytes at `offset` of the file.

    A firmware gives it `memory` bytes: what the file has not is zeros there.
    """

    name: str
    offset: int
    size: int
    memory: int


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as it stands in the file. `fingerprint` is the SHA-256 of the signer's certificate.

    `current` says whether the digest that was signed is that of the file as it is now.
    """

    subject: str
    issuer: str
    fingerprint: str
    current: bool


@dataclass(frozen=True, slots=True)
class Program:
    """An EFI program. `machine` is the COFF machine type: 0x8664 is amd64, 0xaa64 is arm64."""

    machine: int
    sections: tuple[Section, ...]
    signatures: tuple[Signature, ...]

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        return next((section for section in self.sections if section.name == name), None)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the fields lie that Authenticode leaves out of the digest, and where sections and certificates are."""

    machine: int
    checksum: int
    directory: int
    headers: int
    raw: tuple[tuple[int, int], ...]
    sections: tuple[Section, ...]
    certificates: int
    certificates_size: int


def is_program(source: Source) -> bool:
    """Whether the bytes begin as an EFI program does."""
    return source.read(0, 2) == b"MZ"


def read_program(source: Source) -> Program:
    """The EFI program in `source`. Raises VerificationError (efi-program-malformed, image-cut-short)."""
    layout = _layout(source)
    blobs = _certificates(source, layout)
    digest = _authenticode(source, layout) if blobs else b""
    signatures = tuple(_signature(source, blob, digest) for blob in blobs)
    return Program(layout.machine, layout.sections, signatures)


def read_sections(source: Source) -> dict[str, Section]:
    """The sections of the program by name, the first of each name. Raises as `read_program` does."""
    found: dict[str, Section] = {}
    for section in _layout(source).sections:
        found.setdefault(section.name, section)
    return found


def authenticode(source: Source) -> Sha256:
    """The digest of the program that Authenticode signs and that a firmware measures: its signatures are no part of it.

    Raises VerificationError (efi-program-malformed, image-cut-short).
    """
    return Sha256(_authenticode(source, _layout(source)).hex())


def signatures(source: Source) -> tuple[bytes, ...]:
    """The SignedData (PKCS#7, DER) of each signature, with what pads it. Raises as `read_program` does."""
    return tuple(_certificates(source, _layout(source)))


def attach(source: Source, signature: bytes) -> bytes:
    """The unsigned program with `signature` (SignedData in DER) at its end.

    Raises VerificationError efi-program-malformed, also when a signature is there already, and image-cut-short.
    """
    layout = _layout(source)
    if layout.certificates_size or layout.directory + 8 > layout.headers:
        raise _malformed(source, "it is signed already, or has no room for a signature")
    blob = signature + bytes(-len(signature) % 8)
    made = bytearray(b"".join(source.chunks()))
    made += bytes(-len(made) % 8)
    struct.pack_into("<II", made, layout.directory, len(made), _CERTIFICATE.size + len(blob))
    made += _CERTIFICATE.pack(_CERTIFICATE.size + len(blob), _REVISION, _PKCS7) + blob
    struct.pack_into("<I", made, layout.checksum, 0)
    struct.pack_into("<I", made, layout.checksum, _checksum(made))
    return bytes(made)


def _checksum(program: bytearray) -> int:
    """The sum of its words with the carry added, and its length (PE/COFF, CheckSum); the field itself must be zeros."""
    total = int.from_bytes(program, "little")
    return (total % 0xFFFF or (0xFFFF if total else 0)) + len(program)


def _layout(source: Source) -> _Layout:
    if source.size > limits.PE_SIZE:
        raise _malformed(source, f"it has more than {limits.PE_SIZE} bytes")
    if source.exactly(0, 2) != b"MZ":
        raise _malformed(source, "it does not begin as one")
    start = int.from_bytes(source.exactly(0x3C, 4), "little")
    if source.exactly(start, 4) != b"PE\0\0":
        raise _malformed(source, "it has no PE header")
    machine, count, _, _, _, optional_size, _ = _COFF.unpack(source.exactly(start + 4, _COFF.size))
    at = start + 4 + _COFF.size
    optional = source.exactly(at, optional_size)
    if optional_size < 112 or int.from_bytes(optional[:2], "little") != _PE32_PLUS:
        raise _malformed(source, "it is not of 64 bits")
    directories = int.from_bytes(optional[108:112], "little")
    if directories > 16 or optional_size < 112 + 8 * directories:
        raise _malformed(source, "its data directories do not fit")
    certificates, certificates_size = struct.unpack_from("<II", optional, 144) if directories > 4 else (0, 0)
    if not 0 < count <= limits.PE_SECTIONS:
        raise _malformed(source, f"it has {count} sections")
    table = source.exactly(at + optional_size, count * _SECTION.size)
    headers = int.from_bytes(optional[60:64], "little")
    if headers < at + optional_size + len(table):
        raise _malformed(source, "its sections begin among its headers")
    sections: list[Section] = []
    raw: list[tuple[int, int]] = []
    for name, size, _, raw_size, offset, *_ in _SECTION.iter_unpack(table):
        text = name.rstrip(b"\0")
        if not text.isascii() or not text.decode().isprintable():
            raise _malformed(source, "a section's name is no text")
        if raw_size and not headers <= offset <= offset + raw_size <= source.size:
            raise _malformed(source, f"its section {text.decode()} lies outside")
        sections.append(Section(text.decode(), offset, min(size, raw_size), size))
        if raw_size:
            raw.append((offset, raw_size))
    raw.sort()
    end = headers
    for offset, size in raw:
        if offset < end:
            raise _malformed(source, "two of its sections overlap")
        end = offset + size
    if certificates_size and not (end <= certificates and certificates + certificates_size == source.size):
        raise _malformed(source, "its signatures do not lie at its end")
    return _Layout(machine, at + 64, at + 144, headers, tuple(raw), tuple(sections), certificates, certificates_size)


def _certificates(source: Source, layout: _Layout) -> list[bytes]:
    """PKCS#7 blobs of the attribute certificate table."""
    if layout.certificates_size > limits.PE_SIGNATURES_SIZE:
        raise _malformed(source, f"its signatures have more than {limits.PE_SIGNATURES_SIZE} bytes")
    data = source.exactly(layout.certificates, layout.certificates_size) if layout.certificates_size else b""
    found: list[bytes] = []
    position = 0
    while position < len(data):
        if position + _CERTIFICATE.size > len(data):
            raise _malformed(source, "a signature is cut short")
        length, _, kind = _CERTIFICATE.unpack_from(data, position)
        if length < _CERTIFICATE.size or position + length > len(data):
            raise _malformed(source, "a signature is cut short")
        if kind == _PKCS7:
            found.append(data[position + _CERTIFICATE.size : position + length])
        position += -(-length // 8) * 8
    return found


def _authenticode(source: Source, layout: _Layout) -> bytes:
    """The digest that Authenticode signs: all but the checksum, the entry of the certificates, and those."""
    digest = hashlib.sha256()
    parts = [(0, layout.checksum), (layout.checksum + 4, layout.directory), (layout.directory + 8, layout.headers)]
    parts += [(offset, offset + size) for offset, size in layout.raw]
    end = max(stop for _, stop in parts)
    parts.append((end, layout.certificates))
    for start, stop in parts:
        for chunk in source.chunks(start, stop):
            digest.update(chunk)
    # Programs that sign pad the file so that the signatures begin at a multiple of 8; the padding is part of it.
    return digest.digest()


def _signature(source: Source, blob: bytes, digest: bytes) -> Signature:
    # Machines have no such library, and need the digest alone.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: PLC0415

    try:
        signers = pkcs7.load_der_pkcs7_certificates(_der(blob))
        signer = _leaf(signers)
        return Signature(
            signer.subject.rfc4514_string(),
            signer.issuer.rfc4514_string(),
            signer.fingerprint(SHA256()).hex(),
            _SHA256_IN_DER + digest in blob,
        )
    except (ValueError, UnsupportedAlgorithm, IndexError) as error:
        raise _malformed(source, f"a signature cannot be read: {error}") from error


def _der(blob: bytes) -> bytes:
    """The DER value at the start of `blob`, without the padding behind it."""
    if len(blob) > 5 and blob[1] & 0x80:
        width = blob[1] & 0x7F
        if 1 <= width <= 4:
            return blob[: 2 + width + int.from_bytes(blob[2 : 2 + width])]
    return blob


def _leaf(certificates: "list[x509.Certificate]") -> "x509.Certificate":
    """The one that issued none of the others."""
    issuers = {certificate.issuer for certificate in certificates if certificate.issuer != certificate.subject}
    return next((c for c in certificates if c.subject not in issuers), certificates[0])


def _malformed(source: Source, why: str) -> VerificationError:
    return VerificationError("efi-program-malformed", f"{source.name} is not a sound EFI program: {why}")
