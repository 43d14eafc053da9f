"""An owner's keys on real firmware (OVMF with SMM): enrolled at the first boot, rotated, retired, a release revoked.

One machine, whose firmware begins in setup mode. Release 1 is signed by the first key, and brings the second one to the
machine; release 2 is signed by that one, and brings its boot loader, the end of the first key, and the revocation of
release 1.
"""

import json
import mmap
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adamant.api import client, contexts, logs_pb2
from adamant.core import places
from adamant.image import enrolment
from adamant.machine import console, process, up
from adamant.machine.console import Line
from adamant.machine.machine import Machine, Options, Status, Stopped
from adamant.machine.process import Process
from adamant.machine.qemu import VARIABLES
from adamant.model import boot_loader, manifest, signature_list
from adamant.model.arch import Arch
from adamant.model.authenticated_variable import Variable
from adamant.model.measured import MeasuredKeys, measured_keys
from tests.image.conftest import adamant
from tests.vm.conftest import SECONDS
from tests.vm.fleet import Fleet, await_said, machines, off, running, runs


def keys(*arguments: str | Path) -> list[Path]:
    """What `adamant keys` wrote."""
    return [Path(name) for name in json.loads(adamant("keys", *arguments, "--json").stdout)["written"]]


def sections(pair: str, variables: str, updates: list[str]) -> str:
    paths = json.dumps([f"keys/updates/{name}" for name in updates])
    return (
        f"signing:\n  secureBoot: {{key: keys/{pair}.key, certificate: keys/{pair}.crt}}\n"
        f"secureBoot: {{enroll: keys/{variables}, updates: {paths}}}\n"
    )


def changes(folder: Path, variable: str) -> list[str]:
    """Names of the changes of a variable."""
    return sorted(path.name for path in (folder / "keys" / "updates").glob(f"*-{variable}-append.auth"))


def prepare(folder: Path) -> str:
    keys("init", folder / "keys")
    keys("rotate", folder / "keys")
    keys("retire", folder / "keys")
    return sections("secure-boot", "variables", changes(folder, "db"))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("owned"), "guarded", "--setup-mode", "--tpm", prepare=prepare) as made:
        yield made


def firmware() -> tuple[str, list[str], int] | None:
    """What the machine says: the state, where which certificate is, how many programs are revoked; None when it does
    not say in time, as right after a boot.
    """
    done = adamant("node", "get", "boot", "--json", check=False)
    if done.returncode != 0:
        return None
    actual: dict[str, Any] = json.loads(done.stdout)["resources"][0]["actual"]
    found = [f"{key['variable']}: {key['name']}" for key in actual.get("secure_boot_keys", [])]
    return actual["secure_boot"], found, int(actual.get("secure_boot_revoked", 0))


def until(wanted: tuple[str, list[str], int]) -> None:
    deadline = time.monotonic() + SECONDS
    while (found := firmware()) != wanted:
        assert time.monotonic() < deadline, (found, adamant("node", "logs", "adamant-secure-boot", check=False).stdout)
        time.sleep(2)


def prove(fleet: Fleet, *versions: str) -> dict[str, Any]:
    """What the machine's TPM proves of these releases, and of whose keys its firmware has."""
    named = [word for version in versions for word in ("--release", fleet.folder / "out" / f"fleet_{version}_amd64")]
    done = adamant("node", "prove", *named, "--own-keys", "--json", check=False)
    assert done.returncode in {0, 3}, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def predicted(fleet: Fleet, version: str) -> tuple[MeasuredKeys, ...]:
    """What PCR 7 is of machines with the keys that a release enrols, by its manifest."""
    path = fleet.folder / "out" / f"fleet_{version}_amd64" / "manifest.json"
    found = manifest.decode(path.read_bytes()).measured
    assert found is not None
    return found.keys


def variables() -> dict[Variable, bytes]:
    """The contents of the machine's variables, now."""
    _, context = contexts.find(None)
    found = {}
    with client.connect(context.address, contexts.credentials(context), seconds=60) as machine:
        for each in Variable:
            asked = logs_pb2.ReadRequest(path=f"/sys/firmware/efi/efivars/{each.value}-{each.vendor}")
            found[each] = b"".join(chunk.data for chunk in machine.stream("Read", asked))[4:]
    return found


OWNER = ["PK: adamant platform key", "KEK: adamant key exchange key", "db: adamant Secure Boot"]
SECOND = "db: adamant Secure Boot 2"
RETIRED = "dbx: adamant Secure Boot"


