"""Certificates of the node: its own, and those of the authority that it trusts. Read, not judged (RFC 5280, 4.1).

DER (ITU-T X.690, 8 and 10) is read here without a cryptographic library, which would cost the agent more memory than
all of the rest: bytes that are no certificate are AdamantError `certificate-unreadable`.
"""

import calendar
import re
import socket
from collections.abc import Iterator
from typing import NamedTuple

from adamant.api import resources_pb2 as pb
from adamant.model.digest import sha256
from adamant.model.errors import AdamantError
from adamant.node import certificate
from adamant.node.resources.found import Found, Sources

_INTEGER, _OID, _SEQUENCE, _SET, _BOOLEAN, _OCTETS = 0x02, 0x06, 0x30, 0x31, 0x01, 0x04
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_NAMES = {b"\x55\x04\x03": "CN", b"\x55\x04\x0a": "O", b"\x55\x04\x0b": "OU", b"\x55\x04\x06": "C"}
_ALTERNATIVE, _CONSTRAINTS = b"\x55\x1d\x11", b"\x55\x1d\x13"
_TIMES = {
    0x17: re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z"),
    0x18: re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z"),
}
_TEXTS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x14: "latin-1", 0x1E: "utf-16-be"}


class Element(NamedTuple):
    """An element of DER: its tag and its contents."""

    tag: int
    data: bytes


def _unreadable(why: str) -> AdamantError:
    return AdamantError("certificate-unreadable", f"this is no certificate: {why}")


def elements(data: bytes) -> Iterator[Element]:
    """The elements that `data` is made of."""
    at = 0
    while at < len(data):
        if at + 2 > len(data) or data[at] & 0x1F == 0x1F:
            raise _unreadable("an element is cut off, or has a tag of several bytes")
        tag, length, begin = data[at], data[at + 1], at + 2
        if length >= 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4 or begin + count > len(data):
                raise _unreadable("a length that is cut off, or not of DER")
            length = int.from_bytes(data[begin : begin + count], "big")
            begin += count
        if begin + length > len(data):
            raise _unreadable("an element is cut off")
        yield Element(tag, data[begin : begin + length])
        at = begin + length


def _expect(parts: Iterator[Element], tag: int) -> bytes:
    part = next(parts, None)
    if part is None or part.tag != tag:
        raise _unreadable(f"tag {part.tag if part else 'none'} where {tag} was expected")
    return part.data


def read(der: bytes) -> pb.Certificate:
    """A certificate in DER."""
    outer = elements(der)
    body = elements(_expect(outer, _SEQUENCE))
    if next(outer, None) is not None:
        raise _unreadable("bytes follow it")
    fields = elements(_expect(body, _SEQUENCE))
    first = next(fields, None)
    serial = _expect(fields, _INTEGER) if first and first.tag == _VERSION else first.data if first else b""
    _expect(fields, _SEQUENCE)
    issuer = _name(_expect(fields, _SEQUENCE))
    begin, end = _validity(_expect(fields, _SEQUENCE))
    made = pb.Certificate(
        subject=_name(_expect(fields, _SEQUENCE)),
        issuer=issuer,
        not_before_usec=begin,
        not_after_usec=end,
        fingerprint=sha256(der),
        serial=serial.lstrip(b"\0").hex() or "00",
    )
    _expect(fields, _SEQUENCE)
    for field in fields:
        if field.tag == _EXTENSIONS:
            for extension in elements(_expect(elements(field.data), _SEQUENCE)):
                _extension(made, elements(extension.data))
    return made


def _extension(made: pb.Certificate, parts: Iterator[Element]) -> None:
    oid = _expect(parts, _OID)
    value = next((part.data for part in parts if part.tag == _OCTETS), b"")
    if oid == _ALTERNATIVE:
        made.names.extend(
            name for part in elements(_expect(elements(value), _SEQUENCE)) if (name := _alternative(part))
        )
    elif oid == _CONSTRAINTS:
        first = next(elements(_expect(elements(value), _SEQUENCE)), None)
        made.authority = first is not None and first.tag == _BOOLEAN and first.data != b"\0"


def _alternative(part: Element) -> str:
    """A DNS name, mail address or URI, or an address (RFC 5280, 4.2.1.6); empty for other names."""
    if part.tag in (0x81, 0x82, 0x86):
        return part.data.decode("ascii", "replace")
    if part.tag == 0x87 and len(part.data) in (4, 16):
        return socket.inet_ntop(socket.AF_INET if len(part.data) == 4 else socket.AF_INET6, part.data)
    return ""


def _name(data: bytes) -> str:
    """A name as TYPE=VALUE, joined by commas, in the order of the certificate."""
    shown = []
    for group in elements(data):
        if group.tag != _SET:
            raise _unreadable("a name that is none")
        for pair in elements(group.data):
            parts = elements(pair.data)
            oid, value = _expect(parts, _OID), next(parts, None)
            if value is None:
                raise _unreadable("a name without a value")
            text = value.data.decode(_TEXTS.get(value.tag, "latin-1"), "replace")
            shown.append(f"{_NAMES.get(oid, oid.hex())}={text}")
    return ",".join(shown)


def _validity(data: bytes) -> tuple[int, int]:
    times = [_time(part) for part in elements(data)]
    if len(times) != 2:
        raise _unreadable("its validity is none")
    return times[0], times[1]


def _time(part: Element) -> int:
    """Microseconds since the Unix epoch of a Time (RFC 5280, 4.1.2.5)."""
    match = _TIMES[part.tag].fullmatch(part.data) if part.tag in _TIMES else None
    if match is None:
        raise _unreadable("its validity is no time")
    year, month, day, hour, minute, second = (int(word) for word in match.groups())
    if part.tag == 0x17:
        year += 1900 if year >= 50 else 2000
    if not 1 <= month <= 12 or not 1 <= day <= 31 or year < 1:
        raise _unreadable("its validity is no time")
    return calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0)) * 1_000_000


def parse(pem: bytes, name: str) -> list[Found]:
    """The certificates of a PEM file: `name`, then `name-2` and so on."""
    ders = [content for label, content in certificate.blocks(pem) if label == "CERTIFICATE"]
    return [Found(name if index == 1 else f"{name}-{index}", read(der)) for index, der in enumerate(ders, 1)]


def collect(sources: Sources) -> list[Found]:
    """The certificates that the agent serves with."""
    return [found for name, pem in sources.certificates().items() for found in parse(pem, name)]
