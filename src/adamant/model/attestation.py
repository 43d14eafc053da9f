"""What a machine hands out to prove how it was booted: a quote of its TPM, with all that it takes to check it. No I/O.

A document of JSON with bytes in base64. Nothing in it is to be believed before it was checked (`adamant.attestation`).
"""

import msgspec
from msgspec import Struct

from adamant.model.errors import VerificationError


class Attestation(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="Attestation"):
    """A quote and what belongs to it. `quote` is a TPMS_ATTEST, `signature` a TPMT_SIGNATURE over it.

    `ak` and `ek` are the TPMT_PUBLIC of the attestation key and of the endorsement key, `ek_certificate` the maker's
    certificate of the latter (DER; empty when the TPM holds none). `pcrs` are the registers of the quote, by number.
    """

    quote: bytes
    signature: bytes
    ak: bytes
    ek: bytes
    ek_certificate: bytes
    pcrs: dict[str, bytes]
    event_log: bytes
    """The firmware's, in the crypto-agile form of the TCG PC Client Platform Firmware Profile."""
    system_log: bytes = b""
    """What systemd has measured since (JSON text sequences), if anything."""
    schema: int = 1


def encode(attestation: Attestation) -> bytes:
    """The bytes of the document."""
    return msgspec.json.format(msgspec.json.encode(attestation, order="deterministic"), indent=1) + b"\n"


def decode(data: bytes) -> Attestation:
    """The document of its bytes. Raises VerificationError attestation-malformed."""
    try:
        return msgspec.json.decode(data, type=Attestation)
    except msgspec.DecodeError as error:
        raise VerificationError("attestation-malformed", f"this is no attestation: {error}") from error
