"""Signing keys: made once, private, never overwritten, and refused when they cannot sign."""

import datetime
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adamant.image import keys
from adamant.model.definition import KeyPair, PolicyKey
from adamant.model.errors import InputError

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
PAIR = KeyPair(key="secure-boot.key", certificate="secure-boot.crt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keys")
    previous = os.umask(0)
    try:
        keys.make_keys(made, "adamant", NOW)
        keys.make_policy_key(made)
    finally:
        os.umask(previous)
    return made


def refused(folder: Path, pair: KeyPair, now: datetime.datetime = NOW) -> str:
    with pytest.raises(InputError) as caught:
        keys.load_pair(pair, folder, now)
    return caught.value.reference


def test_all_keys_are_made_and_private_ones_are_for_their_owner_only(folder: Path) -> None:
    names = ["KEK", "PK", "modules", "secure-boot"]
    pairs = [f"{name}.{kind}" for name in names for kind in ("crt", "key")]
    assert sorted(p.name for p in folder.iterdir()) == sorted([*pairs, "pcr.key", "pcr.pub"])
    assert {p.name: p.stat().st_mode & 0o777 for p in folder.glob("*.key")} == {
        f"{name}.key": 0o600 for name in [*names, "pcr"]
    }


def test_a_certificate_names_the_product_and_lasts_ten_years(folder: Path) -> None:
    certificate = x509.load_pem_x509_certificate((folder / "secure-boot.crt").read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=adamant Secure Boot"
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == datetime.timedelta(days=3650)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign


def test_keys_are_never_overwritten(folder: Path) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(InputError, match="exists already"):
        keys.make_keys(folder, "adamant", NOW)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_one_file_that_is_there_stops_all(tmp_path: Path) -> None:
    (tmp_path / "modules.crt").write_text("mine")
    with pytest.raises(InputError):
        keys.make_keys(tmp_path, "adamant", NOW)
    assert [p.name for p in tmp_path.iterdir()] == ["modules.crt"]


def test_a_pair_that_fits_is_loaded(folder: Path) -> None:
    pair = keys.load_pair(PAIR, folder, NOW)
    assert pair.key == str(folder / "secure-boot.key")
    assert pair.module is None


def test_existing_files_are_taken_and_checked(folder: Path, tmp_path: Path) -> None:
    theirs = KeyPair(key=str(folder / "modules.key"), certificate=str(folder / "modules.crt"))
    taken = keys.take_pair(tmp_path / "new", keys.SECURE_BOOT, theirs, NOW)
    assert [p.name for p in taken] == ["secure-boot.key", "secure-boot.crt"]
    assert taken[0].stat().st_mode & 0o777 == 0o600
    with pytest.raises(InputError, match="exists already"):
        keys.take_pair(tmp_path / "new", keys.SECURE_BOOT, theirs, NOW)


def test_a_key_of_another_certificate_is_refused(folder: Path) -> None:
    assert refused(folder, KeyPair(key="modules.key", certificate="secure-boot.crt")) == "key-mismatch"


def test_an_expired_certificate_is_refused(folder: Path) -> None:
    assert refused(folder, PAIR, NOW + datetime.timedelta(days=3651)) == "certificate-expired"
    assert refused(folder, PAIR, NOW - datetime.timedelta(days=1)) == "certificate-expired"


def test_unreadable_files_are_named(folder: Path, tmp_path: Path) -> None:
    assert refused(folder, KeyPair(key="none.key", certificate="secure-boot.crt")) == "file-missing"
    assert refused(folder, KeyPair(key="secure-boot.key", certificate="none.crt")) == "file-missing"
    assert refused(folder, KeyPair(key="secure-boot.crt", certificate="secure-boot.crt")) == "key-malformed"
    assert refused(folder, KeyPair(key="secure-boot.key", certificate="secure-boot.key")) == "certificate-malformed"
    (tmp_path / "big").write_bytes(b"x" * (1 << 20))
    assert refused(tmp_path, KeyPair(key="big", certificate="big")) == "file-too-large"


def test_a_key_with_a_passphrase_is_refused_with_a_way_out(folder: Path) -> None:
    plain = serialization.load_pem_private_key((folder / "secure-boot.key").read_bytes(), None)
    locked = plain.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (folder.parent / "locked.key").write_bytes(locked)
    assert refused(folder, KeyPair(key="../locked.key", certificate="secure-boot.crt")) == "key-encrypted"


def test_a_key_that_firmware_cannot_check_is_refused(folder: Path) -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder.parent / "curve.key").write_bytes(curve)
    assert refused(folder, KeyPair(key="../curve.key", certificate="secure-boot.crt")) == "key-malformed"


def test_a_token_needs_its_module(folder: Path, tmp_path: Path) -> None:
    for uri in ("pkcs11:token=x", "pkcs11:token=x?module-path=relative.so", "pkcs11:?module-path=/nonexistent.so"):
        assert refused(folder, KeyPair(key=uri, certificate="secure-boot.crt")) == "pkcs11-module"
    module = tmp_path / "a b+c.so"
    module.write_bytes(b"")
    quoted = str(module).replace(" ", "%20")
    uri = f"pkcs11:token=x;object=y?pin-source=file:/pin&module-path={quoted}"
    assert keys.load_pair(KeyPair(key=uri, certificate="secure-boot.crt"), folder, NOW).module == module


def test_a_policy_key_is_loaded_with_its_own_public_key_and_no_other(folder: Path, tmp_path: Path) -> None:
    pair = PolicyKey(key="pcr.key", public="pcr.pub")
    key = keys.load_policy_key(pair, folder)
    assert key.key_size == keys.RSA_BITS
    assert keys.load_public(pair, folder) == (folder / "pcr.pub").read_bytes()
    keys.make_policy_key(tmp_path)
    with pytest.raises(InputError) as caught:
        keys.load_policy_key(PolicyKey(key=str(folder / "pcr.key"), public="pcr.pub"), tmp_path)
    assert caught.value.reference == "key-mismatch"
    with pytest.raises(InputError) as caught:
        keys.load_public(PolicyKey(key="pcr.key", public="secure-boot.crt"), folder)
    assert caught.value.reference == "key-malformed"
