"""Detached signatures by PKCS#7 over a message, as firmware takes them for its variables.

Format: SignedData of PKCS#7 1.5 in DER without its ContentInfo, SHA-256 with RSA, no attributes (UEFI Specification
2.10, section 8.2.2). Equal key, certificate and message give equal bytes: there is no time in it. `variable_change`
verifies.
"""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from adamant.core import der

_EXPLICIT = 0xA0


def sign(message: bytes, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> bytes:
    """The signature of `key` over `message`, with its certificate in it."""
    options = (pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.NoAttributes, pkcs7.PKCS7Options.Binary)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(message).add_signer(certificate, key, hashes.SHA256())
    info = builder.sign(serialization.Encoding.DER, options)
    at, stop = der.expect(info, 0, len(info), der.SEQUENCE)
    at = der.skip(info, at, stop, der.OBJECT)
    at, stop = der.expect(info, at, stop, _EXPLICIT)
    return info[at:stop]
