"""A challenge that only one TPM can open: what shows that an attestation key lies in the TPM of an endorsement key.

Specification: TCG Trusted Platform Module Library, part 1, section 24 (Credential Protection) and annex C.6.4, as
TPM2_MakeCredential does it for a key on P-256 with AES-128 in CFB mode and SHA-256. It needs no TPM.
"""

import hashlib
import hmac
import struct
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from adamant.attestation.keys import public_key
from adamant.model import tpm
from adamant.model.tpm import tpm2b


class Challenge(NamedTuple):
    """A credential, encrypted: `blob` is a TPMS_ID_OBJECT, `secret` a TPMS_ECC_POINT."""

    blob: bytes
    secret: bytes


def make_credential(credential: bytes, ek: bytes, ak: bytes) -> Challenge:
    """Encrypt `credential` (at most 32 bytes) for the TPM whose endorsement key is `ek`, if it has the key `ak` too.

    Both are TPMT_PUBLIC. Raises VerificationError tpm-malformed for an endorsement key that is none.
    """
    key = public_key(ek, "the endorsement key", signs=False)
    point = key.public_numbers()
    own = ec.generate_private_key(ec.SECP256R1())
    ephemeral = own.public_key().public_numbers()
    x, y = ephemeral.x.to_bytes(32), ephemeral.y.to_bytes(32)
    shared = own.exchange(ec.ECDH(), key)
    seed = hashlib.sha256(struct.pack(">I", 1) + shared + b"IDENTITY\0" + x + point.x.to_bytes(32)).digest()
    name = tpm.name(ak)
    sealed = _cfb(_kdfa(seed, b"STORAGE", name, 128), tpm2b(credential))
    integrity = hmac.digest(_kdfa(seed, b"INTEGRITY", b"", 256), sealed + name, "sha256")
    return Challenge(tpm2b(integrity) + sealed, tpm2b(x) + tpm2b(y))


def _cfb(key: bytes, data: bytes) -> bytes:
    """AES in CFB mode from an initial value of zeros: libraries drop this mode, the specification asks for it."""
    out, last = b"", bytes(16)
    for at in range(0, len(data), 16):
        stream = Cipher(AES(key), CTR(last)).encryptor().update(bytes(16))  # one block, encrypted
        last = bytes(a ^ b for a, b in zip(data[at : at + 16], stream, strict=False))
        out += last
    return out


def _kdfa(key: bytes, label: bytes, context: bytes, bits: int) -> bytes:
    """KDFa (part 1, section 11.4.10.2) with SHA-256, for at most 256 bits."""
    data = struct.pack(">I", 1) + label + b"\0" + context + struct.pack(">I", bits)
    return hmac.digest(key, data, "sha256")[: bits // 8]
