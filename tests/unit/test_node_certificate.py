"""The agent's reader of certificates: it sees what a real library sees, and takes any bytes without harm."""

import datetime
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from adamant.api import fingerprint, pki
from adamant.api.identity import Role
from adamant.model.errors import AdamantError, InputError
from adamant.node import certificate

NOW = datetime.datetime(2026, 6, 1, 12, 0, tzinfo=datetime.UTC)
CA = pki.make_authority("cluster", NOW)
MADE = [
    CA,
    pki.issue_node(CA, ["m1", "192.0.2.1"], NOW),
    pki.issue_client(CA, "mary", Role.ADMIN, NOW, days=1),
    pki.issue_node(CA, ["m1"], NOW.replace(year=2060)),  # its end is a GeneralizedTime
]
DER = certificate.blocks(MADE[1].certificate)[0][1]


@pytest.mark.parametrize("pair", MADE)
def test_it_says_what_a_library_says(pair: pki.KeyedCertificate) -> None:
    real = x509.load_pem_x509_certificate(pair.certificate)
    found = certificate.read_pem(pair.certificate)
    spki = real.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert found.not_after == int(real.not_valid_after_utc.timestamp())
    assert found.own == real.fingerprint(hashes.SHA256()).hex()
    assert found.key == fingerprint.of(spki)
    assert found.name == real.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"x",
        CA.key,
        CA.certificate + MADE[1].certificate,
        CA.certificate + CA.key,
        b"-----BEGIN CERTIFICATE-----\n=A==\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    ],
)
def test_a_file_that_is_not_one_certificate_is_refused(pem: bytes) -> None:
    with pytest.raises(AdamantError, match="certificate-unreadable"):
        certificate.read_pem(pem)


@pytest.mark.parametrize("cut", range(0, len(DER), 7))
def test_a_certificate_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(AdamantError, match="certificate-unreadable"):
        certificate.read(DER[:cut])


def _outcome(read: Callable[[], object]) -> str:
    """The reference of the error that `read` raises, or nothing."""
    try:
        read()
    except AdamantError as error:
        return error.reference
    return ""


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
@example(1, 0x80)
@example(5, 0x8F)
def test_a_changed_byte_is_an_error_with_a_name_or_another_certificate(at: int, value: int) -> None:
    changed = DER[:at] + bytes([value]) + DER[at + 1 :]
    if not _outcome(lambda: certificate.read(changed)):
        assert (certificate.read(changed).own == certificate.read(DER).own) is (changed == DER)
    assert _outcome(lambda: certificate.read(changed)) in {"", "certificate-unreadable"}


@given(st.binary(max_size=300))
def test_any_bytes_are_an_error_with_a_name(data: bytes) -> None:
    with pytest.raises(AdamantError, match="certificate-unreadable"):
        certificate.read(data)
    pem = b"-----BEGIN CERTIFICATE-----\n" + data + b"\n-----END CERTIFICATE-----\n"
    assert _outcome(lambda: certificate.blocks(pem)) in {"", "certificate-unreadable"}


@given(st.binary(max_size=50))
def test_a_fingerprint_is_read_as_it_is_shown(data: bytes) -> None:
    digest = fingerprint.of(data)
    shown = fingerprint.show(digest)
    assert len(shown) == 79
    pairs = ":".join(digest[at : at + 2] for at in range(0, 64, 2)).upper()
    for text in (shown, digest, pairs, f"SHA256:{shown}", f" {shown.replace(':', ' ')}\n", f"sha256 {shown.upper()}"):
        assert fingerprint.parse(text) == digest


@pytest.mark.parametrize("text", ["", "a", "ab" * 31, "ab" * 33, "ab" * 31 + "a", "xy" * 32, ":" * 64, "a:b" * 32])
def test_a_part_of_a_fingerprint_is_none(text: str) -> None:
    with pytest.raises(InputError, match="fingerprint-malformed"):
        fingerprint.parse(text)
