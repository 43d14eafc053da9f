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
from adamant.core.der import INTEGER, OBJECT, SEQUENCE, SET, element, expect, skip
from adamant.model.errors import AdamantError

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----\s([A-Za-z0-9+/=\s]*?)-----END \1-----", re.ASCII)

_UTC_TIME, _GENERALIZED_TIME, _BMP_STRING, _VERSION = 0x17, 0x18, 0x1E, 0xA0
_COMMON_NAME = b"\x06\x03\x55\x04\x03"
_TIMES = {
    _UTC_TIME: re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z"),
    _GENERALIZED_TIME: re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z"),
}


class Certificate(NamedTuple):
    """`not_after` is in seconds since the Unix epoch; `key` is the fingerprint of its public key, `own` its own.

    `name` is the common name of its subject, or empty.
    """

    not_after: int
    key: Fingerprint
    own: Fingerprint
    name: str


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
    try:
        return _read(der)
    except ValueError as error:
        raise _unreadable(str(error)) from error


def _read(der: bytes) -> Certificate:
    whole, end = expect(der, 0, len(der), SEQUENCE)
    if end != len(der):
        raise _unreadable("bytes follow it")
    body, _ = expect(der, whole, end, SEQUENCE)
    at, stop = body, element(der, whole, end)[2]
    tag, _, behind = element(der, at, stop)
    if tag == _VERSION:
        at = behind
    at = skip(der, at, stop, INTEGER)  # serialNumber
    at = skip(der, at, stop, SEQUENCE)  # signature
    at = skip(der, at, stop, SEQUENCE)  # issuer
    validity, validity_end = expect(der, at, stop, SEQUENCE)
    _, _, second = element(der, validity, validity_end)
    not_after = _time(der, second, validity_end)
    subject, at = expect(der, validity_end, stop, SEQUENCE)
    key_end = skip(der, at, stop, SEQUENCE)
    return Certificate(not_after, of(der[at:key_end]), of(der), _common_name(der, subject, at))


def _unreadable(why: str) -> AdamantError:
    return AdamantError("certificate-unreadable", f"this is no certificate: {why}")


def _common_name(der: bytes, at: int, stop: int) -> str:
    """The first common name in a Name (RFC 5280, 4.1.2.4), what is not printable replaced."""
    while at < stop:
        attributes, end = expect(der, at, stop, SET)
        first, first_end = expect(der, attributes, end, SEQUENCE)
        value = skip(der, first, first_end, OBJECT)
        if der[first:value] == _COMMON_NAME:
            tag, begin, value_end = element(der, value, first_end)
            text = der[begin:value_end].decode("utf-16-be" if tag == _BMP_STRING else "utf-8", "replace")
            return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        at = end
    return ""


def _time(der: bytes, at: int, stop: int) -> int:
    """Seconds since the Unix epoch of a Time (RFC 5280, 4.1.2.5)."""
    tag, begin, end = element(der, at, stop)
    match = _TIMES[tag].fullmatch(der[begin:end]) if tag in _TIMES else None
    if match is None:
        raise _unreadable("its end is no time")
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    if tag == _UTC_TIME:
        year += 2000 if year < 50 else 1900
    if not (1 <= month <= 12 and 1 <= day <= 31 and year > 0):
        raise _unreadable("its end is no time")
    return calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0))
