"""The header of an encrypted volume is read as it is, and no bytes break its reader."""

import base64
import contextlib
import hashlib
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.model import luks2
from adamant.model.errors import VerificationError

KEY = b"-----BEGIN PUBLIC KEY-----\n"
METADATA: dict[str, Any] = {
    "keyslots": {"0": {"type": "luks2"}, "1": {"type": "luks2"}, "2": {"type": "luks2"}},
    "tokens": {
        "0": {
            "type": "systemd-tpm2",
            "keyslots": ["0"],
            "tpm2-pcrs": [],
            "tpm2_pubkey_pcrs": [11],
            "tpm2_pubkey": base64.b64encode(KEY).decode(),
        },
        "1": {"type": "systemd-recovery", "keyslots": ["1"]},
    },
    "segments": {"0": {"type": "crypt", "encryption": "aes-xts-plain64"}},
}


def header(metadata: bytes, *, magic: bytes = luks2.MAGIC, version: int = 2, size: int = 16384) -> bytes:
    return (struct.pack(">6sHQ", magic, version, size).ljust(4096, b"\0") + metadata).ljust(16384, b"\0")


def test_keys_are_told_by_their_tokens() -> None:
    found = luks2.read(header(json.dumps(METADATA).encode()))
    assert found.tpm_keys == (luks2.TpmKey(hashlib.sha256(KEY).hexdigest(), (11,), ()),)
    assert (found.cipher, found.recovery_slots, found.other_keys) == ("aes-xts-plain64", (1,), 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"LUKS",
        header(b"{}", magic=b"LUKS\xba\xbf"),
        header(b"{}", version=1),
        header(b"{}", size=1 << 40),
        header(b"{}", size=4096),
        header(b"{}"),
        header(b"{"),
        header(b"[" * 12000),
        header(json.dumps({**METADATA, "tokens": {"0": {"type": "systemd-tpm2", "tpm2_pubkey": "?"}}}).encode()),
        header(json.dumps({**METADATA, "tokens": {"0": {"type": "systemd-recovery", "keyslots": ["-1"]}}}).encode()),
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        luks2.read(data)
    assert caught.value.reference == "luks-malformed"


@given(st.binary(max_size=200), st.integers(0, 8000))
def test_no_bytes_break_the_reader(garbage: bytes, at: int) -> None:
    data = bytearray(header(json.dumps(METADATA).encode()))
    data[at : at + len(garbage)] = garbage
    with contextlib.suppress(VerificationError):
        luks2.read(bytes(data))
