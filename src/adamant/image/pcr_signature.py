"""The signature of a value of PCR 11: with it the TPM opens what is bound to the key that has signed.

What is signed is the policy that TPM2_PolicyPCR comes to for that value; TPM2_PolicyAuthorize takes the signature in
its place (TCG TPM Library, part 3, sections 23.7 and 23.16). The text is that of `systemd-measure sign`, which the stub
hands over to what boots. RSA with SHA-256 by PKCS #1 v1.5: equal values and keys give equal bytes. Imports model only.
"""

import base64
import hashlib
import json
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from adamant.model import pcr, tpm

_TPM_CC_POLICY_PCR = 0x0000017F


def policy(value: bytes) -> bytes:
    """The digest of a policy that holds while PCR 11 of the SHA-256 bank has `value` (32 bytes)."""
    selection = tpm.pcr_selection((pcr.KERNEL,))
    extended = bytes(32) + struct.pack(">I", _TPM_CC_POLICY_PCR) + selection + hashlib.sha256(value).digest()
    return hashlib.sha256(extended).digest()


def sign(value: bytes, key: rsa.RSAPrivateKey) -> bytes:
    """The section .pcrsig of a UKI that PCR 11 has `value` (32 bytes) for."""
    digest = policy(value)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    entry = {
        "pcrs": [pcr.KERNEL],
        "pkfp": hashlib.sha256(public).hexdigest(),
        "pol": digest.hex(),
        "sig": base64.b64encode(key.sign(digest, padding.PKCS1v15(), hashes.SHA256())).decode(),
    }
    return json.dumps({"sha256": [entry]}, separators=(",", ":")).encode() + b"\n"
