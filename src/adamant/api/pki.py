"""Keys of the mutual TLS: a cluster's CA, certificates of nodes and of clients (RFC 5280; EC P-256, SHA-256).

The CA's key is made here and stays with the person: nothing in this project sends it anywhere. A certificate for a
node is no good as a client's and the other way round, by its extended key usage. Keys are files of mode 0600, and no
file that exists is overwritten.

Loads `cryptography`: the agent must not import it.
"""

import datetime
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adamant.api import fingerprint as fingerprints
from adamant.api.fingerprint import Fingerprint
from adamant.api.identity import NAME_PATTERN, Role, check_name
from adamant.core import files, limits
from adamant.model.errors import BusyError, InputError, VerificationError

AUTHORITY_DAYS = 3650
NODE_DAYS = 365
CLIENT_DAYS = 365
BEGINS = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
"""Certificates have an end but no beginning, so that a machine whose clock was set back or lost still takes them: it
would otherwise be cut off until somebody sits before it."""
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class KeyedCertificate:
    """A certificate and its private key, both PEM. The key may be encrypted with a passphrase (PKCS #8)."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one side of a connection needs, PEM: the CA's certificate, its own certificate, its own key."""

    ca: bytes
    certificate: bytes
    key: bytes


def _name(common: str, role: Role | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if role is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, role.value))
    return x509.Name(parts)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGINS)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _pem(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyedCertificate:
    return KeyedCertificate(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def make_authority(name: str, now: datetime.datetime) -> KeyedCertificate:
    """A new CA called `name`, good for AUTHORITY_DAYS from `now` (aware, UTC), which signs no other CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(check_name(name))
    certificate = (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate, key)


def is_encrypted(key: bytes) -> bool:
    """Whether a private key in PEM asks for a passphrase."""
    return b"BEGIN ENCRYPTED PRIVATE KEY" in key


def encrypt(pair: KeyedCertificate, passphrase: bytes) -> KeyedCertificate:
    """The same pair, its key encrypted with `passphrase`."""
    _, key = _load(pair)
    how = serialization.BestAvailableEncryption(passphrase)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
    return KeyedCertificate(pair.certificate, pem)


def decrypt(pair: KeyedCertificate, passphrase: bytes) -> KeyedCertificate:
    """The same pair, its key in the clear. Raises VerificationError when the passphrase is another."""
    try:
        key = serialization.load_pem_private_key(pair.key, password=passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise VerificationError(
            "passphrase-wrong", "the CA's key does not open with this passphrase", hint="try it again"
        ) from error
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyedCertificate(pair.certificate, plain)


def _load(authority: KeyedCertificate) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(authority.certificate)
        key = serialization.load_pem_private_key(authority.key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError("authority-malformed", f"the CA's certificate or key cannot be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InputError("authority-malformed", "the CA's key is not an EC key")
    if certificate.public_key() != key.public_key():
        raise InputError("authority-malformed", "the CA's certificate and key do not belong together")
    return certificate, key


def _sign(
    authority: KeyedCertificate,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    usage: x509.ObjectIdentifier,
    names: Sequence[x509.GeneralName],
    now: datetime.datetime,
    days: int,
) -> x509.Certificate:
    ca, ca_key = _load(authority)
    builder = (
        _builder(subject, ca.subject, key, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(ca_key, hashes.SHA256())


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        if not _HOST.fullmatch(text):
            raise InputError("node-name", f"neither an address nor a host name: {text[:80]!r}") from None
        return x509.DNSName(text)


def _node_names(names: Sequence[str]) -> tuple[x509.Name, list[x509.GeneralName]]:
    if not names:
        raise InputError("node-name", "a node's certificate needs a name or an address")
    every = list(dict.fromkeys([*names, "localhost", "127.0.0.1", "::1"]))
    subject = _name(names[0] if re.fullmatch(NAME_PATTERN, names[0]) else "node")
    return subject, [_general_name(name) for name in every]


def issue_node(
    authority: KeyedCertificate, names: Sequence[str], now: datetime.datetime, days: int = NODE_DAYS
) -> KeyedCertificate:
    """A key and a certificate for a node. `names` are its host names and addresses, the first one its common name.

    localhost, 127.0.0.1 and ::1 are always among them: a machine on this computer is reached by a forwarded port.
    """
    subject, general = _node_names(names)
    key = ec.generate_private_key(ec.SECP256R1())
    usage = ExtendedKeyUsageOID.SERVER_AUTH
    made = _sign(authority, subject, key.public_key(), usage=usage, names=general, now=now, days=days)
    return _pem(made, key)


def sign_node(
    authority: KeyedCertificate,
    request: bytes,
    key: Fingerprint,
    names: Sequence[str],
    now: datetime.datetime,
    days: int = NODE_DAYS,
) -> bytes:
    """The certificate (PEM) for a node that made its key itself; `names` as for `issue_node`.

    Of its request (PKCS #10, PEM) only the key is taken: what else a certificate says is for the CA to decide. Raises
    VerificationError when the request is damaged, not signed by its key, or for another key than `key`.
    """
    public = _requested_key(request)
    if request_fingerprint(request) != key:
        raise VerificationError(
            "request-other-key",
            "the node asks for a certificate for another key than the one it has shown",
            hint="do not use this node: its answers do not fit together",
        )
    subject, general = _node_names(names)
    usage = ExtendedKeyUsageOID.SERVER_AUTH
    made = _sign(authority, subject, public, usage=usage, names=general, now=now, days=days)
    return made.public_bytes(serialization.Encoding.PEM)


def _requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    try:
        parsed = x509.load_pem_x509_csr(request)
        public = parsed.public_key()
        genuine = parsed.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise VerificationError("request-malformed", f"the node's request cannot be read: {error}") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise VerificationError("request-malformed", "the node's request is not for an EC key on P-256")
    if not genuine:
        raise VerificationError("request-malformed", "the node's request is not signed by its own key")
    return public


def issue_client(
    authority: KeyedCertificate, name: str, role: Role, now: datetime.datetime, days: int = CLIENT_DAYS
) -> KeyedCertificate:
    """A key and a certificate for the person or program `name` with `role`, which stands in its subject as O."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(check_name(name), role)
    usage = ExtendedKeyUsageOID.CLIENT_AUTH
    return _pem(_sign(authority, subject, key.public_key(), usage=usage, names=[], now=now, days=days), key)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says, for a person. `role` is None for a node's and a CA's; `fingerprint` is its own."""

    name: str
    role: Role | None
    kind: str
    """`ca`, `node`, `client`, or `other`."""
    serial: str
    fingerprint: Fingerprint
    begins: datetime.datetime
    ends: datetime.datetime
    names: tuple[str, ...] = ()


def facts(certificate: bytes) -> Facts:
    """What a certificate (PEM) says of itself; nothing of it is checked."""
    try:
        parsed = x509.load_pem_x509_certificate(certificate)
        common = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        organisation = parsed.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return Facts(
            name=str(common[0].value) if common else "",
            role=next((role for role in Role if organisation and organisation[0].value == role.value), None),
            kind=_kind(parsed),
            serial=f"{parsed.serial_number:x}",
            fingerprint=Fingerprint(parsed.fingerprint(hashes.SHA256()).hex()),
            begins=parsed.not_valid_before_utc,
            ends=parsed.not_valid_after_utc,
            names=_names(parsed),
        )
    except ValueError as error:
        raise InputError("certificate-malformed", f"not a certificate: {error}") from error


def _kind(certificate: x509.Certificate) -> str:
    try:
        if certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return "ca"
        usages = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return "other"
    known = {ExtendedKeyUsageOID.SERVER_AUTH: "node", ExtendedKeyUsageOID.CLIENT_AUTH: "client"}
    return known.get(usages[0], "other") if len(usages) == 1 else "other"


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in found)


def request_fingerprint(request: bytes) -> Fingerprint:
    """The fingerprint of the key that a request (PKCS #10, PEM) is for and signed by."""
    public = _requested_key(request)
    return fingerprints.of(
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _read_der(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise InputError("certificate-malformed", f"not a certificate: {error}") from error


def is_self_signed(der: bytes) -> bool:
    """Whether a certificate in DER names itself as its issuer."""
    certificate = _read_der(der)
    return certificate.issuer == certificate.subject


def issuer(der: bytes) -> str:
    """The issuer that a certificate in DER names, for a person."""
    return _read_der(der).issuer.rfc4514_string()[:200]


def is_issued_by(der: bytes, ca: bytes) -> bool:
    """Whether the CA (PEM) has signed the certificate (DER)."""
    try:
        _read_der(der).verify_directly_issued_by(x509.load_pem_x509_certificate(ca))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def key_fingerprint(der: bytes) -> Fingerprint:
    """The fingerprint of the public key in a certificate in DER."""
    try:
        public = _read_der(der).public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("certificate-malformed", f"not a certificate: {error}") from error
    return fingerprints.of(
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def save(folder: Path, stem: str, pair: KeyedCertificate, *, replace: bool = False) -> tuple[Path, Path]:
    """Write `stem`.crt and `stem`.key into `folder` (made with mode 0700). Both files are 0600.

    Raises BusyError when one of them is there already, unless it is to `replace` it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate, key = folder / f"{stem}.crt", folder / f"{stem}.key"
    with files.locked(folder / ".lock", f"the folder {folder}"):
        for path in () if replace else (certificate, key):
            if path.exists():
                raise BusyError(
                    "key-exists",
                    f"{path.name} is there already",
                    context=f"in {folder}",
                    hint="move it away first when it is really to be replaced; no key is overwritten",
                )
        files.write_atomic(key, pair.key, mode=0o600)
        files.write_atomic(certificate, pair.certificate, mode=0o600)
    return certificate, key


def load(folder: Path, stem: str) -> KeyedCertificate:
    """The pair that `save` wrote."""
    return KeyedCertificate(
        files.read_limited(folder / f"{stem}.crt", limits.PEM_SIZE, "certificate"),
        files.read_limited(folder / f"{stem}.key", limits.PEM_SIZE, "key"),
    )
