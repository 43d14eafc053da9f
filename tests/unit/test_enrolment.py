"""An owner's keys: what is written for firmware is signed by who may, for one variable, and says the same each time."""

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import rsa, variable_change
from adamant.image import enrolment, esp, keys
from adamant.model import authenticated_variable, measured, signature_list
from adamant.model.arch import Arch
from adamant.model.authenticated_variable import Change, Variable
from adamant.model.definition import EnrollOn
from adamant.model.errors import InputError, VerificationError
from adamant.model.signature_list import Signature
from tests.unit import image_maker as maker

NOW = datetime(2026, 11, 29, 1, 2, 3, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keys")
    keys.make_keys(made, "example", NOW)
    enrolment.make_variables(made, NOW)
    return made


def der(folder: Path, name: str) -> bytes:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes()).public_bytes(Encoding.DER)


def signer(folder: Path, name: str) -> list[Signature]:
    return [signature_list.certificate(der(folder, name))]


def uki(folder: Path, name: str, line: bytes) -> Path:
    made = folder / name
    made.write_bytes(maker.efi({".linux": b"kernel", ".cmdline": line}))
    return made


def test_each_variable_is_signed_by_the_key_that_owns_it(folder: Path) -> None:
    for variable, by in ((Variable.PK, "PK"), (Variable.KEK, "PK"), (Variable.DB, "KEK")):
        data = (folder / "variables" / f"{variable.value}.auth").read_bytes()
        change = variable_change.verify(variable, data, signer(folder, by), append=False)
        assert change.payload == (folder / "variables" / f"{variable.value}.esl").read_bytes()
        assert change.time == NOW
        assert authenticated_variable.encode(change) == data
        with pytest.raises(VerificationError, match="no owner"):
            variable_change.verify(variable, data, signer(folder, "secure-boot"), append=False)
    assert (folder / "variables" / "db.der").read_bytes() == der(folder, "secure-boot")


def test_a_change_is_good_for_one_variable_and_one_way_alone(folder: Path) -> None:
    data = (folder / "variables" / "KEK.auth").read_bytes()
    for variable, append in ((Variable.PK, False), (Variable.DB, False), (Variable.KEK, True)):
        with pytest.raises(VerificationError, match="signature"):
            variable_change.verify(variable, data, signer(folder, "PK"), append=append)


def test_equal_keys_and_times_give_equal_bytes(folder: Path) -> None:
    again = enrolment.make_variables(folder, NOW)
    assert again[0].parent.name == "variables-2"
    for path in again:
        assert path.read_bytes() == (folder / "variables" / path.name).read_bytes(), path.name
        path.unlink()
    again[0].parent.rmdir()


def test_certificates_of_others_are_trusted_when_the_owner_gives_them(folder: Path, tmp_path: Path) -> None:
    keys.make_keys(tmp_path, "example", NOW)
    (tmp_path / "rom.der").write_bytes(der(folder, "modules"))
    enrolment.make_variables(tmp_path, NOW, [tmp_path / "rom.der", folder / "KEK.crt"])
    found = signature_list.decode((tmp_path / "variables" / "db.esl").read_bytes())
    assert [entry.data for entry in found] == [der(tmp_path, "secure-boot"), der(folder, "modules"), der(folder, "KEK")]
    with pytest.raises(InputError, match="no certificate"):
        enrolment.make_variables(tmp_path, NOW, [tmp_path / "secure-boot.key"])


def test_a_rotation_adds_a_key_and_leaves_the_old_one_trusted(tmp_path: Path) -> None:
    keys.make_keys(tmp_path, "example", NOW)
    enrolment.make_variables(tmp_path, NOW)
    for number in (2, 3):
        written = enrolment.rotate(tmp_path, "example", NOW + timedelta(days=number))
        change = next(path for path in written if path.parent.name == "updates")
        assert authenticated_variable.variable_of(change.name) is Variable.DB
        made = variable_change.verify(Variable.DB, change.read_bytes(), signer(tmp_path, "KEK"), append=True)
        name = f"secure-boot-{number}"
        assert signature_list.decode(made.payload) == tuple(signer(tmp_path, name))
        both = signature_list.decode((tmp_path / f"variables-{number}" / "db.esl").read_bytes())
        assert both[0].data == der(tmp_path, "secure-boot")
        assert both[-1].data == der(tmp_path, name)
        assert len(both) == number


