"""Keys that sign images: made, read and checked.

A pair is a private key (a PEM file, or a `pkcs11:` URI of RFC 7512 whose key never leaves its token) and an X.509
certificate in PEM. Four pairs are made: one for Secure Boot (the boot loader and UKIs), one for kernel modules and
extensions, and the two that own a machine's firmware: PK, and KEK, which signs changes of db and dbx. A further key has
no certificate: it signs which measured boots may open an encrypted disk. Private keys are
readable by their owner only, and nothing is ever overwritten. Imports model and core.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adamant.core import files, limits
from adamant.model.definition import KeyPair, PolicyKey
from adamant.model.errors import InputError

SECURE_BOOT = "secure-boot"
MODULES = "modules"
PLATFORM = "PK"
EXCHANGE = "KEK"
PURPOSES: dict[str, str] = {
    SECURE_BOOT: "Secure Boot",
    MODULES: "kernel modules and extensions",
    PLATFORM: "platform key",
    EXCHANGE: "key exchange key",
}
PCR = "pcr"
"""The key that signs values of PCR 11."""
RSA_BITS = 2048
"""What every UEFI firmware can check (UEFI Specification 2.10, section 32.4.1, names RSA-2048 with SHA-256)."""
YEARS = 10
_PKCS11 = "pkcs11:"


@dataclass(frozen=True, slots=True)
class SigningPair:
    """A pair that is fit to sign: `key` is a path or a PKCS#11 URI, `certificate` a path (both absolute).

    `module` is the PKCS#11 module (a library) that the URI names, or None for a key in a file.
    """

    key: str
    certificate: Path
    module: Path | None = None


def key_path(folder: Path, purpose: str) -> Path:
    """Where the private key of `purpose` is in a folder of keys."""
    return folder / f"{purpose}.key"


def certificate_path(folder: Path, purpose: str) -> Path:
    """Where its certificate is."""
    return folder / f"{purpose}.crt"


def public_path(folder: Path) -> Path:
    """Where the public key is of the key without a certificate."""
    return folder / f"{PCR}.pub"


def make_keys(folder: Path, product: str, now: datetime.datetime, titles: Mapping[str, str] = PURPOSES) -> list[Path]:
    """Make a pair for each purpose of `titles` in `folder`, valid for ten years from `now` (with a time zone) on.

    A certificate names the `product` and the title. Returns the files written. Raises InputError file-exists before
    anything is made when one of them is there.
    """
    wanted = [path(folder, purpose) for purpose in titles for path in (key_path, certificate_path)]
    check_free(wanted)
    folder.mkdir(parents=True, exist_ok=True)
    for purpose, title in titles.items():
        key, certificate = _make_pair(f"{product} {title}", now)
        files.write_new(key_path(folder, purpose), key, 0o600)
        files.write_new(certificate_path(folder, purpose), certificate)
    return wanted


def make_policy_key(folder: Path) -> list[Path]:
    """Make the key that signs values of PCR 11 in `folder`.

    Returns the files written. Raises InputError file-exists.
    """
    wanted = [key_path(folder, PCR), public_path(folder)]
    check_free(wanted)
    folder.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    files.write_new(wanted[0], _private_pem(key), 0o600)
    files.write_new(wanted[1], _public_pem(key.public_key()))
    return wanted


def load_public(pair: PolicyKey, folder: Path) -> bytes:
    """The public key that a definition in `folder` names: SubjectPublicKeyInfo in PEM, as it goes into the UKI.

    Raises InputError: key-malformed, file-missing, file-unreadable.
    """
    path = folder / pair.public
    try:
        key = serialization.load_pem_public_key(files.read_limited(path, limits.PEM_SIZE, "public key"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("key-malformed", f"{path} is not a public key in PEM", context=str(error)) from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise InputError("key-malformed", f"{path} is not an RSA key, which policies of the TPM are signed with here")
    return _public_pem(key)


def load_policy_key(pair: PolicyKey, folder: Path) -> rsa.RSAPrivateKey:
    """The private key that a definition in `folder` names, which belongs to its public one.

    Raises InputError: key-malformed, key-encrypted, key-mismatch, file-missing, file-unreadable.
    """
    path = folder / pair.key
    key = _private(files.read_limited(path, limits.PEM_SIZE, "signing key"), path)
    if _public_pem(key.public_key()) != load_public(pair, folder):
        raise InputError("key-mismatch", f"the key {path} does not belong to {folder / pair.public}")
    return key


def _private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public_pem(key: rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def check_free(wanted: Iterable[Path]) -> None:
    """Raise InputError file-exists when one of the files `wanted` is there."""
    for path in wanted:
        if path.exists():
            raise InputError(
                "file-exists",
                f"{path} exists already, and is not overwritten",
                hint="name another folder, or move the old keys away: images signed with them need them",
            )


def take_pair(folder: Path, purpose: str, pair: KeyPair, now: datetime.datetime) -> list[Path]:
    """Copy an existing pair of PEM files (paths, or relative to the working folder) into `folder` for `purpose`.

    Returns the files written. Raises what `load_pair` raises, and InputError file-exists.
    """
    if pair.key.startswith(_PKCS11):
        raise InputError(
            "key-on-token",
            "a key on a token is not copied",
            hint="name its URI in the definition, under signing.secureBoot.key",
        )
    found = load_pair(pair, Path(), now)
    wanted = [key_path(folder, purpose), certificate_path(folder, purpose)]
    check_free(wanted)
    folder.mkdir(parents=True, exist_ok=True)
    files.write_new(key_path(folder, purpose), files.read_limited(Path(found.key), limits.PEM_SIZE, "key"), 0o600)
    data = files.read_limited(found.certificate, limits.PEM_SIZE, "certificate")
    files.write_new(certificate_path(folder, purpose), data)
    return wanted


def _make_pair(name: str, now: datetime.datetime) -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return _private_pem(key), certificate.public_bytes(serialization.Encoding.PEM)


def load_pair(pair: KeyPair, folder: Path, now: datetime.datetime) -> SigningPair:
    """The pair that a definition in `folder` names, checked at the time `now` (with a time zone).

    Raises InputError: certificate-malformed, certificate-expired, key-malformed, key-encrypted, key-mismatch,
    pkcs11-module, file-missing, file-unreadable.
    """
    path = folder / pair.certificate
    certificate = read_certificate(path)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise InputError(
            "certificate-expired",
            f"the certificate {path} is valid from {certificate.not_valid_before_utc:%Y-%m-%d}"
            f" to {certificate.not_valid_after_utc:%Y-%m-%d}",
            hint="make new keys with: adamant keys init DIR, and enrol them on the machines first",
        )
    if pair.key.startswith(_PKCS11):
        return SigningPair(pair.key, path.absolute(), _module(pair.key))
    key = folder / pair.key
    _check_key(files.read_limited(key, limits.PEM_SIZE, "signing key"), key, certificate)
    return SigningPair(str(key.absolute()), path.absolute())


def read_certificate(path: Path) -> x509.Certificate:
    """The certificate (PEM) at `path`. Raises InputError certificate-malformed, file-missing, file-unreadable."""
    try:
        return x509.load_pem_x509_certificate(files.read_limited(path, limits.PEM_SIZE, "certificate"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("certificate-malformed", f"{path} is not a certificate in PEM", context=str(error)) from error


def read_key(pair: SigningPair) -> rsa.RSAPrivateKey:
    """The private key of a checked pair whose key is in a file. Raises InputError key-on-token, and as `load_pair`."""
    if pair.module is not None:
        raise InputError("key-on-token", "changes of a firmware's variables are signed with a key in a file")
    path = Path(pair.key)
    return _check_key(
        files.read_limited(path, limits.PEM_SIZE, "signing key"), path, read_certificate(pair.certificate)
    )


def _check_key(data: bytes, path: Path, certificate: x509.Certificate) -> rsa.RSAPrivateKey:
    key = _private(data, path)
    public = certificate.public_key()
    if not isinstance(public, rsa.RSAPublicKey) or public.public_numbers() != key.public_key().public_numbers():
        raise InputError("key-mismatch", f"the key {path} does not belong to the certificate")
    return key


def _private(data: bytes, path: Path) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except TypeError as error:
        raise InputError(
            "key-encrypted",
            f"the key {path} needs a passphrase",
            hint="use a key without one in a protected place, or a token with a pkcs11: URI",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("key-malformed", f"{path} is not a private key in PEM", context=str(error)) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InputError("key-malformed", f"{path} is not an RSA key, which Secure Boot and the TPM need")
    return key


def _module(uri: str) -> Path:
    """The PKCS#11 module that a URI names with `module-path` (RFC 7512, section 2.4)."""
    _path, _mark, query = uri.partition("?")
    named = parse_qs(query.replace("+", "%2B")).get("module-path", [])
    module = Path(named[0]) if len(named) == 1 else None
    if module is None or not module.is_absolute() or not module.is_file():
        raise InputError(
            "pkcs11-module",
            "the PKCS#11 URI of the signing key names no module that is there",
            hint="add ?module-path=/usr/lib/.../library-of-the-token.so to the URI",
        )
    return module
