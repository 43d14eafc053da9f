"""The certificate of an endorsement key, and the makers of TPMs whom a person trusts to have certified it.

A maker's certificates are given as files; those that sign themselves are trusted, the others may stand in between.
Formats: TCG EK Credential Profile 2.5, section 3 (the endorsement key's certificate), and RFC 5280, section 6.1 (the
path). Neither names nor policies are constrained: a certificate that wants that is not taken. Nor is it asked whether a
certificate was revoked: nothing here speaks to a network.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import Certificate, ObjectIdentifier

from adamant.attestation import keys
from adamant.core import files, limits
from adamant.model.errors import InputError, VerificationError

_EK_CERTIFICATE = ObjectIdentifier("2.23.133.8.1")
"""tcg-kp-EKCertificate: what the certificate's key is for."""
_UNDERSTOOD = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.CertificatePolicies,
)
"""Extensions that may be critical: those looked at here, and those that only name the TPM or a text."""
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_RSA_BITS = 2048
_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der"})
T = TypeVar("T", bound=x509.ExtensionType)


class Makers(NamedTuple):
    """The certificates of makers: `roots` are trusted, `between` are not, but may lead to one that is."""

    roots: tuple[Certificate, ...]
    between: tuple[Certificate, ...]


def read(path: Path) -> Makers:
    """The certificates (PEM, any number, or DER) in the file `path`, or in all files of a folder that end as such do.

    Raises InputError certificate-malformed, makers-missing when none is a root, and what reading raises.
    """
    named = sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES) if path.is_dir() else [path]
    if len(named) > limits.MAKERS_FILES:
        raise InputError("makers-missing", f"{path} has more than {limits.MAKERS_FILES} certificates")
    found = [certificate for each in named for certificate in _load(each)]
    roots = tuple(each for each in found if each.issuer == each.subject and not any(_unsigned(each, each)))
    if not roots:
        raise InputError(
            "makers-missing",
            f"{path} holds no root certificate of a maker of TPMs",
            hint="get it from the maker, with those between, and compare its fingerprint: a root has signed itself",
        )
    return Makers(roots, tuple(certificate for certificate in found if certificate not in roots))


def verify(ek: bytes, certificate: bytes, makers: Makers, now: datetime) -> str:
    """The name of the trusted maker to whom the `certificate` of the endorsement key `ek` leads at `now`.

    Raises VerificationError endorsement-uncertified when there is no certificate, endorsement-certificate when it is of
    another key or of no TPM, and endorsement-untrusted, which says where the way to a root ends.
    """
    found = keys.certificate_of(ek, certificate)
    if found is None:
        raise VerificationError(
            "endorsement-uncertified",
            "the TPM holds no certificate of its endorsement key",
            hint="TPMs of virtual machines often have none; without --ek-roots the key is pinned as it is",
        )
    wrong = [*_unfit(found, now), *_not_an_endorsement_key(found)]
    if wrong:
        raise VerificationError(
            "endorsement-certificate", f"the certificate of the endorsement key does not count: {wrong[0]}"
        )
    ends: list[str] = []
    root = next(_roots(found, makers, now, limits.MAKERS_DEPTH, ends), None)
    if root is None:
        raise VerificationError(
            "endorsement-untrusted",
            "the certificate of the endorsement key does not lead to a maker whom you trust",
            context="\n".join(dict.fromkeys(ends)),
            hint="add the certificates of this maker, with those between, to what you name with --ek-roots",
        )
    return keys.shown(root.subject)


def _load(path: Path) -> list[Certificate]:
    data = files.read_limited(path, limits.PEM_SIZE, "certificate of a maker of TPMs")
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificates(data)
        return [x509.load_der_x509_certificate(data)]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("certificate-malformed", f"{path} is no certificate in DER or PEM") from error


def _roots(child: Certificate, makers: Makers, now: datetime, depth: int, ends: list[str]) -> Iterator[Certificate]:
    """Roots that `child` leads to, over at most `depth` certificates between; `ends` gets why a way goes no further."""
    issuers = [each for each in (*makers.roots, *makers.between) if each.subject == child.issuer]
    if not issuers:
        ends.append(f"its issuer is not among them: {keys.shown(child.issuer)}")
    for issuer in issuers:
        name = keys.shown(issuer.subject)
        below = limits.MAKERS_DEPTH - depth
        wrong = [*_unfit(issuer, now), *_no_issuer(issuer, below), *_unsigned(child, issuer), *_weak(child)]
        if wrong:
            ends.append(f"{name}: {wrong[0]}")
        elif issuer in makers.roots:
            yield issuer
        elif depth:
            yield from _roots(issuer, makers, now, depth - 1, ends)
        else:
            ends.append(f"{name}: the way is longer than {limits.MAKERS_DEPTH} certificates")


def _unfit(certificate: Certificate, now: datetime) -> Iterator[str]:
    """What is wrong with a certificate at any place of the way."""
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        yield f"it is valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d}"
    extensions = _extensions(certificate)
    if extensions is None:
        yield "its extensions cannot be read"
        return
    for extension in extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            yield f"it has an extension that must be understood, and is not: {extension.oid.dotted_string}"


def _not_an_endorsement_key(certificate: Certificate) -> Iterator[str]:
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    if usage is None or _EK_CERTIFICATE not in usage:
        yield f"it does not say that it is of an endorsement key ({_EK_CERTIFICATE.dotted_string})"
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        yield "it is of an authority"


def _no_issuer(issuer: Certificate, below: int) -> Iterator[str]:
    """Why a certificate may not have issued one with `below` certificates of authorities below it."""
    constraints, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    if constraints is None or not constraints.ca:
        yield "it is of no authority"
    elif constraints.path_length is not None and below > constraints.path_length:
        yield f"it allows {constraints.path_length} authorities below it, and there are {below}"
    if usage is not None and not usage.key_cert_sign:
        yield "its key is not for certificates"
    key = issuer.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _RSA_BITS:
        yield f"its key has {key.key_size} bits"
    elif not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        yield "its key is of a kind that no maker has"


def _unsigned(child: Certificate, issuer: Certificate) -> Iterator[str]:
    try:
        child.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        yield f"it has not signed {keys.shown(child.subject) or 'the certificate of the endorsement key'}"


def _weak(child: Certificate) -> Iterator[str]:
    try:
        known = isinstance(child.signature_hash_algorithm, _HASHES)
    except UnsupportedAlgorithm:
        known = False
    if not known:
        yield "it has signed by a hash that is not taken"


def _extensions(certificate: Certificate) -> Sequence[x509.Extension[x509.ExtensionType]] | None:
    """The extensions; None when they cannot be read."""
    try:
        return list(certificate.extensions)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def _extension(certificate: Certificate, kind: type[T]) -> T | None:
    return next((each.value for each in _extensions(certificate) or () if isinstance(each.value, kind)), None)
