"""The header of LUKS2: which keys open a volume. A reader of foreign bytes; no key is in what it gives.

Format: LUKS2 On-Disk Format Specification 1.1.0, sections 2 and 3; tokens of systemd as its systemd-cryptenroll writes
them (systemd 257, src/shared/tpm2-util.c). Only the first of both headers is looked at, and its checksum is not: this
tells a person what is there, and opens nothing by it.
"""

import base64
import binascii
import hashlib
import struct
from typing import Any

import msgspec
from msgspec import Struct

from adamant.model.errors import VerificationError

MAGIC = b"LUKS\xba\xbe"
HEADER_MOST = 4 << 20
"""Bytes of the largest header that the format knows."""
_BINARY = struct.Struct(">6sHQ")
_JSON_AT = 4096
_TPM, _RECOVERY = "systemd-tpm2", "systemd-recovery"


class TpmKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A key that a TPM gives: by signed values of registers, by literal ones, or both.

    `public_key` is the SHA-256 of the key that signs, as it stands in PEM; empty without one.
    """

    public_key: str
    signed_registers: tuple[int, ...]
    literal_registers: tuple[int, ...]


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """What opens a volume. `recovery_slots` are the key slots of recovery keys, in order.

    `other_keys` counts key slots that no token of systemd's speaks of.
    """

    cipher: str
    tpm_keys: tuple[TpmKey, ...]
    recovery_slots: tuple[int, ...]
    other_keys: int


class _Token(Struct):
    type: str
    keyslots: tuple[str, ...] = ()
    tpm2_pubkey: str = ""
    tpm2_pubkey_pcrs: tuple[int, ...] = ()
    tpm2_pcrs: tuple[int, ...] = msgspec.field(default=(), name="tpm2-pcrs")


class _Segment(Struct):
    encryption: str = ""


class _Metadata(Struct):
    keyslots: dict[str, dict[str, Any]]
    tokens: dict[str, _Token]
    segments: dict[str, _Segment]


def read(data: bytes) -> Header:
    """The header at the beginning of `data`. Raises VerificationError luks-malformed."""
    if len(data) < _JSON_AT or not data.startswith(MAGIC):
        raise _malformed("it does not begin as one")
    _, version, size = _BINARY.unpack_from(data)
    if version != 2 or not _JSON_AT < size <= min(len(data), HEADER_MOST):
        raise _malformed(f"it is of version {version} and {size} bytes")
    try:
        found = msgspec.json.decode(data[_JSON_AT:size].partition(b"\0")[0], type=_Metadata)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _malformed(str(error)) from error
    tokens = found.tokens.values()
    known = {slot for token in tokens if token.type in {_TPM, _RECOVERY} for slot in token.keyslots}
    return Header(
        cipher=next(iter(found.segments.values()), _Segment()).encryption,
        tpm_keys=tuple(_tpm_key(token) for token in tokens if token.type == _TPM),
        recovery_slots=tuple(sorted(_slot(name) for t in tokens if t.type == _RECOVERY for name in t.keyslots)),
        other_keys=len(set(found.keyslots) - known),
    )


def _tpm_key(token: _Token) -> TpmKey:
    try:
        public = base64.b64decode(token.tpm2_pubkey, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("a public key in it is no base64") from error
    return TpmKey(hashlib.sha256(public).hexdigest() if public else "", token.tpm2_pubkey_pcrs, token.tpm2_pcrs)


def _slot(name: str) -> int:
    if not name.isascii() or not name.isdecimal() or len(name) > 2:
        raise _malformed(f"it has a key slot {name[:8]!r}")
    return int(name)


def _malformed(why: str) -> VerificationError:
    return VerificationError("luks-malformed", f"the header of an encrypted volume cannot be read: {why}")
