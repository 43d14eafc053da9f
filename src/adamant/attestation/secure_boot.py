"""What the firmware measured of Secure Boot into PCR 7: whether it was on, and which certificates it took.

Format: UEFI_VARIABLE_DATA (TCG PC Client Platform Firmware Profile 1.06, section 10.4.2) with EFI_SIGNATURE_LIST in it
(UEFI 2.10, section 32.4.1). An event counts only if its data has its digest, which is what stands in the register. So
none of this can be made up, but a system that runs may add events behind the firmware's.
"""

import contextlib
import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from cryptography import x509
from msgspec import Struct

from adamant.attestation import keys
from adamant.attestation.event_log import (
    EV_EFI_VARIABLE_AUTHORITY,
    EV_EFI_VARIABLE_DRIVER_CONFIG,
    EV_SEPARATOR,
    Event,
)
from adamant.model import pcr, signature_list
from adamant.model.errors import VerificationError

_OWNER = 16


class State(StrEnum):
    """What the firmware said of Secure Boot when this boot began."""

    UNKNOWN = "unknown"
    DISABLED = "disabled"
    ENABLED = "enabled"


class Certificate(Struct, frozen=True):
    """A certificate: its subject, and the SHA-256 of its DER."""

    subject: str
    fingerprint: str


class Measured(Struct, frozen=True):
    """PCR 7 in words. `db` is what the firmware trusts; `used` is what of it has signed a program of this boot."""

    state: State
    db: tuple[Certificate, ...]
    used: tuple[Certificate, ...]


def read(events: Iterable[Event]) -> Measured:
    """What the events of the firmware's log say of Secure Boot. Data that cannot be read says nothing."""
    own = [event for event in events if event.register == pcr.SECURE_BOOT]
    until = next((at for at, event in enumerate(own) if event.type == EV_SEPARATOR), 0)
    config = dict(reversed(list(_variables(own[:until], EV_EFI_VARIABLE_DRIVER_CONFIG))))
    switch = config.get("SecureBoot")
    state = {b"\1": State.ENABLED, b"\0": State.DISABLED, b"": State.DISABLED}.get(switch or b"", State.UNKNOWN)
    used = [data for name, data in _variables(own[until:], EV_EFI_VARIABLE_AUTHORITY) if name == "db"]
    return Measured(
        State.UNKNOWN if switch is None else state,
        _certificates(_entries(config.get("db", b""))),
        _certificates(data[_OWNER:] for data in used),
    )


def _variables(events: Sequence[Event], type_: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the variables that were measured."""
    for event in events:
        if event.type == type_ and (found := variable(event)) is not None:
            yield found


def variable(event: Event) -> tuple[str, bytes] | None:
    """Name and contents of the variable that the event measures; None when it measures none, or says so falsely."""
    if hashlib.sha256(event.data).digest() != event.digest or len(event.data) < 32:
        return None
    name, size = struct.unpack_from("<QQ", event.data, 16)
    if 32 + 2 * name + size != len(event.data):
        return None
    return event.data[32 : 32 + 2 * name].decode("utf-16-le", "replace"), event.data[32 + 2 * name :]


def _entries(lists: bytes) -> Iterator[bytes]:
    """Certificates (DER) of the signature lists of a variable; none when they cannot be read."""
    with contextlib.suppress(VerificationError):
        yield from (entry.data for entry in signature_list.decode(lists) if entry.kind == signature_list.X509)


def _certificates(found: Iterable[bytes]) -> tuple[Certificate, ...]:
    return tuple(Certificate(_subject(der), hashlib.sha256(der).hexdigest()) for der in found)


def _subject(der: bytes) -> str:
    try:
        return keys.shown(x509.load_der_x509_certificate(der).subject)
    except ValueError:
        return "not a certificate"
