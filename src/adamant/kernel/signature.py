"""The signature at the end of a kernel module: read it, and check it with the kernel's own certificate.

A signed module ends with a CMS message (RFC 5652) without attributes, its length, and a magic line (kernel,
kernel/module_signature.c, scripts/sign-file.c). Whatever bytes it is given, this ends with a value or with a
VerificationError. Runs no program.
"""

import struct
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from adamant.model.errors import VerificationError

MAGIC = b"~Module signature appended~\n"
_HEADER = struct.Struct(">BBBBB3xI")
_PKCS7 = 2
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    bytes.fromhex("608648016503040201"): hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}
_SEQUENCE, _SET, _INTEGER, _OCTETS, _OID, _TAGGED = 0x30, 0x31, 0x02, 0x04, 0x06, 0xA0


@dataclass(frozen=True, slots=True)
class Signed:
    """A module: what was signed, by which hash, and the signature itself."""

    content: bytes
    algorithm: hashes.HashAlgorithm
    signature: bytes


def read(module: bytes) -> Signed:
    """The parts of a signed module. Raises VerificationError kernel-module-unsigned, kernel-module-malformed."""
    if not module.endswith(MAGIC):
        raise VerificationError("kernel-module-unsigned", "the module is not signed")
    end = len(module) - len(MAGIC) - _HEADER.size
    if end < 0:
        raise _malformed("it is too short")
    algorithm, digest, kind, signer, key, size = _HEADER.unpack_from(module, end)
    if (algorithm, digest, kind, signer, key) != (0, 0, _PKCS7, 0, 0):
        raise _malformed("its signature is of another kind")
    if size > end:
        raise _malformed("its signature is longer than the module")
    message = module[end - size : end]
    hashed, signature = _signer(message)
    return Signed(module[: end - size], hashed, signature)


def check(module: bytes, certificate: x509.Certificate) -> None:
    """Raise VerificationError kernel-module-foreign unless the module was signed by the certificate's key."""
    signed = read(module)
    key = certificate.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signed.signature, signed.content, ec.ECDSA(signed.algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signed.signature, signed.content, padding.PKCS1v15(), signed.algorithm)
        else:
            raise VerificationError("kernel-certificate", "the kernel's certificate has a key of an unknown kind")
    except InvalidSignature as error:
        raise VerificationError(
            "kernel-module-foreign", "the module was not signed by the key of this kernel, or was changed since"
        ) from error


def certificate_of(data: bytes) -> x509.Certificate:
    """The certificate that the kernel trusts (DER). Raises VerificationError kernel-certificate."""
    try:
        return x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise VerificationError("kernel-certificate", f"the kernel's certificate cannot be read: {error}") from error


def _malformed(why: str) -> VerificationError:
    return VerificationError("kernel-module-malformed", f"the module is not sound: {why}")


def _signer(message: bytes) -> tuple[hashes.HashAlgorithm, bytes]:
    """Hash and signature of the one signer of a CMS message (RFC 5652, section 5)."""
    outer = _Reader(_Reader(message).take(_SEQUENCE))
    if outer.take(_OID) != _SIGNED_DATA:
        raise _malformed("its signature is no signed data")
    data = _Reader(_Reader(outer.take(_TAGGED)).take(_SEQUENCE))
    data.take(_INTEGER)
    data.take(_SET)
    data.take(_SEQUENCE)
    data.skip(_TAGGED)
    data.skip(_TAGGED + 1)
    signers = _Reader(data.take(_SET))
    signer = _Reader(signers.take(_SEQUENCE))
    if not signers.empty:
        raise _malformed("it has more than one signer")
    signer.take(_INTEGER)
    signer.any()
    oid = _Reader(signer.take(_SEQUENCE)).take(_OID)
    if signer.skip(_TAGGED):
        raise _malformed("its signature has attributes")
    signer.take(_SEQUENCE)
    if oid not in _HASHES:
        raise _malformed("its signature has a hash that is not allowed")
    return _HASHES[oid], signer.take(_OCTETS)


class _Reader:
    """Values of DER (X.690), one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def empty(self) -> bool:
        return self._at >= len(self._data)

    def take(self, tag: int) -> bytes:
        """The contents of the next value, which must have the tag."""
        found, contents = self.any()
        if found != tag:
            raise _malformed("its signature is not what a kernel signs with")
        return contents

    def skip(self, tag: int) -> bool:
        """Pass over the next value when it has the tag; whether it had."""
        if self.empty or self._data[self._at] != tag:
            return False
        self.any()
        return True

    def any(self) -> tuple[int, bytes]:
        """Tag and contents of the next value."""
        at = self._at
        if at + 2 > len(self._data):
            raise _malformed("its signature ends early")
        tag, length = self._data[at], self._data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4 or at + count > len(self._data):
                raise _malformed("its signature is no DER")
            length = int.from_bytes(self._data[at : at + count])
            at += count
        if at + length > len(self._data):
            raise _malformed("its signature ends early")
        self._at = at + length
        return tag, self._data[at : self._at]
