"""Digests and identities: SHA-256 values with a type for each meaning, and the identity of a step.

All are lower-case hexadecimal strings of 64 characters, so that they print, compare and serialise as they are.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NewType

from adamant.model.errors import VerificationError

Sha256 = NewType("Sha256", str)
"""SHA-256 of some bytes, hexadecimal."""

RootHash = NewType("RootHash", str)
"""Root hash of a dm-verity tree (SHA-256, hash type 1), hexadecimal."""

Salt = NewType("Salt", str)
"""Salt of a dm-verity tree, 32 bytes, hexadecimal."""

Identity = NewType("Identity", str)
"""SHA-256 of the inputs, options and tools of a step. Equal identity means equal output bytes."""

_HEX64 = re.compile(r"[0-9a-f]{64}")


def parse_sha256(text: str) -> Sha256:
    """Check that `text` is a SHA-256 in lower-case hexadecimal."""
    if not _HEX64.fullmatch(text):
        raise VerificationError("digest-malformed", f"not a SHA-256 in hexadecimal: {text[:80]!r}")
    return Sha256(text)


def sha256(data: bytes) -> Sha256:
    """SHA-256 of `data`."""
    return Sha256(hashlib.sha256(data).hexdigest())


def identity(step: str, inputs: Mapping[str, Any]) -> Identity:
    """Identity of `step` over `inputs`, which must be JSON values (RFC 8259) with string keys.

    The digest is taken over canonical JSON: keys sorted, no white space, UTF-8.
    """
    text = json.dumps({"step": step, "inputs": inputs}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Identity(hashlib.sha256(text.encode()).hexdigest())
