"""Whether an RSA key has signed a message: PKCS#1 v1.5 with SHA-256 (RFC 8017, section 8.2.2).

For machines, which have no cryptographic library. Only public numbers are in it, so its time tells nothing.
"""

import hashlib
from typing import NamedTuple

from adamant.core import der

_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""DigestInfo of SHA-256, up to the digest (RFC 8017, section 9.2, note 1)."""
_BITS = range(2048, 8193)
_VERSION = 0xA0
_MOST_EXPONENT = 1 << 32


class PublicKey(NamedTuple):
    """Modulus and exponent."""

    modulus: int
    exponent: int

    @property
    def size(self) -> int:
        """Bytes of a signature."""
        return (self.modulus.bit_length() + 7) // 8


def public_key(certificate: bytes) -> PublicKey:
    """The key of a certificate in DER (RFC 5280, section 4.1; RFC 3279, section 2.3.1).

    The certificate is not judged. Raises ValueError when these bytes are none, or its key is no RSA key of a fit size.
    """
    at, stop = der.expect(certificate, 0, len(certificate), der.SEQUENCE)
    at, stop = der.expect(certificate, at, stop, der.SEQUENCE)
    tag, _, behind = der.element(certificate, at, stop)
    if tag == _VERSION:
        at = behind
    # serialNumber, signature, issuer, validity, subject
    for wanted in (der.INTEGER, *[der.SEQUENCE] * 4):
        at = der.skip(certificate, at, stop, wanted)
    at, stop = der.expect(certificate, at, stop, der.SEQUENCE)
    at = der.skip(certificate, at, stop, der.SEQUENCE)  # the algorithm: what follows is of its form, or an error
    at, stop = der.expect(certificate, at, stop, der.BIT_STRING)
    at, stop = der.expect(certificate, at + 1, stop, der.SEQUENCE)
    modulus, modulus_end = der.expect(certificate, at, stop, der.INTEGER)
    exponent, exponent_end = der.expect(certificate, modulus_end, stop, der.INTEGER)
    found = PublicKey(
        int.from_bytes(certificate[modulus:modulus_end]), int.from_bytes(certificate[exponent:exponent_end])
    )
    if found.modulus.bit_length() not in _BITS or not 2 < found.exponent < _MOST_EXPONENT:
        raise ValueError("no RSA key of a fit size")
    return found


def has_signed(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is that of `key` over `message`."""
    value = int.from_bytes(signature)
    if len(signature) != key.size or value >= key.modulus:
        return False
    info = _DIGEST_INFO + hashlib.sha256(message).digest()
    wanted = b"\0\1" + b"\xff" * (key.size - len(info) - 3) + b"\0" + info
    return pow(value, key.exponent, key.modulus).to_bytes(key.size) == wanted