def test_a_rotation_keeps_the_certificates_of_others(folder: Path, tmp_path: Path) -> None:
    keys.make_keys(tmp_path, "example", NOW)
    enrolment.make_variables(tmp_path, NOW, [folder / "modules.crt"])
    for number in (2, 3):
        enrolment.rotate(tmp_path, "example", NOW + timedelta(days=number))
        found = signature_list.decode((tmp_path / f"variables-{number}" / "db.esl").read_bytes())
        own = [der(tmp_path, f"secure-boot-{later}") for later in range(2, number + 1)]
        assert [entry.data for entry in found] == [der(tmp_path, "secure-boot"), der(folder, "modules"), *own]


def test_retiring_names_all_keys_but_the_newest_and_keeps_the_certificates_of_others(
    folder: Path, tmp_path: Path
) -> None:
    keys.make_keys(tmp_path, "example", NOW)
    enrolment.make_variables(tmp_path, NOW, [folder / "modules.crt"])
    with pytest.raises(InputError, match="one Secure Boot key"):
        enrolment.retire(tmp_path, LATER)
    old = [der(tmp_path, "secure-boot")]
    for number in (2, 3):
        enrolment.rotate(tmp_path, "example", NOW + timedelta(days=number))
        change, *variables = enrolment.retire(tmp_path, NOW + timedelta(days=number, hours=1))
        assert retired_by(change, tmp_path) == old
        db = signature_list.decode(next(path for path in variables if path.name == "db.esl").read_bytes())
        assert [entry.data for entry in db] == [der(tmp_path, f"secure-boot-{number}"), der(folder, "modules")]
        enrolment.read_enrolled(variables[0].parent, tmp_path / f"secure-boot-{number}.crt")
        with pytest.raises(InputError, match="does not trust"):
            enrolment.read_enrolled(variables[0].parent, tmp_path / "secure-boot.crt")
        old.append(der(tmp_path, f"secure-boot-{number}"))


def retired_by(change: Path, folder: Path) -> list[bytes]:
    """The certificates that the change adds to dbx, which KEK has signed."""
    made = variable_change.verify(Variable.DBX, change.read_bytes(), signer(folder, "KEK"), append=True)
    entries = signature_list.decode(made.payload)
    assert {entry.kind for entry in entries} == {signature_list.X509}
    return [entry.data for entry in entries]


def test_a_release_does_not_retire_the_key_that_signs_it(tmp_path: Path) -> None:
    keys.make_keys(tmp_path, "example", NOW)
    enrolment.make_variables(tmp_path, NOW)
    enrolment.rotate(tmp_path, "example", NOW)
    change, *_ = enrolment.retire(tmp_path, LATER)
    updates = enrolment.read_updates([change, *(tmp_path / "updates").glob("*-db-*")])
    made = uki(tmp_path, "a.efi", b"one")
    enrolment.check_updates(updates, made, tmp_path / "secure-boot-2.crt")
    with pytest.raises(InputError, match="revokes the key that signs its release") as caught:
        enrolment.check_updates(updates, made, tmp_path / "secure-boot.crt")
    assert caught.value.reference == "update-revokes-itself"


