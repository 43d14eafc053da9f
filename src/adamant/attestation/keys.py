"""Keys of a TPM as keys that sign and verify: a TPMT_PUBLIC whose point lies on the curve."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from adamant.model import tpm
from adamant.model.errors import VerificationError


def public_key(public: bytes, what: str, *, signs: bool) -> ec.EllipticCurvePublicKey:
    """The key of a TPMT_PUBLIC: an attestation key when it `signs`, else an endorsement key.

    Raises VerificationError tpm-malformed.
    """
    found = tpm.read_public(public, what)
    try:
        key = ec.EllipticCurvePublicNumbers(
            int.from_bytes(found.x), int.from_bytes(found.y), ec.SECP256R1()
        ).public_key()
    except ValueError as error:
        raise VerificationError("tpm-malformed", f"{what} is no point of its curve") from error
    if found.signs is not signs:
        raise VerificationError("tpm-malformed", f"{what} is not what its name says")
    return key


def certificate_of(ek: bytes, certificate: bytes) -> x509.Certificate | None:
    """The `certificate` of the endorsement key `ek`, as its TPM holds it; None when it holds none.

    Who has signed it is not looked at. Raises VerificationError endorsement-certificate when it is of another key.
    """
    if not certificate:
        return None
    key = public_key(ek, "the endorsement key", signs=False)
    try:
        # What lies behind the certificate in the TPM's memory is no part of it.
        found = x509.load_der_x509_certificate(_der(certificate))
        named, _ = found.public_key(), (shown(found.issuer), shown(found.subject))  # they are read when asked for
    except (ValueError, UnsupportedAlgorithm) as error:
        raise VerificationError(
            "endorsement-certificate", f"the certificate of the endorsement key cannot be read: {error}"
        ) from error
    if not isinstance(named, ec.EllipticCurvePublicKey) or named.public_numbers() != key.public_numbers():
        raise VerificationError("endorsement-certificate", "the certificate is of another key than the endorsement key")
    return found


def certificate_issuer(ek: bytes, certificate: bytes) -> str:
    """Who says to have certified the endorsement key `ek`; empty when nobody does. Raises as `certificate_of`."""
    found = certificate_of(ek, certificate)
    return shown(found.issuer) if found is not None else ""


def shown(name: x509.Name) -> str:
    """A name of a certificate, for a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name.rfc4514_string())


def _der(data: bytes) -> bytes:
    """The DER value at the begin of `data`."""
    if len(data) > 4 and data[1] == 0x82:
        return data[: 4 + int.from_bytes(data[2:4])]
    return data


def verify(ak: bytes, signature: bytes, quote: bytes) -> None:
    """Check the signature of a quote. Raises VerificationError quote-signature or tpm-malformed."""
    key = public_key(ak, "the attestation key", signs=True)
    try:
        key.verify(encode_dss_signature(*tpm.read_signature(signature)), quote, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise VerificationError(
            "quote-signature",
            "the quote is not signed by its attestation key",
            hint="it was changed, or put together of several",
        ) from error
