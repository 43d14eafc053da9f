"""A machine gives its firmware what its release carries: signed by its own keys, once, and only when it is time."""

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from adamant.image import enrolment, keys
from adamant.model import authenticated_variable, signature_list
from adamant.model.authenticated_variable import UPDATES, Variable
from adamant.model.errors import VerificationError
from adamant.node import efivars, firmware_keys, secure_boot
from tests.unit import image_maker as maker

NOW = datetime(2026, 11, 29, tzinfo=UTC)


class Firmware:
    """Variables in a folder, as efivarfs shows them; `write` adds, as SetVariable does with an append."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.writes = 0
        self.refuses = False
        (root / efivars.FOLDER).mkdir(parents=True)

    def put(self, name: str, vendor: str, value: bytes) -> None:
        (self.root / efivars.FOLDER / f"{name}-{vendor}").write_bytes(bytes(4) + value)

    def write(self, root: Path, name: str, vendor: str, attributes: int, value: bytes) -> None:
        assert (root, attributes) == (self.root, 0x67)
        if self.refuses:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        self.writes += 1
        self.put(name, vendor, efivars.read(root, name, vendor)[4:] + authenticated_variable.decode(value).payload)


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys, rotated once, with a revocation."""
    made = tmp_path_factory.mktemp("keys")
    keys.make_keys(made, "example", NOW)
    enrolment.make_variables(made, NOW)
    enrolment.rotate(made, "example", NOW)
    (made / "old.efi").write_bytes(maker.efi({".linux": b"old"}))
    enrolment.revoke(made, [made / "old.efi"], NOW)
    return made


@pytest.fixture
def firmware(owned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Firmware:
    """A machine that enforces the owner's keys, whose release carries all changes."""
    made = Firmware(tmp_path)
    for variable in enrolment.ENROLLED:
        made.put(variable.value, str(variable.vendor), (owned / "variables" / f"{variable.value}.esl").read_bytes())
    made.put("SecureBoot", efivars.GLOBAL, b"\1")
    monkeypatch.setattr(efivars, "write", made.write)
    (tmp_path / UPDATES).mkdir(parents=True)
    for path in (owned / "updates").iterdir():
        (tmp_path / UPDATES / path.name).write_bytes(path.read_bytes())
    return made


def test_what_a_release_carries_is_made_once(firmware: Firmware, owned: Path) -> None:
    assert secure_boot.main(firmware.root) == 0
    assert firmware.writes == 2
    der = x509.load_pem_x509_certificate((owned / "secure-boot-2.crt").read_bytes()).public_bytes(Encoding.DER)
    assert der in {entry.data for entry in firmware_keys.entries(firmware.root, Variable.DB)}
    assert firmware_keys.revoked(firmware.root) == {maker.authenticode((owned / "old.efi").read_bytes()).hex()}
    assert [(key.variable, key.name) for key in firmware_keys.trusted(firmware.root)] == [
        ("PK", "example platform key"),
        ("KEK", "example key exchange key"),
        ("db", "example Secure Boot"),
        ("db", "example Secure Boot 2"),
    ]
    assert secure_boot.main(firmware.root) == 0
    assert firmware.writes == 2


def test_nothing_is_handed_on_that_no_key_of_the_machine_has_signed(firmware: Firmware, tmp_path: Path) -> None:
    other = tmp_path / "other"
    keys.make_keys(other, "other", NOW)
    (other / "old.efi").write_bytes(maker.efi({".linux": b"old"}))
    path = enrolment.revoke(other, [other / "old.efi"], NOW)
    with pytest.raises(VerificationError, match="no owner"):
        secure_boot.apply(firmware.root, path.name, path.read_bytes())
    dbx = next((firmware.root / UPDATES).glob("*-dbx-*"))
    with pytest.raises(VerificationError, match="signature"):
        secure_boot.apply(firmware.root, dbx.name.replace("dbx", "db"), dbx.read_bytes())
    assert firmware.writes == 0


def test_a_machine_that_enforces_nothing_changes_nothing(firmware: Firmware) -> None:
    firmware.put("SecureBoot", efivars.GLOBAL, b"\0")
    assert secure_boot.main(firmware.root) == 0
    assert firmware.writes == 0


def test_a_refusal_of_the_firmware_is_told(firmware: Firmware, capsys: pytest.CaptureFixture[str]) -> None:
    firmware.refuses = True
    assert secure_boot.main(firmware.root) == 1
    assert "Permission denied" in capsys.readouterr().err


def test_variables_that_cannot_be_read_name_no_keys(firmware: Firmware) -> None:
    for variable in Variable:
        firmware.put(variable.value, str(variable.vendor), b"noise" * 9)
    assert list(firmware_keys.trusted(firmware.root)) == []
    assert firmware_keys.revoked(firmware.root) == frozenset()
    firmware.put("PK", str(Variable.PK.vendor), signature_list.encode([signature_list.certificate(b"none")]))
    assert [key.name for key in firmware_keys.trusted(firmware.root)] == ["not a certificate"]
