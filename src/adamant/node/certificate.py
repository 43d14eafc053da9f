"""What the agent must know of a certificate, read without a cryptographic library: its end, its key, its fingerprint.

Reads the outer shape of a certificate (RFC 5280, 4.1) in DER (ITU-T X.690, 8 and 10), and judges nothing: whether a
certificate is valid is for TLS to say. Bytes that are no certificate are AdamantError `certificate-unreadable`.
"""

import base64
import binascii
import calendar
import re
from typing import NamedTuple

from adamant.api.fingerprint import Fingerprint, of
from adamant.core import limits
from adamant.model.errors import AdamantError

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----\s([A-Za-z0-9+/=\s]*?)-----END \1-----", re.ASCII)

_INTEGER, _SEQUENCE, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x02, 0x30, 0x17, 0x18, 0xA0
_TIMES = {
    _UTC_TIME: re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z"),
    _GENERALIZED_TIME: re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z"),
}


class Certificate(NamedTuple):
    """`not_after` is in seconds since the Unix epoch; `key` is the fingerprint of its public key, `own` its own."""

    not_after: int
    key: Fingerprint
    own: Fingerprint


def split(pem: bytes) -> list[tuple[str, bytes]]:
    """Labels and blocks, still in PEM, of a PEM file (RFC 7468), in their order; what stands between is skipped."""
    return [(match[1].decode(), match[0] + b"\n") for match in _PEM.finditer(pem)]


def blocks(pem: bytes) -> list[tuple[str, bytes]]:
    """Labels and contents of the blocks of a PEM file."""
    found = []
    for match in _PEM.finditer(pem[: limits.PEM_SIZE]):
        try:
            found.append((match[1].decode(), base64.b64decode(b"".join(match[2].split()), validate=True)))
        except binascii.Error as error:
            raise _unreadable(f"its base64 is damaged: {error}") from error
    return found


def read_pem(pem: bytes) -> Certificate:
    """The one certificate in a PEM file that holds nothing else."""
    found = blocks(pem)
    if [label for label, _ in found] != ["CERTIFICATE"]:
        raise _unreadable("it must be one CERTIFICATE block in PEM, and nothing else")
    return read(found[0][1])


def read(der: bytes) -> Certificate:
    """A certificate in DER."""
    whole, end = _expect(der, 0, len(der), _SEQUENCE)
    if end != len(der):
        raise _unreadable("bytes follow it")
    body, _ = _expect(der, whole, end, _SEQUENCE)
    at, stop = body, _element(der, whole, end)[2]
    tag, _, behind = _element(der, at, stop)
    if tag == _VERSION:
        at = behind
    at = _skip(der, at, stop, _INTEGER)  # serialNumber
    at = _skip(der, at, stop, _SEQUENCE)  # signature
    at = _skip(der, at, stop, _SEQUENCE)  # issuer
    validity, validity_end = _expect(der, at, stop, _SEQUENCE)
    _, _, second = _element(der, validity, validity_end)
    not_after = _time(der, second, validity_end)
    at = _skip(der, validity_end, stop, _SEQUENCE)  # subject
    key_end = _skip(der, at, stop, _SEQUENCE)
    return Certificate(not_after, of(der[at:key_end]), of(der))


def _unreadable(why: str) -> AdamantError:
    return AdamantError("certificate-unreadable", f"this is no certificate: {why}")


def _element(der: bytes, at: int, stop: int) -> tuple[int, int, int]:
    """Tag of the element at `at`, where its contents begin, and where they end; all of it before `stop`."""
    if at + 2 > stop:
        raise _unreadable("it ends too early")
    tag, length, begin = der[at], der[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise _unreadable("a tag of several bytes")
    if length > 0x80:
        count = length & 0x7F
        if count > 4 or begin + count > stop:
            raise _unreadable("a length of several bytes that is cut off or too large")
        length = int.from_bytes(der[begin : begin + count], "big")
        begin += count
    elif length == 0x80:
        raise _unreadable("a length that DER does not have")
    if begin + length > stop:
        raise _unreadable("it ends too early")
    return tag, begin, begin + length


def _expect(der: bytes, at: int, stop: int, wanted: int) -> tuple[int, int]:
    tag, begin, end = _element(der, at, stop)
    if tag != wanted:
        raise _unreadable(f"tag {tag:#04x} where {wanted:#04x} was expected")
    return begin, end


def _skip(der: bytes, at: int, stop: int, wanted: int) -> int:
    return _expect(der, at, stop, wanted)[1]


def _time(der: bytes, at: int, stop: int) -> int:
    """Seconds since the Unix epoch of a Time (RFC 5280, 4.1.2.5)."""
    tag, begin, end = _element(der, at, stop)
    match = _TIMES[tag].fullmatch(der[begin:end]) if tag in _TIMES else None
    if match is None:
        raise _unreadable("its end is no time")
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    if tag == _UTC_TIME:
        year += 2000 if year < 50 else 1900
    if not (1 <= month <= 12 and 1 <= day <= 31 and year > 0):
        raise _unreadable("its end is no time")
    return calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0))
