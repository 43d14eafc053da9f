"""The firmware's log of what it and the boot loader have measured, and the log that systemd goes on with.

Format: TCG PC Client Platform Firmware Profile 1.06, section 10 (crypto-agile log; numbers are little endian), and
systemd's tpm2-measure.log (TCG Canonical Event Log in JSON text sequences, RFC 7464). A reader of foreign bytes: it
gives events or raises VerificationError event-log-malformed, and takes no more than a log may have. That an event says
what it does is no proof: only its digest is in a register, so whoever uses the rest of it checks that with the digest.
"""

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from adamant.core import limits
from adamant.model import pcr
from adamant.model.errors import VerificationError
from adamant.model.tpm import TPM_ALG_SHA256

EV_NO_ACTION = 0x00000003
EV_SEPARATOR = 0x00000004
EV_IPL = 0x0000000D
EV_EFI_VARIABLE_DRIVER_CONFIG = 0x80000001
EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003
EV_EFI_ACTION = 0x80000007
EV_EFI_VARIABLE_AUTHORITY = 0x800000E0

_SPECIFICATION = b"Spec ID Event03\0"
_LOCALITY = b"StartupLocality\0"
_LEGACY = struct.Struct("<II20sI")
_BANKS = 16


class Event(NamedTuple):
    """An event: the register it extends, its type, its digest in the SHA-256 bank, and what it says."""

    register: int
    type: int
    digest: bytes
    data: bytes


class _Bytes:
    """The fields of the log, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        data = self._data[self._at : self._at + size]
        if len(data) != size:
            raise _malformed("it is cut short")
        self._at += size
        return data

    def number(self, size: int = 4) -> int:
        return int.from_bytes(self.take(size), "little")

    def left(self) -> bool:
        return self._at < len(self._data)


def read_firmware(log: bytes) -> tuple[Event, ...]:
    """The events of the firmware's log, in their order. Raises VerificationError event-log-malformed."""
    if len(log) > limits.EVENT_LOG_SIZE:
        raise _malformed(f"it has more than {limits.EVENT_LOG_SIZE} bytes")
    source = _Bytes(log)
    _, type_, _, size = _LEGACY.unpack(source.take(_LEGACY.size))
    head = source.take(size)
    if type_ != EV_NO_ACTION or not head.startswith(_SPECIFICATION):
        raise _malformed("it does not begin as a crypto-agile log")
    banks = _banks(head)
    events: list[Event] = []
    while source.left():
        if len(events) == limits.EVENT_LOG_EVENTS:
            raise _malformed(f"it has more than {limits.EVENT_LOG_EVENTS} events")
        events.append(_event(source, banks))
    return tuple(events)


def _banks(head: bytes) -> dict[int, int]:
    """Sizes of digests by algorithm: TCG_EfiSpecIdEventStruct."""
    source = _Bytes(head[len(_SPECIFICATION) :])
    source.take(8)  # platformClass, version, errata, uintnSize
    count = source.number()
    if not 0 < count <= _BANKS:
        raise _malformed(f"it is of {count} banks")
    banks = {}
    for _ in range(count):
        algorithm, size = source.number(2), source.number(2)
        banks[algorithm] = size
    if banks.get(TPM_ALG_SHA256) != pcr.SIZE:
        raise _malformed("it is not of the SHA-256 bank")
    return banks


def _event(source: _Bytes, banks: Mapping[int, int]) -> Event:
    """A TCG_PCR_EVENT2."""
    register, type_, count = source.number(), source.number(), source.number()
    if count > _BANKS or register > 23:
        raise _malformed("an event is of no register, or of too many banks")
    digest = b""
    for _ in range(count):
        algorithm = source.number(2)
        if algorithm not in banks:
            raise _malformed("an event is of a bank that the log is not")
        value = source.take(banks[algorithm])
        if algorithm == TPM_ALG_SHA256:
            digest = value
    if not digest:
        raise _malformed("an event has no digest of SHA-256")
    return Event(register, type_, digest, source.take(source.number()))


def read_system(log: bytes) -> tuple[Event, ...]:
    """The events of systemd's log; their data is the record as text. Raises VerificationError event-log-malformed."""
    if len(log) > limits.EVENT_LOG_SIZE:
        raise _malformed(f"it has more than {limits.EVENT_LOG_SIZE} bytes")
    records = [record for record in log.split(b"\x1e") if record.strip()]
    if len(records) > limits.EVENT_LOG_EVENTS:
        raise _malformed(f"it has more than {limits.EVENT_LOG_EVENTS} events")
    return tuple(_record(record) for record in records)


def _record(record: bytes) -> Event:
    try:
        value = json.loads(record)
        register = value["pcr"]
        (digest,) = [bytes.fromhex(each["digest"]) for each in value["digests"] if each["hashAlg"] == "sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _malformed("a record of systemd's cannot be read") from error
    if not isinstance(register, int) or not 0 <= register <= 23 or len(digest) != pcr.SIZE:
        raise _malformed("a record of systemd's is of no register")
    return Event(register, EV_IPL, digest, record.strip())


def replay(events: Sequence[Event], registers: Iterable[int]) -> dict[int, bytes]:
    """The values that the registers have after all these events."""
    values = {}
    for register in registers:
        digests = [e.digest for e in events if e.register == register and e.type != EV_NO_ACTION]
        values[register] = pcr.replay(digests, _start(events) if register == pcr.FIRMWARE else pcr.ZERO)
    return values


def _start(events: Iterable[Event]) -> bytes:
    """Register 0 at power-on: it says which locality has started the TPM."""
    for event in events:
        if event.type == EV_NO_ACTION and event.data.startswith(_LOCALITY) and len(event.data) == len(_LOCALITY) + 1:
            return event.data[-1:].rjust(pcr.SIZE, b"\0")
    return pcr.ZERO


def _malformed(why: str) -> VerificationError:
    return VerificationError("event-log-malformed", f"the log of measurements cannot be read: {why}")
