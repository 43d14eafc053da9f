"""The header of LUKS2: which keys open a volume, and which of a TPM's is tried first. No key is in what this gives.

Format: LUKS2 On-Disk Format Specification 1.1.0, sections 2 and 3; tokens of systemd as its systemd-cryptenroll writes
them (systemd 257, src/shared/tpm2-util.c). Who reads looks at the first of both headers, and not at its checksum: that
tells a person what is there, and opens nothing by it.
"""

import base64
import binascii
import hashlib
import json
import struct
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from adamant.model.errors import VerificationError

MAGIC = b"LUKS\xba\xbe"
HEADER_MOST = 4 << 20
"""Bytes of the largest header that the format knows. There are two, one after the other."""
_BINARY = struct.Struct(">6sHQ")
_JSON_AT = 4096
_SECOND_MAGIC = b"SKUL\xba\xbe"
_COUNT, _SALT, _PLACE, _CHECKSUM = 16, slice(104, 168), 256, slice(448, 512)
_Kind = TypeVar("_Kind")
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
    found = _decode(_text(data), _Metadata)
    tokens = found.tokens.values()
    known = {slot for token in tokens if token.type in {_TPM, _RECOVERY} for slot in token.keyslots}
    return Header(
        cipher=next(iter(found.segments.values()), _Segment()).encryption,
        tpm_keys=tuple(_tpm_key(token) for token in tokens if token.type == _TPM),
        recovery_slots=tuple(sorted(_slot(name) for t in tokens if t.type == _RECOVERY for name in t.keyslots)),
        other_keys=len(set(found.keyslots) - known),
    )


def first(data: bytes, public_key: str, salt: bytes) -> tuple[bytes, bytes] | None:
    """Both headers as they are when the tokens of a TPM that `public_key` has signed for come before its others.

    `public_key` is as in TpmKey; `salt` are 64 random bytes, new ones for each header that is written. None when they
    come first already, and when there are none. Raises VerificationError luks-malformed, also when the checksum of the
    first header in `data` is wrong: then the second one counts, and who opens the volume mends it.
    """
    text = _text(data)
    size = _JSON_AT + len(text)
    if _checksum(data[:size]) != data[_CHECKSUM][:32]:
        raise _malformed("its checksum is wrong")
    tokens = _decode(text, _Metadata).tokens
    numbers = sorted(tokens, key=lambda name: (len(name), name))
    listed, now = ([name for name in names if tokens[name].type == _TPM] for names in (tokens, numbers))
    keys = {name: _tpm_key(tokens[name]).public_key for name in now}
    wanted = sorted(now, key=lambda name: keys[name] != public_key)
    # Some programs go by the numbers of tokens, and some by their order in the text.
    if all([keys[name] for name in names] == [keys[name] for name in wanted] for names in (listed, now)):
        return None
    whole = _decode(text, dict[str, Any])
    places = {name: name for name in numbers} | dict(zip(now, wanted, strict=True))
    whole["tokens"] = {name: whole["tokens"][place] for name, place in places.items()}
    changed = json.dumps(whole, separators=(",", ":")).encode()
    if len(changed) >= len(text):
        raise _malformed("it has no room")
    made = bytearray(data[:_JSON_AT] + changed.ljust(len(text), b"\0"))
    struct.pack_into(">Q", made, _COUNT, int.from_bytes(data[_COUNT : _COUNT + 8]) + 1)
    made[_SALT] = salt
    headers = []
    for magic, place in ((MAGIC, 0), (_SECOND_MAGIC, size)):
        made[: len(magic)] = magic
        struct.pack_into(">Q", made, _PLACE, place)
        made[_CHECKSUM] = _checksum(made).ljust(64, b"\0")
        headers.append(bytes(made))
    return headers[0], headers[1]


def _checksum(header: bytes | bytearray) -> bytes:
    """The SHA-256 of a header whose own place is zeros."""
    return hashlib.sha256(header[: _CHECKSUM.start] + bytes(64) + header[_CHECKSUM.stop :]).digest()


def _text(data: bytes) -> bytes:
    """The area of the first header in `data` that holds JSON, with the zeros after it."""
    if len(data) < _JSON_AT or not data.startswith(MAGIC):
        raise _malformed("it does not begin as one")
    _, version, size = _BINARY.unpack_from(data)
    if version != 2 or not _JSON_AT < size <= min(len(data), HEADER_MOST):
        raise _malformed(f"it is of version {version} and {size} bytes")
    return data[_JSON_AT:size]


def _decode(text: bytes, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(text.partition(b"\0")[0], type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _malformed(str(error)) from error


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
