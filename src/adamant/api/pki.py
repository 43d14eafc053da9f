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
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adamant.api.identity import NAME_PATTERN, Role, check_name
from adamant.core import files, limits
from adamant.model.errors import BusyError, InputError

AUTHORITY_DAYS = 3650
NODE_DAYS = 365
CLIENT_DAYS = 365
_BACKDATED = datetime.timedelta(days=1)
"""Certificates hold from a day before they were made, so that a machine whose clock is behind takes them."""
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class KeyedCertificate:
    """A certificate and its private key, both PEM."""

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
        .not_valid_before(now - _BACKDATED)
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


def _issue(
    authority: KeyedCertificate,
    subject: x509.Name,
    *,
    usage: x509.ObjectIdentifier,
    names: Sequence[x509.GeneralName],
    now: datetime.datetime,
    days: int,
) -> KeyedCertificate:
    ca, ca_key = _load(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(subject, ca.subject, key.public_key(), now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _pem(builder.sign(ca_key, hashes.SHA256()), key)


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        if not _HOST.fullmatch(text):
            raise InputError("node-name", f"neither an address nor a host name: {text[:80]!r}") from None
        return x509.DNSName(text)


def issue_node(
    authority: KeyedCertificate, names: Sequence[str], now: datetime.datetime, days: int = NODE_DAYS
) -> KeyedCertificate:
    """A certificate for a node. `names` are its host names and addresses, the first one its common name.

    localhost, 127.0.0.1 and ::1 are always among them: a machine on this computer is reached by a forwarded port.
    """
    if not names:
        raise InputError("node-name", "a node's certificate needs a name or an address")
    every = list(dict.fromkeys([*names, "localhost", "127.0.0.1", "::1"]))
    subject = _name(names[0] if re.fullmatch(NAME_PATTERN, names[0]) else "node")
    return _issue(
        authority,
        subject,
        usage=ExtendedKeyUsageOID.SERVER_AUTH,
        names=[_general_name(n) for n in every],
        now=now,
        days=days,
    )


def issue_client(
    authority: KeyedCertificate, name: str, role: Role, now: datetime.datetime, days: int = CLIENT_DAYS
) -> KeyedCertificate:
    """A certificate for the person or program `name` with `role`, which stands in its subject as O."""
    return _issue(
        authority, _name(check_name(name), role), usage=ExtendedKeyUsageOID.CLIENT_AUTH, names=[], now=now, days=days
    )


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate (PEM) in its DER form, as pairs of digits with colons."""
    try:
        digest = x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256())
    except ValueError as error:
        raise InputError("certificate-malformed", f"not a certificate: {error}") from error
    return digest.hex(":").upper()


def save(folder: Path, stem: str, pair: KeyedCertificate) -> tuple[Path, Path]:
    """Write `stem`.crt and `stem`.key into `folder` (made with mode 0700). Both files are 0600.

    Raises BusyError when one of them is there already.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate, key = folder / f"{stem}.crt", folder / f"{stem}.key"
    with files.locked(folder / ".lock", f"the folder {folder}"):
        for path in (certificate, key):
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