def test_a_machine_in_setup_mode_enrols_the_images_keys_and_takes_a_second_one(fleet: Fleet) -> None:
    log = machines().get("fleet").console_log
    text = log.read_text(errors="replace")
    assert "nrolling secure boot keys" in text
    assert text.count("Linux version") <= 1, "nothing ran before the keys were there"
    until(("enabled", [*OWNER, SECOND], 0))
    said = adamant("node", "logs", "adamant-secure-boot").stdout
    assert "is made" in said
    assert "is now that of this release" not in said, "the image has the boot loader that its release would bring"


def test_its_tpm_has_measured_of_the_keys_what_the_build_has_predicted(fleet: Fleet) -> None:
    proven = prove(fleet, "1")
    assert proven["verified"], proven["problems"]
    assert proven["owner"] == {"match": "as-predicted", "release": "fleet 1", "changes": 0, "differs": []}
    assert [state.pcr == proven["pcrs"]["7"] for state in predicted(fleet, "1")] == [True, False], "it changed later"


def test_a_release_signed_by_the_second_key_boots_and_ends_what_was_before(fleet: Fleet) -> None:
    keys("revoke", fleet.folder / "keys", fleet.folder / "out" / "fleet_1_amd64")
    updates = [*changes(fleet.folder, "db"), *changes(fleet.folder, "dbx")]
    assert len(updates) == 3
    fleet.publish(fleet.define("2", extra=sections("secure-boot-2", "variables-2", updates)))
    fleet.upgrade(expect=6)
    adamant("node", "reboot")
    assert runs() == "2"
    proven = prove(fleet, "1", "2")
    assert proven["verified"], "a boot loader of the first key, a UKI of the second, both in db"
    assert proven["owner"]["match"] == "as-predicted"
    assert [each["subject"] for each in proven["secure_boot"]["used"]] == ["CN=adamant Secure Boot", f"CN={SECOND[4:]}"]
    until(("enabled", [*OWNER, SECOND, RETIRED], 1))
    said = adamant("node", "logs", "adamant-secure-boot").stdout
    for name in (boot_loader.boot_path(Arch.AMD64), boot_loader.loader_path(Arch.AMD64)):
        assert f"the boot loader {name} is now that of this release" in said
    found, last = variables(), predicted(fleet, "2")[-1]
    signer = signature_list.decode(found[Variable.DB])[-1]
    assert measured_keys(last.changes, found, signer) == last, "what the next boot measures, to the byte"
    refused = adamant("node", "rollback", check=False)
    assert refused.returncode == 5
    assert "release-revoked" in refused.stderr


def test_without_the_first_key_the_machine_starts_by_the_boot_loader_that_the_release_brought(fleet: Fleet) -> None:
    adamant("node", "reboot")
    assert runs() == "2"
    proven = prove(fleet, "2")
    assert proven["verified"], proven["problems"]
    assert proven["owner"] == {"match": "as-predicted", "release": "fleet 2", "changes": 3, "differs": []}
    assert [each["subject"] for each in proven["secure_boot"]["used"]] == [f"CN={SECOND[4:]}"]
    actual = json.loads(adamant("node", "get", "boot", "--json").stdout)["resources"][0]["actual"]
    assert not actual.get("secure_boot_waiting")


def refusal(fleet: Fleet) -> list[str]:
    """Start the machine, and what its console says up to the firmware's refusal, or all of it."""
    machine = machines().start("fleet", fleet.tools(), places.cache())
    seen: list[str] = []
    for found in console.Watcher(machine.console_log).follow(
        lambda: machines().get("fleet").status is Status.RUNNING, SECONDS
    ):
        if isinstance(found, Line):
            seen.append(found.text)
            if "access denied" in found.text.lower():
                break
    assert not any("Linux version" in line for line in seen)
    return seen


def test_firmware_does_not_start_the_revoked_release_any_more(fleet: Fleet) -> None:
    assert machines().stop("fleet", 120) is Stopped.SHUT_DOWN
    fleet.esp("mdel", "::EFI/Linux/fleet_2.efi")  # which leaves release 1 alone
    seen = refusal(fleet)
    assert "access denied" in seen[-1].lower(), "\n".join(seen[-40:])


def test_firmware_does_not_start_what_the_retired_key_has_signed(fleet: Fleet, tmp_path: Path) -> None:
    """The boot loader that was there before: no change names its digest."""
    off(seconds=0)
    previous, first = boot_loader.previous_path(Arch.AMD64), boot_loader.boot_path(Arch.AMD64)
    fleet.esp("mcopy", f"::{previous}", tmp_path / "before.efi")
    fleet.esp("mcopy", "-o", tmp_path / "before.efi", f"::{first}")
    seen = refusal(fleet)
    assert "access denied" in seen[-1].lower(), "\n".join(seen[-40:])


