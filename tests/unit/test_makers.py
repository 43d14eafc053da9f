"""The way from an endorsement key's certificate to a maker whom a person trusts, and where it ends."""

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from adamant.attestation import makers
from adamant.attestation.makers import Makers
from adamant.model import tpm
from adamant.model.errors import InputError, VerificationError
from tests.unit import quote_maker as maker

NOW = datetime(2026, 11, 29, tzinfo=UTC)
EK = ObjectIdentifier("2.23.133.8.1")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SHA256 = hashes.SHA256()
KEYS = [ec.generate_private_key(ec.SECP384R1()) for _ in range(3)]
ROOT, BETWEEN, OTHER = KEYS
EK_KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = maker.public(EK_KEY, tpm.ek_template())
AUTHORITY = (x509.BasicConstraints(ca=True, path_length=None), True)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def certificate(
    subject: str,
    key: Key,
    issuer: str,
    by: Key,
    *extensions: tuple[Any, bool],
    begin: datetime = NOW - timedelta(days=900),
    end: datetime = datetime(9999, 12, 31, tzinfo=UTC),
    digest: hashes.SHA256 | hashes.SHA224 = SHA256,
) -> Certificate:
    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).serial_number(7)
    builder = builder.not_valid_before(begin).not_valid_after(end).public_key(key.public_key())
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(by, digest)


def endorsed(by: Key = BETWEEN, *more: tuple[Any, bool], usage: ObjectIdentifier = EK, **times: Any) -> bytes:
    """A certificate as makers give it: no subject, the TPM's model in a critical extension."""
    model = x509.Name([x509.NameAttribute(ObjectIdentifier("2.23.133.2.1"), "id:49465800")])
    extensions = [(x509.SubjectAlternativeName([x509.DirectoryName(model)]), True), *more]
    extensions += [(x509.ExtendedKeyUsage([usage]), False)]
    return certificate("", EK_KEY, "between", by, *extensions, **times).public_bytes(Encoding.DER)


TRUSTED = certificate("root", ROOT, "root", ROOT, AUTHORITY)
FIRST = certificate("between", BETWEEN, "root", ROOT, AUTHORITY)
GOOD = endorsed()


def why(found: bytes, *between: Certificate, root: Certificate = TRUSTED, now: datetime = NOW) -> str:
    """Why the certificate does not count."""
    with pytest.raises(VerificationError) as caught:
        makers.verify(PUBLIC, found, Makers((root,), between), now)
    return f"{caught.value.reference} {caught.value.message} {caught.value.context}"


def test_a_certificate_leads_over_others_to_a_root() -> None:
    assert makers.verify(PUBLIC, GOOD, Makers((TRUSTED,), (FIRST,)), NOW) == "CN=root"
    direct = certificate("between", BETWEEN, "between", BETWEEN, AUTHORITY)
    assert makers.verify(PUBLIC, GOOD, Makers((direct,), ()), NOW) == "CN=between"
    longer = [
        certificate("between", BETWEEN, "more", OTHER, AUTHORITY),
        certificate("more", OTHER, "root", ROOT, AUTHORITY),
    ]
    assert makers.verify(PUBLIC, GOOD, Makers((TRUSTED,), tuple(longer)), NOW) == "CN=root"


