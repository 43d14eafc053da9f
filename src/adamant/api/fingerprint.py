"""Fingerprints: how a person compares a key or a certificate. SHA-256 of the DER form, 64 hexadecimal digits.

A key's is that of its SubjectPublicKeyInfo (RFC 5280, 4.1.2.7), so that it stays the same when the certificate around
it is replaced. Shown in groups of four digits: it fits on a line of 80 columns and can be read out and typed. What a
person types may have other separators, upper case, and "SHA256:" before it. Imports no cryptography: the agent uses it.
"""

import hashlib
import re
from typing import NewType

from adamant.model.errors import InputError

Fingerprint = NewType("Fingerprint", str)
"""64 lower-case hexadecimal digits."""

_TYPED = re.compile(r"(?:sha-?256[:=/ ])?\s*([0-9a-f]{2}(?:[:\s.-]?[0-9a-f]{2})*)", re.IGNORECASE)


def of(der: bytes) -> Fingerprint:
    """The fingerprint of what `der` encodes."""
    return Fingerprint(hashlib.sha256(der).hexdigest())


def show(fingerprint: Fingerprint) -> str:
    """The fingerprint as people read it: 16 groups of 4 digits."""
    return ":".join(fingerprint[at : at + 4] for at in range(0, 64, 4))


def parse(text: str) -> Fingerprint:
    """The fingerprint that a person typed or pasted, whole: a part of one proves nothing."""
    match = _TYPED.fullmatch(text.strip()[:400])
    digits = re.sub(r"[^0-9a-f]", "", match[1].lower()) if match else ""
    if len(digits) != 64:
        raise InputError(
            "fingerprint-malformed",
            f"not a fingerprint: {text[:120]!r}",
            hint=f"it has 64 hexadecimal digits, this has {len(digits)}; the console of the machine shows it",
        )
    return Fingerprint(digits)
