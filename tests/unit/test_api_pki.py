"""Keys: what is made can do what it is for, and nothing is overwritten."""

import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adamant.api import pki
from adamant.api.identity import Role, parse_subject
from adamant.model.errors import BusyError, InputError

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


def test_certificates_hold_from_the_day_before_for_as_long_as_asked(authority: pki.KeyedCertificate) -> None:
    certificate = _parse(pki.issue_client(authority, "mary", Role.READER, NOW, days=7))
    day = datetime.timedelta(days=1)
    assert certificate.not_valid_before_utc == NOW - day
    assert certificate.not_valid_after_utc == NOW + 7 * day


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


def test_a_fingerprint_is_that_of_the_certificate(authority: pki.KeyedCertificate) -> None:
    shown = pki.fingerprint(authority.certificate)
    assert len(shown) == 95
    assert shown != pki.fingerprint(pki.make_authority("cluster", NOW).certificate)
