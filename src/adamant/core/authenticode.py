"""What an owner's key says of an EFI program: the SignedData of Authenticode, made and verified, without a library.

Format: Authenticode in a PE file (Microsoft, 2008) as UEFI Specification 2.10, section 32.2.4 has it: PKCS#7 1.5 in
DER, SHA-256 with RSA. What is made holds no time, so equal program, key and certificate give equal bytes. Verifying is
stricter than a firmware, which also takes certificates that a trusted one has issued. Imports model and core.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from adamant.core import der, pe, rsa
from adamant.core.source import Source

_CONTEXT = (0xA0, 0xA1, 0xA2)
_PRIMITIVE = 0x80
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_CONTENT_TYPE = bytes.fromhex("06092a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")
_INDIRECT_DATA = bytes.fromhex("060a2b060104018237020104")
_PE_IMAGE = bytes.fromhex("060a2b06010401823702010f")
_SHA256 = der.encode(der.SEQUENCE, bytes.fromhex("06096086480165030402010500"))
_RSA = der.encode(der.SEQUENCE, bytes.fromhex("06092a864886f70d0101010500"))
_OBSOLETE = "<<<Obsolete>>>".encode("utf-16-be")
_ONE = der.encode(der.INTEGER, b"\1")


def message(digest: bytes) -> bytes:
    """What the key signs for a program with this Authenticode digest: the attributes, type and digest of the contents.

    `digest` is that of SHA-256, 32 bytes.
    """
    kind = der.encode(der.SEQUENCE, _CONTENT_TYPE + der.encode(der.SET, _INDIRECT_DATA))
    own = der.encode(der.OCTETS, hashlib.sha256(_contents(digest)).digest())
    return der.encode(der.SET, kind + der.encode(der.SEQUENCE, _MESSAGE_DIGEST + der.encode(der.SET, own)))


def encode(digest: bytes, certificate: bytes, value: bytes) -> bytes:
    """The SignedData, with its ContentInfo, whose signature over `message(digest)` is `value`.

    `certificate` is the signer's, in DER. Raises ValueError when it is none.
    """
    named = der.encode(der.SEQUENCE, b"".join(_issuer_and_serial(certificate)))
    _, begin, end = der.element(signed := message(digest), 0, len(message(digest)))
    attributes = der.encode(_CONTEXT[0], signed[begin:end])
    signer = der.encode(der.SEQUENCE, _ONE + named + _SHA256 + attributes + _RSA + der.encode(der.OCTETS, value))
    contents = der.encode(der.SEQUENCE, _contents(digest))
    parts = (
        _ONE,
        der.encode(der.SET, _SHA256),
        der.encode(der.SEQUENCE, _INDIRECT_DATA + der.encode(_CONTEXT[0], contents)),
        der.encode(_CONTEXT[0], certificate),
        der.encode(der.SET, signer),
    )
    body = der.encode(der.SEQUENCE, b"".join(parts))
    return der.encode(der.SEQUENCE, _SIGNED_DATA + der.encode(_CONTEXT[0], body))


def signers(program: Source, certificates: Iterable[bytes]) -> frozenset[bytes]:
    """Those of `certificates` (DER) by whose keys the program is signed, as it is now.

    A signature that cannot be read is none. Raises VerificationError efi-program-malformed, image-cut-short.
    """
    asked = list(certificates)
    blobs = pe.signatures(program) if asked else ()
    if not blobs:
        return frozenset()
    digest = bytes.fromhex(pe.authenticode(program))
    found = [value for blob in blobs for value in _readable(blob, digest)]
    return frozenset(each for each in asked if any(_has_signed(each, value) for value in found))


class _Value(NamedTuple):
    """What one signer has signed, and the signature."""

    message: bytes
    value: bytes


def _has_signed(certificate: bytes, found: _Value) -> bool:
    try:
        return rsa.has_signed(rsa.public_key(certificate), found.message, found.value)
    except ValueError:
        return False


def _readable(blob: bytes, digest: bytes) -> list[_Value]:
    try:
        return list(_values(blob, digest))
    except ValueError:
        return []


def _values(blob: bytes, digest: bytes) -> Iterator[_Value]:
    """The signatures in the SignedData that are over a program with this digest. Raises ValueError."""
    at, stop = der.expect(blob, 0, len(blob), der.SEQUENCE)
    at, stop = der.expect(blob, _after(blob, at, stop, _SIGNED_DATA), stop, _CONTEXT[0])
    at, stop = der.expect(blob, at, stop, der.SEQUENCE)
    at = der.skip(blob, der.skip(blob, at, stop, der.INTEGER), stop, der.SET)
    inner, inner_end = der.expect(blob, at, stop, der.SEQUENCE)
    at = inner_end
    inner, inner_end = der.expect(blob, _after(blob, inner, inner_end, _INDIRECT_DATA), inner_end, _CONTEXT[0])
    inner, inner_end = der.expect(blob, inner, inner_end, der.SEQUENCE)
    contents = blob[inner:inner_end]
    if not _is_of(contents, digest):
        return
    while blob[at:stop] and blob[at] in _CONTEXT:  # certificates and lists of revocations: neither is asked
        at = der.element(blob, at, stop)[2]
    at, stop = der.expect(blob, at, stop, der.SET)
    while at < stop:
        begin, end = der.expect(blob, at, stop, der.SEQUENCE)
        at = end
        found = _signer(blob, begin, end, contents)
        if found is not None:
            yield found


def _is_of(contents: bytes, digest: bytes) -> bool:
    at = der.skip(contents, 0, len(contents), der.SEQUENCE)
    at, stop = der.expect(contents, at, len(contents), der.SEQUENCE)
    return contents[at:stop] == _SHA256 + der.encode(der.OCTETS, digest)


def _signer(blob: bytes, at: int, stop: int, contents: bytes) -> _Value | None:
    """The signature of one SignerInfo; None when its attributes are not of these contents."""
    at = der.skip(blob, der.skip(blob, at, stop, der.INTEGER), stop, der.SEQUENCE)
    at = _after(blob, at, stop, _SHA256)
    signed = contents
    tag, begin, end = der.element(blob, at, stop)
    if tag == _CONTEXT[0]:
        told = dict(_attributes(blob, begin, end))
        own = der.encode(der.OCTETS, hashlib.sha256(contents).digest())
        if told.get(_CONTENT_TYPE) != _INDIRECT_DATA or told.get(_MESSAGE_DIGEST) != own:
            return None
        signed, at = der.encode(der.SET, blob[begin:end]), end
    at, stop = der.expect(blob, der.skip(blob, at, stop, der.SEQUENCE), stop, der.OCTETS)
    return _Value(signed, blob[at:stop])


def _attributes(blob: bytes, at: int, stop: int) -> Iterator[tuple[bytes, bytes]]:
    while at < stop:
        begin, end = der.expect(blob, at, stop, der.SEQUENCE)
        kind_end = der.skip(blob, begin, end, der.OBJECT)
        value, value_end = der.expect(blob, kind_end, end, der.SET)
        yield blob[begin:kind_end], blob[value:value_end]
        at = end


def _after(blob: bytes, at: int, stop: int, wanted: bytes) -> int:
    if blob[at : min(at + len(wanted), stop)] != wanted:
        raise ValueError("another type than was expected")
    return at + len(wanted)


def _contents(digest: bytes) -> bytes:
    """The contents of SpcIndirectDataContent: that this is a PE image, and its digest."""
    link = der.encode(_CONTEXT[0], der.encode(_CONTEXT[2], der.encode(_PRIMITIVE, _OBSOLETE)))
    image = der.encode(der.SEQUENCE, der.encode(der.BIT_STRING, b"\0") + link)
    of_program = der.encode(der.SEQUENCE, _SHA256 + der.encode(der.OCTETS, digest))
    return der.encode(der.SEQUENCE, _PE_IMAGE + image) + of_program


def _issuer_and_serial(certificate: bytes) -> tuple[bytes, bytes]:
    """Elements of the certificate, as they stand in it (RFC 5280, section 4.1)."""
    at, stop = der.expect(certificate, 0, len(certificate), der.SEQUENCE)
    at, stop = der.expect(certificate, at, stop, der.SEQUENCE)
    tag, _, behind = der.element(certificate, at, stop)
    serial = behind if tag == _CONTEXT[0] else at
    serial_end = der.skip(certificate, serial, stop, der.INTEGER)
    issuer = der.skip(certificate, serial_end, stop, der.SEQUENCE)
    return certificate[issuer : der.skip(certificate, issuer, stop, der.SEQUENCE)], certificate[serial:serial_end]
