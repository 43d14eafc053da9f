"""The boot loader of a release comes to the ESP whole, signed by who the firmware trusts, or not at all."""

import os
from pathlib import Path

import pytest

from adamant.model import boot_loader as places
from adamant.model import signature_list
from adamant.model.authenticated_variable import Variable
from adamant.model.errors import AdamantError, BusyError, VerificationError
from adamant.node import boot_loader
from tests.unit import image_maker as maker
from tests.unit import owned_machine
from tests.unit.owned_machine import ARCH, FIRST, NEW, OLD, PREVIOUS, SECOND, Machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return owned_machine.owner(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def machine(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, folder, monkeypatch)


def written(machine: Machine) -> dict[str, bytes]:
    return {name: machine.read(name) for name in (FIRST, SECOND)}


def test_both_names_get_the_loader_of_the_release_and_the_one_before_is_kept(machine: Machine) -> None:
    assert boot_loader.bring(machine.root) == [FIRST, SECOND]
    assert written(machine) == {FIRST: machine.loader, SECOND: machine.loader}
    assert machine.read(PREVIOUS) == machine.before


def test_done_again_it_writes_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    boot_loader.bring(machine.root)

    def refuse(_number: int) -> None:
        raise AssertionError

    monkeypatch.setattr(os, "fsync", refuse)
    assert boot_loader.bring(machine.root) == []


@pytest.mark.parametrize("torn", [b"", b"MZ", bytes(5000)])
@pytest.mark.parametrize("name", [FIRST, SECOND])
def test_a_name_that_was_torn_is_made_whole_and_its_bytes_are_not_kept(
    machine: Machine, name: str, torn: bytes
) -> None:
    boot_loader.bring(machine.root)
    machine.put(name, torn)
    assert boot_loader.bring(machine.root) == [name]
    assert machine.read(name) == machine.loader
    assert machine.read(PREVIOUS) == machine.before


def test_a_loader_that_is_missing_under_a_name_is_put_there(machine: Machine) -> None:
    (machine.root / "efi" / SECOND).unlink()
    (machine.root / "efi" / SECOND).parent.rmdir()
    assert boot_loader.bring(machine.root) == [FIRST, SECOND]


@pytest.mark.parametrize("signer", ["modules", "KEK"])
def test_a_loader_that_db_does_not_trust_stays_away(machine: Machine, signer: str) -> None:
    machine.release(NEW, of_loader=signer)
    with pytest.raises(VerificationError) as caught:
        boot_loader.bring(machine.root)
    assert caught.value.reference == "boot-loader-untrusted"
    assert written(machine) == {FIRST: machine.before, SECOND: machine.before}
    assert not (machine.root / "efi" / PREVIOUS).exists()


def test_a_loader_that_dbx_names_stays_away(machine: Machine) -> None:
    for entry in (
        signature_list.certificate(owned_machine.certificate(machine.folder, NEW)),
        signature_list.program(maker.authenticode(owned_machine.loader("2"))),
    ):
        machine.firmware.put("dbx", str(Variable.DBX.vendor), signature_list.encode([entry]))
        with pytest.raises(VerificationError, match="would not start"):
            boot_loader.bring(machine.root)
    assert written(machine) == {FIRST: machine.before, SECOND: machine.before}


def test_another_loader_in_the_usr_image_than_was_signed_stays_away(machine: Machine) -> None:
    machine.put(f"../{places.source_path(ARCH)}", owned_machine.loader("3"))
    with pytest.raises(VerificationError, match="would not start"):
        boot_loader.bring(machine.root)
    assert machine.read(FIRST) == machine.before


def test_a_release_that_carries_no_signature_brings_nothing(machine: Machine) -> None:
    machine.put("EFI/Linux/host_2.efi", owned_machine.signed(machine.folder, NEW, maker.efi({".linux": b"kernel"})))
    assert boot_loader.bring(machine.root) == []
    assert machine.read(FIRST) == machine.before


def test_an_esp_without_the_uki_that_runs_is_told_so(machine: Machine) -> None:
    (machine.root / "efi/EFI/Linux/host_2.efi").unlink()
    with pytest.raises(BusyError) as caught:
        boot_loader.bring(machine.root)
    assert caught.value.reference == "boot-entry-missing"


def test_variables_that_cannot_be_read_stop_it(machine: Machine) -> None:
    machine.firmware.put("dbx", str(Variable.DBX.vendor), b"noise" * 9)
    with pytest.raises(VerificationError, match="signature lists"):
        boot_loader.bring(machine.root)
    assert machine.read(FIRST) == machine.before


class Cut(BaseException):
    """The power is gone."""


def test_whatever_is_cut_both_names_are_whole_and_the_next_boot_goes_on(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, rename = os.fsync, Path.rename
    whole = (machine.before, machine.loader)
    states, cut, done = set(), 0, False
    while not done:
        for name in (FIRST, SECOND):
            machine.put(name, machine.before)
        (machine.root / "efi" / PREVIOUS).unlink(missing_ok=True)
        left = cut

        def use() -> None:
            nonlocal left
            if left == 0:
                raise Cut
            left -= 1

        def synced(number: int) -> None:
            use()
            sync(number)

        def renamed(path: Path, target: Path) -> Path:
            use()
            return rename(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", synced)
            patch.setattr(Path, "rename", renamed)
            patch.setattr(Path, "unlink", lambda *_a, **_k: None)  # nothing is tidied up after a cut
            try:
                boot_loader.bring(machine.root)
                done = True
            except Cut:
                pass
        assert machine.read(FIRST) in whole, cut
        assert machine.read(SECOND) in whole, cut
        states.add((machine.read(FIRST) == machine.loader, machine.read(SECOND) == machine.loader))
        boot_loader.bring(machine.root)
        assert written(machine) == {FIRST: machine.loader, SECOND: machine.loader}
        assert machine.read(PREVIOUS) == machine.before, cut
        cut += 1
    assert states == {(False, False), (True, False), (True, True)}, "the name that firmware falls back to is the first"
    assert cut > 12


def test_an_esp_that_gives_nothing_is_told_so(machine: Machine) -> None:
    (machine.root / "efi" / FIRST).unlink()
    (machine.root / "efi" / FIRST).mkdir()
    with pytest.raises(AdamantError) as caught:
        boot_loader.bring(machine.root)
    assert caught.value.reference == "esp-failed"


def test_what_the_machine_starts_from_is_the_loader_and_the_uki_that_runs(machine: Machine) -> None:
    machine.put("EFI/Linux/host_1.efi", owned_machine.signed(machine.folder, OLD, maker.efi({".linux": b"one"})))
    names = [program.name for program in boot_loader.programs(machine.root)]
    assert names == [FIRST, SECOND, "host_2.efi"]
