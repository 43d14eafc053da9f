"""Keys: what is made can do what it is for, and nothing is overwritten."""

import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adamant.api import fingerprint, pki
from adamant.api.identity import Role, parse_subject
from adamant.model.errors import BusyError, InputError, VerificationError

NOW = datetime.datetime(2026, 6, 1, 12, 0, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def authority() -> pki.KeyedCertificate:
    return pki.make_authority("cluster", NOW)


def _parse(pair: pki.KeyedCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def test_the_authority_signs_certificates_but_no_other_authority(authority: pki.KeyedCertificate) -> None:
    extensions = _parse(authority).extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_a_node_is_known_by_its_names_and_as_this_computer(authority: pki.KeyedCertificate) -> None:
    certificate = _parse(pki.issue_node(authority, ["m1.example", "192.0.2.7"], NOW))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["m1.example", "localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7", "127.0.0.1", "::1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


@pytest.mark.parametrize("role", list(Role))
def test_a_client_has_its_role_where_the_agent_reads_it(authority: pki.KeyedCertificate, role: Role) -> None:
    certificate = _parse(pki.issue_client(authority, "mary@example", role, NOW))
    identity = parse_subject(certificate.subject.rfc4514_string())
    assert identity is not None
    assert (identity.name, identity.role) == ("mary@example", role)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_node_has_no_role(authority: pki.KeyedCertificate) -> None:
    certificate = _parse(pki.issue_node(authority, ["m1"], NOW))
    assert not certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)


def test_certificates_end_when_asked_and_hold_for_a_clock_that_was_lost(authority: pki.KeyedCertificate) -> None:
    certificate = _parse(pki.issue_client(authority, "mary", Role.READER, NOW, days=7))
    assert certificate.not_valid_before_utc.timestamp() == 0
    assert certificate.not_valid_after_utc == NOW + datetime.timedelta(days=7)


@pytest.mark.parametrize("name", ["", "a b", "a,O=admin", "a\n", "-a", "ä", "a" * 65, "a+b", "a/b"])
def test_a_name_that_a_subject_could_not_hold_is_refused(authority: pki.KeyedCertificate, name: str) -> None:
    with pytest.raises(InputError, match="client-name"):
        pki.issue_client(authority, name, Role.READER, NOW)


@pytest.mark.parametrize("name", ["", "a b", "-a", "a..b", "a" * 64, "*.example", "ä"])
def test_what_is_no_host_is_refused_for_a_node(authority: pki.KeyedCertificate, name: str) -> None:
    with pytest.raises(InputError, match="node-name"):
        pki.issue_node(authority, [name], NOW)


def test_an_authority_whose_halves_differ_is_refused(authority: pki.KeyedCertificate) -> None:
    other = pki.make_authority("other", NOW)
    with pytest.raises(InputError, match="authority-malformed"):
        pki.issue_client(pki.KeyedCertificate(authority.certificate, other.key), "mary", Role.READER, NOW)


@pytest.mark.parametrize("data", [b"", b"no key", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_an_authority_that_is_none_is_an_error_with_a_name(authority: pki.KeyedCertificate, data: bytes) -> None:
    with pytest.raises(InputError, match="authority-malformed"):
        pki.issue_client(pki.KeyedCertificate(data, authority.key), "mary", Role.READER, NOW)
    with pytest.raises(InputError, match="authority-malformed"):
        pki.issue_client(pki.KeyedCertificate(authority.certificate, data), "mary", Role.READER, NOW)


def test_key_files_are_for_their_owner_alone(authority: pki.KeyedCertificate, tmp_path: Path) -> None:
    for path in pki.save(tmp_path / "keys", "ca", authority):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert pki.load(tmp_path / "keys", "ca") == authority


@pytest.mark.parametrize("left", ["ca.crt", "ca.key"])
def test_no_key_is_overwritten(authority: pki.KeyedCertificate, tmp_path: Path, left: str) -> None:
    (tmp_path / left).write_bytes(b"mine")
    with pytest.raises(BusyError, match="key-exists"):
        pki.save(tmp_path, "ca", authority)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != ".lock") == [left]
    assert (tmp_path / left).read_bytes() == b"mine"


def test_the_facts_of_a_certificate_are_what_it_says(authority: pki.KeyedCertificate) -> None:
    node = pki.facts(pki.issue_node(authority, ["m1", "192.0.2.7"], NOW).certificate)
    assert (node.kind, node.name, node.role) == ("node", "m1", None)
    assert node.names == ("m1", "192.0.2.7", "localhost", "127.0.0.1", "::1")
    client = pki.facts(pki.issue_client(authority, "mary", Role.READER, NOW, days=3).certificate)
    assert (client.kind, client.name, client.role) == ("client", "mary", Role.READER)
    assert client.ends == NOW + datetime.timedelta(days=3)
    assert pki.facts(authority.certificate).kind == "ca"
    with pytest.raises(InputError, match="certificate-malformed"):
        pki.facts(b"no certificate")


def test_a_key_with_a_passphrase_opens_with_that_alone(authority: pki.KeyedCertificate) -> None:
    closed = pki.encrypt(authority, b"open sesame")
    assert pki.is_encrypted(closed.key)
    assert not pki.is_encrypted(authority.key)
    assert _parse(pki.decrypt(closed, b"open sesame")) == _parse(authority)
    with pytest.raises(VerificationError, match="passphrase-wrong"):
        pki.decrypt(closed, b"open barley")
    with pytest.raises(InputError, match="authority-malformed"):
        pki.issue_client(closed, "mary", Role.READER, NOW)


def _request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> x509.CertificateSigningRequest:
    names = x509.SubjectAlternativeName([x509.DNSName("bank.example")])
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "root"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "admin")]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(name).add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256())