_WHOLE, _IN_DELETION, _HEADER_ALONE = 0x3F, 0x3E, 0x7F
"""The state of a variable in the store: a flash, whose bits are cleared one after the other."""


def records(store: bytes, variable: Variable) -> Iterator[tuple[int, int, int]]:
    """Of each time that a variable is in a variable store: where its state stands, and where its contents, up to where.

    By EDK2, AUTHENTICATED_VARIABLE_HEADER: 60 bytes that end with the vendor, the name, the contents.
    """
    name = variable.vendor.bytes_le + f"{variable.value}\0".encode("utf-16-le")
    at = store.find(name)
    while at != -1:
        size = int.from_bytes(store[at - 4 : at], "little")
        yield at - 42, at + len(name), at + len(name) + size
        at = store.find(name, at + 1)


def stored(store: bytes) -> dict[Variable, bytes]:
    """The contents of those of PK, KEK, db and dbx that a variable store has."""
    found = {}
    for variable in Variable:
        for state, begin, end in records(store, variable):
            if store[state] in {_WHOLE, _IN_DELETION}:
                found[variable] = store[begin:end]
    return found


def torn(store: bytes, variable: Variable) -> bytes:
    """The store when half of the variable's contents were written: the header is there, and the state says so."""
    made = bytearray(store)
    ((state, begin, end),) = records(store, variable)
    made[state] = _HEADER_ALONE
    half = (begin + end) // 2
    made[half:end] = b"\xff" * (end - half)
    return bytes(made)


@contextmanager
def frozen(qemu: Process) -> Iterator[None]:
    """QEMU stands still: what its files hold then, they would hold if its power went."""
    process.send(qemu, signal.SIGSTOP)
    tasks = Path(f"/proc/{qemu.pid}/task")
    while any(task.read_text().rpartition(")")[2].split()[0] != "T" for task in tasks.glob("*/stat")):
        time.sleep(0.001)
    try:
        yield
    finally:
        process.send(qemu, signal.SIGCONT)


def cuts(machine: Machine) -> dict[tuple[str, ...], bytes]:
    """The variable store at each moment of an enrolment, by the variables that it has then.

    The first one is of when the boot loader says that it enrols. The machine, which was just started, is off at the
    end.
    """
    assert machine.run is not None
    found: dict[tuple[str, ...], bytes] = {}
    deadline = time.monotonic() + SECONDS
    while not any("nrolling secure boot keys" in line for line in console.tail(machine.console_log)):
        assert time.monotonic() < deadline, console.tail(machine.console_log)
    with (machine.folder / VARIABLES).open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as flash:
        while Variable.PK not in (now := stored(flash[:])):
            if tuple(now) not in found:
                with frozen(machine.run.qemu):
                    store = flash[:]
                found.setdefault(tuple(stored(store)), store)
            assert time.monotonic() < deadline, console.tail(machine.console_log)
        found[tuple(now)] = flash[:]
    machines().stop(machine.name, 0)
    return found


@pytest.mark.long
def test_power_that_goes_while_keys_are_enrolled_has_the_next_boot_enrol_them(fleet: Fleet) -> None:
    """Before the first, between two, within each, and after the last of them."""
    off(seconds=0)
    enrolled = {each: (fleet.folder / f"keys/variables/{each.value}.esl").read_bytes() for each in enrolment.ENROLLED}
    image = fleet.folder / "out" / "fleet_1_amd64" / "disk.raw"
    machine = up.create(machines(), "cut", image, Options(Arch.AMD64, setup_mode=True))
    try:
        found = cuts(machines().start("cut", fleet.tools(), places.cache()))
        assert list(found) == [(), ("db",), ("KEK", "db"), ("PK", "KEK", "db")], "what is between two was not hit"
        nothing, db, two, all_ = found.values()
        parts = [torn(db, Variable.DB), torn(two, Variable.KEK), torn(all_, Variable.PK)]
        for store in (nothing, db, two, *parts, all_):
            (machine.folder / VARIABLES).write_bytes(store)
            said = await_said(machines().start("cut", fleet.tools(), places.cache()), "Linux version")
            assert ("nrolling secure boot keys" in said) == (store != all_)
            assert stored((machine.folder / VARIABLES).read_bytes()) == enrolled
            machines().stop("cut", 0)
        (machine.folder / VARIABLES).write_bytes(parts[-1])
        up.start(machines(), "cut", fleet.tools(), places.cache(), lambda _phase: None, SECONDS)
        until(("enabled", [*OWNER, SECOND], 0))
    finally:
        machines().delete("cut", force=True)
