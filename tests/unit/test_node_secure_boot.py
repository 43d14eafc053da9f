"""A machine gives its firmware what its release carries: signed by its own keys, once, and only when it is time."""

from pathlib import Path

import pytest

from adamant.core import limits
from adamant.image import enrolment, keys
from adamant.model import signature_list
from adamant.model.authenticated_variable import UPDATES, Variable
from adamant.model.errors import BusyError, VerificationError
from adamant.node import efivars, firmware_keys, secure_boot
from adamant.node.update import state
from adamant.node.update.run import Host, Update
from tests.unit import image_maker as maker
from tests.unit import owned_machine
from tests.unit.owned_machine import ADDED, FIRST, NEW, NOW, OLD, RETIRED, REVOKED, SECOND, Firmware, Machine


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return owned_machine.owner(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def machine(owned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Its release carries no changes yet."""
    made = Machine(tmp_path, owned, monkeypatch)
    (tmp_path / firmware_keys.WAITING).parent.mkdir(parents=True)
    return made


@pytest.fixture
def firmware(machine: Machine, owned: Path) -> Firmware:
    """That of a machine which trusts the first key alone, and whose release, signed by it, brings the second one."""
    machine.firmware.put("db", str(Variable.DB.vendor), (owned / "variables" / "db.esl").read_bytes())
    machine.release(OLD)
    machine.carry(ADDED, REVOKED)
    return machine.firmware


def run(root: Path) -> int:
    return secure_boot.main(root, mount=lambda: None)


def test_what_a_release_carries_is_made_once(firmware: Firmware, owned: Path) -> None:
    assert run(firmware.root) == 0
    assert firmware.writes == 2
    der = owned_machine.certificate(owned, NEW)
    assert der in {entry.data for entry in firmware_keys.entries(firmware.root, Variable.DB)}
    assert firmware_keys.revoked(firmware.root) == {maker.authenticode((owned / "old.efi").read_bytes()).hex()}
    assert [(key.variable, key.name) for key in firmware_keys.keys(firmware.root)] == [
        ("PK", "example platform key"),
        ("KEK", "example key exchange key"),
        ("db", "example Secure Boot"),
        ("db", "example Secure Boot 2"),
    ]
    assert run(firmware.root) == 0
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
    assert run(firmware.root) == 0
    assert firmware.writes == 0


def test_a_refusal_of_the_firmware_is_told(firmware: Firmware, capsys: pytest.CaptureFixture[str]) -> None:
    firmware.refuses = True
    assert run(firmware.root) == 1
    assert "Permission denied" in capsys.readouterr().err


def test_variables_that_cannot_be_read_name_no_keys(firmware: Firmware) -> None:
    for variable in Variable:
        firmware.put(variable.value, str(variable.vendor), b"noise" * 9)
    assert list(firmware_keys.keys(firmware.root)) == []
    assert firmware_keys.revoked(firmware.root) == frozenset()
    firmware.put("PK", str(Variable.PK.vendor), signature_list.encode([signature_list.certificate(b"none")]))
    assert [key.name for key in firmware_keys.keys(firmware.root)] == ["not a certificate"]


def test_a_key_is_retired_once_the_loader_of_the_release_is_there(machine: Machine) -> None:
    machine.carry(RETIRED)
    assert run(machine.root) == 0
    assert machine.read(FIRST) == machine.read(SECOND) == machine.loader
    assert [(key.variable, key.name) for key in firmware_keys.keys(machine.root)][-1] == ("dbx", "example Secure Boot")
    assert firmware_keys.waiting(machine.root) == []
    assert run(machine.root) == 0
    assert machine.firmware.writes == 1


def retired(machine: Machine) -> bool:
    return bool(firmware_keys.entries(machine.root, Variable.DBX))


def test_a_key_is_not_retired_by_a_release_that_it_has_signed(machine: Machine) -> None:
    machine.release(OLD)
    machine.carry(RETIRED)
    assert run(machine.root) == 1
    assert not retired(machine)
    (why,) = firmware_keys.waiting(machine.root)
    assert "20261130000000-dbx-append.auth" in why
    assert f"{FIRST} is signed by no other key" in why
    assert machine.read(FIRST) == machine.loader, "its loader is the release's all the same"


@pytest.mark.parametrize("name", [FIRST, SECOND])
@pytest.mark.parametrize("what", ["of the old key", "unsigned", "torn", "empty", "too large"])
def test_a_key_is_not_retired_while_a_name_of_the_loader_needs_it_or_is_not_whole(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    """The new loader came to one name only, as on an ESP that is full."""
    machine.carry(RETIRED)
    for each in (FIRST, SECOND):
        machine.put(each, machine.loader)
    contents = {
        "of the old key": machine.before,
        "unsigned": owned_machine.loader("2"),
        "torn": machine.loader[:-100],
        "empty": b"",
        "too large": machine.loader + bytes(limits.BOOT_LOADER_SIZE),
    }
    machine.put(name, contents[what])
    monkeypatch.setattr("adamant.node.boot_loader.bring", lambda _root: [])
    assert run(machine.root) == 1
    assert not retired(machine)
    assert name in firmware_keys.waiting(machine.root)[0]


def test_a_key_is_not_retired_while_the_running_uki_needs_it(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.release(OLD, of_loader=NEW)
    machine.carry(RETIRED)
    assert run(machine.root) == 1
    assert not retired(machine)
    assert "host_2.efi is signed by no other key" in firmware_keys.waiting(machine.root)[0]


def test_a_key_is_not_retired_when_its_loader_did_not_come_and_the_reasons_are_told(machine: Machine) -> None:
    machine.release(NEW, of_loader="modules")
    machine.carry(ADDED, REVOKED, RETIRED)
    assert run(machine.root) == 1
    assert machine.read(FIRST) == machine.read(SECOND) == machine.before
    loader, change = firmware_keys.waiting(machine.root)
    assert "boot loader of this release was not brought" in loader
    assert "20261130000000-dbx-append.auth" in change
    assert len(firmware_keys.revoked(machine.root)) == 1, "what only adds to what is refused was made"
    machine.release(NEW)
    assert run(machine.root) == 0
    assert retired(machine)
    assert firmware_keys.waiting(machine.root) == []


def test_a_loader_that_db_does_not_trust_is_told_and_is_no_failure(machine: Machine) -> None:
    """As with a db that has the issuer of the certificate only."""
    machine.release(NEW, of_loader="modules")
    assert run(machine.root) == 0
    assert machine.read(FIRST) == machine.read(SECOND) == machine.before
    (told,) = firmware_keys.waiting(machine.root)
    assert "boot loader of this release was not brought" in told


def test_a_release_on_trial_brings_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.carry(ADDED, REVOKED, RETIRED)
    monkeypatch.setattr("adamant.node.update.trial.found_good", lambda _root: False)
    assert run(machine.root) == 0
    assert machine.read(FIRST) == machine.before
    assert machine.firmware.writes == 0


def test_a_machine_that_enforces_nothing_gets_no_loader(machine: Machine) -> None:
    machine.firmware.put("SecureBoot", efivars.GLOBAL, b"\0")
    assert run(machine.root) == 0
    assert machine.read(FIRST) == machine.before


def test_there_is_no_way_back_to_a_release_of_a_retired_key(machine: Machine) -> None:
    machine.put("EFI/Linux/host_1.efi", owned_machine.signed(machine.folder, OLD, maker.efi({".linux": b"one"})))
    for path, text in {
        "usr/lib/os-release": "IMAGE_ID=host\nIMAGE_VERSION=2\n",
        "usr/lib/adamant/posture": "guarded\n",
        "run/adamant/boot.json": '{"slot": "usr-a", "disk": "vda", "times": {}}',
    }.items():
        (machine.root / path).parent.mkdir(parents=True, exist_ok=True)
        (machine.root / path).write_text(text)
    update = Update(Host(machine.root), state.Request("rollback"))
    machine.carry(RETIRED)
    assert run(machine.root) == 0
    with pytest.raises(BusyError, match="the key that signed it was retired") as caught:
        update.run()
    assert caught.value.reference == "release-revoked"
    assert (machine.root / "efi/EFI/Linux/host_2.efi").exists(), "nothing was done"
    machine.firmware.put("dbx", str(Variable.DBX.vendor), b"")
    assert "the next boot starts 1" in update.run().message