def _pem_of(request: x509.CertificateSigningRequest) -> bytes:
    return request.public_bytes(serialization.Encoding.PEM)


def _fingerprint(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> fingerprint.Fingerprint:
    public = key.public_key()
    return fingerprint.of(
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def test_a_request_gives_its_key_and_nothing_else(authority: pki.KeyedCertificate) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signed = pki.sign_node(authority, _pem_of(_request(key)), _fingerprint(key), ["m1"], NOW)
    facts = pki.facts(signed)
    assert (facts.kind, facts.name, facts.role) == ("node", "m1", None)
    assert "bank.example" not in facts.names
    assert x509.load_pem_x509_certificate(signed).public_key() == key.public_key()


def test_a_request_for_another_key_is_refused(authority: pki.KeyedCertificate) -> None:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    with pytest.raises(VerificationError, match="request-other-key"):
        pki.sign_node(authority, _pem_of(_request(key)), _fingerprint(other), ["m1"], NOW)


def test_a_request_that_its_key_did_not_sign_is_refused(authority: pki.KeyedCertificate) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = bytearray(_request(key).public_bytes(serialization.Encoding.DER))
    der[der.index(b"bank")] ^= 1
    damaged = _pem_of(x509.load_der_x509_csr(bytes(der)))
    with pytest.raises(VerificationError, match="request-malformed"):
        pki.sign_node(authority, damaged, _fingerprint(key), ["m1"], NOW)


@pytest.mark.parametrize(
    "request_",
    [b"", b"x" * 5000, b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"],
)
def test_what_is_no_request_is_refused(authority: pki.KeyedCertificate, request_: bytes) -> None:
    with pytest.raises(VerificationError, match="request-malformed"):
        pki.sign_node(authority, request_, fingerprint.of(b""), ["m1"], NOW)


@pytest.mark.parametrize("kind", ["rsa", "p384"])
def test_a_request_for_a_key_of_another_kind_is_refused(authority: pki.KeyedCertificate, kind: str) -> None:
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(VerificationError, match="request-malformed"):
        pki.sign_node(authority, _pem_of(_request(key)), _fingerprint(key), ["m1"], NOW)