def test_a_revocation_names_the_programs_signed_or_not(folder: Path, tmp_path: Path) -> None:
    first, second = uki(tmp_path, "a.efi", b"one"), uki(tmp_path, "b.efi", b"two")
    written = enrolment.revoke(folder, [first, second], LATER)
    assert written.name == "20261130010203-dbx-append.auth"
    change = variable_change.verify(Variable.DBX, written.read_bytes(), signer(folder, "KEK"), append=True)
    assert [entry.kind for entry in signature_list.decode(change.payload)] == [signature_list.SHA256] * 2
    updates = enrolment.read_updates([written])
    enrolment.check_updates(updates, uki(tmp_path, "c.efi", b"three"), folder / "secure-boot.crt")
    for revoked in (first, second):
        with pytest.raises(InputError, match="revokes the release that carries it"):
            enrolment.check_updates(updates, revoked, None)
    with pytest.raises(InputError, match="exists already"):
        enrolment.revoke(folder, [first], LATER)


def test_only_ukis_are_revoked(folder: Path, tmp_path: Path) -> None:
    loader = tmp_path / "loader.efi"
    loader.write_bytes(maker.efi({".text": b"loader"}))
    with pytest.raises(InputError, match="no UKI"):
        enrolment.revoke(folder, [loader], LATER)
    with pytest.raises(InputError, match="holds no UKI, or several"):
        enrolment.revoke(folder, [folder], LATER)


def test_an_image_enrols_only_what_lets_it_start(folder: Path, tmp_path: Path) -> None:
    variables = folder / "variables"
    assert set(enrolment.read_enrolled(variables, folder / "secure-boot.crt")) == {"PK.auth", "KEK.auth", "db.auth"}
    with pytest.raises(InputError, match="must be signed"):
        enrolment.read_enrolled(variables, None)
    with pytest.raises(InputError, match="does not trust"):
        enrolment.read_enrolled(variables, folder / "modules.crt")
    for name in ("PK", "KEK", "db"):
        (tmp_path / f"{name}.auth").write_bytes((variables / f"{name}.auth").read_bytes())
    (tmp_path / "db.auth").write_bytes((variables / "KEK.auth").read_bytes())
    with pytest.raises(VerificationError, match="signature"):
        enrolment.read_enrolled(tmp_path, folder / "secure-boot.crt")


def test_what_a_tpm_measures_of_enrolled_keys_is_known_before_and_after_each_change(tmp_path: Path) -> None:
    keys.make_keys(tmp_path, "example", NOW)
    enrolment.make_variables(tmp_path, NOW)
    add = next(path for path in enrolment.rotate(tmp_path, "example", LATER) if path.parent.name == "updates")
    end = enrolment.revoke(tmp_path, [uki(tmp_path, "a.efi", b"one")], LATER)
    updates = enrolment.read_updates([end, add])

    def states(variables: str, pair: str) -> list[measured.MeasuredKeys]:
        trusted = tmp_path / f"{pair}.crt"
        enrolled = enrolment.read_enrolled(tmp_path / variables, trusted)
        return list(enrolment.measured_keys(enrolled, updates, trusted))

    enrolled, added, revoked = states("variables", "secure-boot")
    assert [state.changes for state in (enrolled, added, revoked)] == [0, 1, 2], "in the order of their names"
    assert [each.name for each in enrolled.variables] == ["SecureBoot", "PK", "KEK", "db", "dbx"]
    assert enrolled.variables[:3] == added.variables[:3] == revoked.variables[:3]
    assert enrolled.variables[3] != added.variables[3] == revoked.variables[3]
    assert enrolled.variables[4] == added.variables[4] != revoked.variables[4]
    assert len({state.pcr for state in (enrolled, added, revoked)}) == 3
    both, ended = states("variables-2", "secure-boot-2")
    assert (both.changes, ended.changes) == (0, 2), "the key is there already, and machines pass its change over"
    assert (both.variables, ended.variables) == (added.variables, revoked.variables)
    assert both.authority != enrolled.authority


