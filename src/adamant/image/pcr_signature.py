"""The signature of a value of PCR 11: with it the TPM opens what is bound to the key that has signed.

What is signed is the policy that TPM2_PolicyPCR comes to for that value; TPM2_PolicyAuthorize takes the signature in
its place (TCG TPM Library, part 3, sections 23.7 and 23.16). The text is that of `systemd-measure sign`, which the stub
hands over to what boots. RSA with SHA-256 by PKCS #1 v1.5: equal values and keys give equal bytes. Imports model and
core.
"""

import base64
import hashlib
import json
import struct

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from msgspec import Struct

from adamant.core import limits, pe
from adamant.core.source import Source
from adamant.image import measured as measuring
from adamant.model import measured, pcr, tpm

_TPM_CC_POLICY_PCR = 0x0000017F


class _Signature(Struct):
    pol: str
    sig: str


class _Signatures(Struct):
    sha256: tuple[_Signature, ...]


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


def fault(uki: Source) -> str:
    """What is wrong with the signature in a UKI; empty when it fits, or when the UKI has no key (.pcrpkey) for one.

    Raises VerificationError as `pe.read_sections` does.
    """
    found = pe.read_sections(uki)
    if ".pcrpkey" not in found:
        return ""
    if ".pcrsig" not in found:
        return "its section .pcrsig is missing: it opens no encrypted disk"
    text, public = (_bytes(uki, found[name]) for name in (".pcrsig", ".pcrpkey"))
    value = measured.predict(measuring.measured_sections(uki))[str(pcr.KERNEL)]
    try:
        key = serialization.load_pem_public_key(public)
        entries = msgspec.json.decode(text, type=_Signatures).sha256
    except (ValueError, UnsupportedAlgorithm, msgspec.MsgspecError, RecursionError) as error:
        return f"its sections .pcrpkey and .pcrsig cannot be read: {error}"
    wanted = policy(bytes.fromhex(value))
    for entry in entries:
        try:
            signature = base64.b64decode(entry.sig, validate=True)
            if entry.pol == wanted.hex() and isinstance(key, rsa.RSAPublicKey):
                key.verify(signature, wanted, padding.PKCS1v15(), hashes.SHA256())
                return ""
        except (ValueError, InvalidSignature):
            continue
    return "its section .pcrsig has no good signature of what the TPM measures of it: it opens no encrypted disk"


def _bytes(uki: Source, section: pe.Section) -> bytes:
    return uki.exactly(section.offset, min(section.size, limits.PEM_SIZE))
