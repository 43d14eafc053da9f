"""A signing key and clear-signed texts (RFC 9580, version 4 packets), for repositories that tests make.

Only what apt's verifiers (gpgv and sqv) ask for: one RSA key with a self-signed user id.
"""

import base64
import hashlib
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_CREATED = 1_700_000_000
_USER = b"Test Archive <archive@test.invalid>"


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + struct.pack(">I", len(body)) + body


def _mpi(value: int) -> bytes:
    return struct.pack(">H", value.bit_length()) + value.to_bytes((value.bit_length() + 7) // 8, "big")


def _subpacket(kind: int, body: bytes) -> bytes:
    return bytes([len(body) + 1, kind]) + body


def _armor(kind: str, data: bytes) -> str:
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    body = base64.encodebytes(data).decode()
    check = base64.b64encode(crc.to_bytes(3, "big")).decode()
    return f"-----BEGIN PGP {kind}-----\n\n{body}={check}\n-----END PGP {kind}-----\n"


@dataclass(frozen=True)
class Key:
    """An RSA signing key."""

    private: rsa.RSAPrivateKey

    @classmethod
    def make(cls) -> "Key":
        """A new key."""
        return cls(rsa.generate_private_key(65537, 2048))

    def _public(self) -> bytes:
        numbers = self.private.public_key().public_numbers()
        return b"\x04" + struct.pack(">I", _CREATED) + b"\x01" + _mpi(numbers.n) + _mpi(numbers.e)

    def _prefixed(self) -> bytes:
        return b"\x99" + struct.pack(">H", len(self._public())) + self._public()

    def _signature(self, kind: int, data: bytes, extra: bytes = b"") -> bytes:
        fingerprint = hashlib.sha1(self._prefixed(), usedforsecurity=False).digest()
        hashed = _subpacket(2, struct.pack(">I", _CREATED + 1)) + _subpacket(33, b"\x04" + fingerprint) + extra
        unhashed = _subpacket(16, fingerprint[-8:])
        head = bytes([4, kind, 1, 10]) + struct.pack(">H", len(hashed)) + hashed  # RSA, SHA-512
        signed = data + head + b"\x04\xff" + struct.pack(">I", len(head))
        digest = hashlib.sha512(signed).digest()
        value = self.private.sign(signed, padding.PKCS1v15(), hashes.SHA512())
        body = head + struct.pack(">H", len(unhashed)) + unhashed + digest[:2] + _mpi(int.from_bytes(value, "big"))
        return _packet(2, body)

    def certificate(self) -> str:
        """The public key, armoured."""
        user = b"\xb4" + struct.pack(">I", len(_USER)) + _USER
        # positive certification (0x13) with the flags certify and sign
        bound = self._signature(0x13, self._prefixed() + user, _subpacket(27, b"\x03"))
        return _armor("PUBLIC KEY BLOCK", _packet(6, self._public()) + _packet(13, _USER) + bound)

    def clear_sign(self, text: str) -> str:
        """`text`, which has no line that starts with a dash, with its signature (section 7)."""
        lines = text.rstrip("\n").split("\n")
        canonical = "\r\n".join(line.rstrip(" \t") for line in lines).encode()
        signature = _armor("SIGNATURE", self._signature(0x01, canonical))
        return "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + "\n".join(lines) + "\n" + signature