@pytest.mark.parametrize(("on", "word"), [(EnrollOn.VIRTUAL, "if-safe"), (EnrollOn.ANY, "force"), (None, "off")])
def test_the_boot_loader_is_told_what_to_enrol_and_lets_nobody_edit(
    folder: Path, tmp_path: Path, on: EnrollOn | None, word: str
) -> None:
    variables = enrolment.read_enrolled(folder / "variables", folder / "secure-boot.crt")
    told = esp.Enrolment(variables, on) if on else None
    found = esp.contents(Arch.AMD64, "example_1", tmp_path / "loader", tmp_path / "uki", tmp_path, told)
    lines = found["loader/loader.conf"].read_text().splitlines()
    assert "editor no" in lines
    assert f"secure-boot-enroll {word}" in lines
    keys_there = {path: file.read_bytes() for path, file in found.items() if path.startswith("loader/keys/")}
    assert keys_there == ({f"loader/keys/auto/{name}": data for name, data in variables.items()} if on else {})


def test_files_of_changes_have_names_that_say_what_they_do() -> None:
    assert authenticated_variable.file_name(Variable.DBX, NOW) == "20261129010203-dbx-append.auth"
    for name in (
        "20261129010203-PK-append.auth",
        "20261129010203-KEK-append.auth",
        "x-dbx-append.auth",
        "20261129010203-dbx-replace.auth",
        "",
    ):
        with pytest.raises(VerificationError, match="is not the name"):
            authenticated_variable.variable_of(name)


@given(st.binary(max_size=128), st.datetimes(), st.binary(min_size=1, max_size=40), st.binary(max_size=40))
def test_foreign_changes_are_read_or_a_named_error(noise: bytes, time: datetime, pkcs: bytes, payload: bytes) -> None:
    made = Change(time.replace(microsecond=0, tzinfo=UTC), pkcs, payload)
    whole = authenticated_variable.encode(made)
    assert authenticated_variable.decode(whole) == made
    for data in (noise, whole[: len(noise)], noise + whole, whole[:20] + noise + whole[20:]):
        with contextlib.suppress(VerificationError):
            authenticated_variable.decode(data)


@given(noise=st.binary(max_size=64), at=st.integers(0, 1200))
def test_who_has_not_signed_has_not_whatever_the_bytes_are(folder: Path, noise: bytes, at: int) -> None:
    data = (folder / "variables" / "PK.auth").read_bytes()
    change = authenticated_variable.decode(data)
    for pkcs in (noise, change.pkcs7[:at] + noise, noise + change.pkcs7, change.pkcs7[:at] + noise + change.pkcs7[at:]):
        changed = authenticated_variable.encode(change._replace(pkcs7=pkcs + b"\0"))
        foreign = authenticated_variable.encode(change._replace(pkcs7=pkcs or b"x", payload=change.payload + b"x"))
        for found in (changed, foreign):
            with pytest.raises(VerificationError, match="variable-update-signature"):
                variable_change.verify(Variable.PK, found, signer(folder, "PK"), append=False)
    with pytest.raises(VerificationError, match="variable-update-signature"):
        variable_change.verify(Variable.PK, data, [signature_list.certificate(noise or b"x")], append=False)


@given(st.binary(max_size=200), st.integers(0, 900))
def test_a_key_is_read_from_any_bytes_or_they_are_refused(folder: Path, noise: bytes, at: int) -> None:
    whole = der(folder, "PK")
    for data in (noise, whole[:at], whole[:at] + noise + whole[at:]):
        with contextlib.suppress(ValueError):
            assert rsa.public_key(data).size in range(256, 1025)


def test_signatures_are_those_of_a_library(folder: Path) -> None:
    key = serialization.load_pem_private_key((folder / "PK.key").read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    public = rsa.public_key(der(folder, "PK"))
    assert public == (key.public_key().public_numbers().n, key.public_key().public_numbers().e)
    good = key.sign(b"message", padding.PKCS1v15(), hashes.SHA256())
    assert rsa.has_signed(public, b"message", good)
    assert not rsa.has_signed(public, b"massage", good)
    assert not rsa.has_signed(public, b"message", key.sign(b"message", padding.PKCS1v15(), hashes.SHA512()))
    assert not rsa.has_signed(public, b"message", b"\0" + good)
    assert not rsa.has_signed(public, b"message", (int.from_bytes(good) + public.modulus).to_bytes(257)[-256:])
    assert not rsa.has_signed(public, b"message", bytes(256))