def test_a_way_that_ends_is_told_by_its_end() -> None:
    assert "endorsement-untrusted" in why(GOOD)
    assert "its issuer is not among them: CN=between" in why(GOOD)
    assert "CN=between: it has not signed the certificate of the endorsement key" in why(endorsed(OTHER), FIRST)
    forged = certificate("between", BETWEEN, "root", OTHER, AUTHORITY)
    assert "CN=root: it has not signed CN=between" in why(GOOD, forged)
    assert "CN=between: it is of no authority" in why(GOOD, certificate("between", BETWEEN, "root", ROOT))
    signs = x509.KeyUsage(True, False, False, False, False, False, True, False, False)
    no_signer = certificate("between", BETWEEN, "root", ROOT, AUTHORITY, (signs, True))
    assert "CN=between: its key is not for certificates" in why(GOOD, no_signer)
    short = certificate("root", ROOT, "root", ROOT, (x509.BasicConstraints(ca=True, path_length=0), True))
    assert "CN=root: it allows 0 authorities below it, and there are 1" in why(GOOD, FIRST, root=short)
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    weak = certificate("between", small, "root", ROOT, AUTHORITY)
    assert "CN=between: its key has 1024 bits" in why(endorsed(small), weak)
    old = certificate("between", BETWEEN, "root", ROOT, AUTHORITY, digest=hashes.SHA224())
    assert "CN=root: it has signed by a hash that is not taken" in why(GOOD, old)
    names = x509.NameConstraints(permitted_subtrees=[x509.DirectoryName(name("a"))], excluded_subtrees=None)
    bound = certificate("between", BETWEEN, "root", ROOT, AUTHORITY, (names, True))
    assert "must be understood, and is not: 2.5.29.30" in why(GOOD, bound)


def test_a_circle_of_authorities_ends() -> None:
    one = certificate("between", BETWEEN, "more", OTHER, AUTHORITY)
    two = certificate("more", OTHER, "between", BETWEEN, AUTHORITY)
    assert "the way is longer than 6 certificates" in why(GOOD, one, two)


def test_no_certificate_counts_before_or_after_its_time() -> None:
    ended = NOW - timedelta(days=1)
    assert "valid from 2024-06-12 to 2026-11-28" in why(endorsed(end=ended), FIRST)
    old = certificate("between", BETWEEN, "root", ROOT, AUTHORITY, end=ended)
    assert "CN=between: it is valid from 2024-06-12 to 2026-11-28" in why(GOOD, old)
    assert "valid from" in why(GOOD, FIRST, now=NOW - timedelta(days=901))


def test_only_the_certificate_of_an_endorsement_key_of_a_tpm_counts() -> None:
    assert "does not say that it is of an endorsement key" in why(
        endorsed(usage=ExtendedKeyUsageOID.CLIENT_AUTH), FIRST
    )
    assert "it is of an authority" in why(endorsed(BETWEEN, AUTHORITY), FIRST)
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\5\0")
    assert "is not: 1.2.3" in why(endorsed(BETWEEN, (unknown, True)), FIRST)
    assert "endorsement-uncertified" in why(b"", FIRST)
    other = maker.public(ec.generate_private_key(ec.SECP256R1()), tpm.ek_template())
    with pytest.raises(VerificationError, match="another key"):
        makers.verify(other, GOOD, Makers((TRUSTED,), (FIRST,)), NOW)


def test_only_what_signs_itself_is_a_root(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "root.der").write_bytes(TRUSTED.public_bytes(Encoding.DER))
    pretends = certificate("root", OTHER, "root", ROOT, AUTHORITY)
    several = b"".join(each.public_bytes(Encoding.PEM) for each in (FIRST, pretends))
    (tmp_path / "several.pem").write_bytes(several)
    (tmp_path / "README").write_text("not one")
    found = makers.read(tmp_path)
    assert found == Makers((TRUSTED,), (FIRST, pretends))
    with pytest.raises(InputError, match="makers-missing"):
        makers.read(tmp_path / "several.pem")
    with pytest.raises(InputError, match="certificate-malformed"):
        makers.read(tmp_path / "README")


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=4)), max_size=4))
def test_whatever_a_tpm_holds_counts_or_is_a_named_error(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(GOOD)
    for at, piece in changes:
        data[at : at + len(piece)] = piece
    with contextlib.suppress(VerificationError):
        makers.verify(PUBLIC, bytes(data[: len(GOOD)]), Makers((TRUSTED,), (FIRST,)), NOW)
        assert data == GOOD
