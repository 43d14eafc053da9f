"""What becomes of an encrypted disk when the machine around it is not as before: its TPM, firmware, clock or ESP.

One machine, which was enrolled, so that its identity is on the encrypted disk. It is started anew with each fault.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adamant.cli.node.encryption import read_recovery_keys
from adamant.core import places, proc
from adamant.core.source import open_source
from adamant.image import enrolment, gpt
from adamant.machine import maintenance, process, qemu, record, tpm, up
from adamant.machine.machine import Machine, Options
from adamant.machine.qemu import DISK, VARIABLES
from adamant.machine.record import MachineRecord
from adamant.model import luks2
from adamant.model.arch import Arch
from tests.image.conftest import adamant
from tests.tool.chip import chip, clear, locked_out, set_tries
from tests.tool.proving import RECORDED
from tests.unit import image_maker as maker
from tests.vm.conftest import SECONDS, node
from tests.vm.fleet import Fleet, await_health, await_said, check, machines, off, running, runs

pytestmark = pytest.mark.long

EXTRA = """\
signing:
  secureBoot: {{key: {0}/secure-boot.key, certificate: {0}/secure-boot.crt}}
  pcr: {{key: {0}/pcr.key, public: {0}/pcr.pub}}
disk: {{encryption: tpm}}
"""
REGISTER = "/sys/class/tpm/tpm0/pcr-sha256/7"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fault-keys") / "keys"
    adamant("keys", "init", folder)
    return folder


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Fleet]:
    options = ("--tpm", "--secure-boot", "--maintenance")
    with running(tmp_path_factory.mktemp("faults"), "guarded", *options, extra=EXTRA.format(keys)) as made:
        enroll = ("--name", "fleet", "--cluster", "local", "--trust-on-first-use")
        adamant("node", "enroll", machines().get("fleet").address, *enroll)
        await_health("fleet", SECONDS)
        yield made


@pytest.fixture(scope="module")
def recovery(fleet: Fleet) -> str:
    """What the machine has told of its recovery keys."""
    await_health("fleet", SECONDS)
    return adamant("node", "recovery-key").stdout


def start(fleet: Fleet) -> Machine:
    """The machine, powered on; nobody waits for its health."""
    return machines().start("fleet", fleet.tools(), places.cache())


def test_other_variables_of_the_firmware_leave_it_open(fleet: Fleet, keys: Path, tmp_path: Path) -> None:
    def register() -> str:
        return adamant("node", "cat", REGISTER).stdout

    before = register()
    machine = off()
    variables = machine.folder / VARIABLES
    (tmp_path / "old.efi").write_bytes(maker.efi({".linux": b"old"}))
    change = enrolment.revoke(keys, [tmp_path / "old.efi"], datetime.now(UTC))
    argv = fleet.tools().argv("virt-fw-vars", "--inplace", variables, "--set-dbx", change, "--delete", "BootOrder")
    proc.run("change variables", argv, environment=fleet.tools().environment)
    fleet.power_on()
    assert register() != before, "the change is not measured, so this shows nothing"
    off()
    variables.unlink()  # a board whose battery was changed: the template is written anew
    fleet.power_on()
    assert check("disk-encryption")["state"] == "ok"


@contextmanager
def slow(machine: Machine) -> Iterator[None]:
    """The TPM of a running machine stands still nine tenths of the time, a second at once."""
    found = process.find(machine.folder / tpm.PID_FILE, machine.folder, "swtpm")
    assert found
    over = threading.Event()

    def run() -> None:
        while not over.is_set() and process.alive(found):
            os.kill(found.pid, signal.SIGSTOP)
            over.wait(0.9)
            os.kill(found.pid, signal.SIGCONT)
            time.sleep(0.1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_slow_tpm_opens_it_later(fleet: Fleet) -> None:
    off()
    with slow(start(fleet)):
        assert check("disk-encryption")["state"] == "ok"


def test_a_tpm_that_is_locked_out_opens_it_all_the_same(fleet: Fleet) -> None:
    """Nobody types a PIN, so nothing that opens the disk is protected against guesses."""
    state = off().folder / tpm.STATE
    with chip(fleet.tools(), state) as transmit:
        set_tries(transmit, 0)
    fleet.power_on()
    off()
    with chip(fleet.tools(), state) as transmit:
        assert locked_out(transmit)
        set_tries(transmit, 32)


@pytest.mark.parametrize("days", [-365, 364], ids=["behind", "ahead"])
def test_a_wrong_clock_leaves_it_open(fleet: Fleet, days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    then = datetime.now(UTC) + timedelta(days=days)
    arguments = qemu.arguments
    clock = ("-rtc", f"base={then:%Y-%m-%dT%H:%M:%S}")
    monkeypatch.setattr(qemu, "arguments", lambda spec: (*arguments(spec), *clock))
    off()
    start(fleet)
    assert check("disk-encryption")["state"] == "ok"
    (clock,) = node("get", "time")["resources"]
    shown = datetime.fromtimestamp(int(clock["actual"]["time_usec"]) / 1_000_000, UTC)
    # systemd sets a clock that is behind to the day when it was built itself
    assert abs(shown - datetime.now(UTC)) > timedelta(days=1), "the clock is not wrong, so this shows nothing"


def with_tpm(machine: Machine, there: bool) -> None:
    """Take the TPM from a machine that is off, or give it back."""
    path = machine.folder / record.MACHINE
    kept = record.read(path, MachineRecord)
    fields = {name: getattr(kept, name) for name in kept.__struct_fields__ if name != "tpm"}
    record.write(path, MachineRecord(**fields, tpm=there))


def bound_once() -> None:
    """The machine is well, and each volume opens by the TPM and by one recovery key, and by nothing else."""
    await_health("fleet", SECONDS)
    assert "open by the TPM" in check("disk-encryption")["message"]
    assert {(len(one["tpm_keys"]), one["recovery_keys"], one["other_keys"]) for one in node("encryption")} == {
        (1, 1, 0)
    }


def console_key(machine: Machine) -> str:
    """The fingerprint by which a shut machine waits for recovery keys, as a person reads it at the console."""
    said = await_said(machine, "FINGERPRINT < recovery-key.txt")
    return [match[1] for line in said.splitlines() if (match := maintenance.SHOWN.search(line))][-1]


def recover(machine: Machine, keys: str, *options: str | Path) -> tuple[int, str]:
    """Exit code and errors of a person who reads the fingerprint at the console, and knows the machine by `fleet`."""
    known = ("node", "-c", "fleet", "recover", machine.address, "--fingerprint", console_key(machine))
    done = adamant(*known, *options, typed=keys, check=False)
    return done.returncode, done.stderr


def test_without_its_tpm_it_stays_shut_and_opens_once_it_is_back(fleet: Fleet, recovery: str) -> None:
    with_tpm(off(), False)
    try:
        machine = start(fleet)
        assert "state and var did not open" in await_said(machine, "waits for their recovery keys")
        code, said = recover(machine, recovery)
        assert (code, "recovery-failed" in said) == (1, True), said
    finally:
        with_tpm(off(seconds=0), True)
    fleet.power_on()
    assert check("disk-encryption")["state"] == "ok"


def test_after_its_tpm_was_cleared_recovery_keys_bind_it_anew(fleet: Fleet, recovery: str) -> None:
    """It gets them for a proof by the attestation key of before, which is not of what was cleared."""
    key = node("version")["machine_id"]
    adamant("node", "attest", "-o", fleet.home / "quote.json")
    with chip(fleet.tools(), off().folder / tpm.STATE) as transmit:
        clear(transmit)
    machine = start(fleet)
    wrong = "\n".join(f"{name} {key[::-1]}" for name, key in map(str.split, recovery.splitlines()))
    code, said = recover(machine, wrong)
    assert (code, "recovery-key-wrong" in said) == (2, True), said
    code, said = recover(machine, recovery, "--release", RECORDED / "other-manifest.json")
    assert (code, "release-unproven" in said) == (3, True), said
    assert recover(machine, recovery, "--release", fleet.folder / "out" / "fleet_1_amd64") == (0, "")
    await_health("fleet", SECONDS)
    assert node("version")["machine_id"] == key
    bound_once()


def header(machine: Machine, label: str) -> luks2.Header:
    """What opens a volume, read from outside: the machine may be at work on its header."""
    with open_source(machine.folder / DISK) as disk:
        place = next(part.offset for part in gpt.decode(disk.read, disk.size).partitions if part.label == label)
        return luks2.read(disk.exactly(place, luks2.HEADER_MOST))


def keys_by_tpm(machine: Machine, label: str) -> int:
    """How many keys the TPM gives for a volume."""
    return len(header(machine, label).tpm_keys)


def recovery_keys(machine: Machine) -> list[int]:
    """How many recovery keys open state, and how many var."""
    return [len(header(machine, label).recovery_slots) for label in ("state", "var")]


def cut_when(reached: Callable[[], bool], *command: str, typed: str = "") -> str:
    """Give the machine a command, and kill QEMU as soon as its disk has come so far. What the command has shown."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(adamant, *command, typed=typed, check=False)
        while not reached():
            assert not running.done(), running.result()
            time.sleep(0.01)
        machines().stop("fleet", 0)
        assert running.result().returncode != 0, "the cut came too late to show anything"
        return running.result().stdout


@pytest.mark.parametrize("label", ["state", "var"])
def test_power_that_goes_while_recovery_keys_bind_it_leaves_it_to_the_recovery_keys(
    fleet: Fleet, recovery: str, label: str
) -> None:
    """It goes when the old binding of a volume was dropped, and the new one is not made."""
    with chip(fleet.tools(), off().folder / tpm.STATE) as transmit:
        clear(transmit)
    machine = start(fleet)
    asked = ("node", "recover", machine.address, "--fingerprint", console_key(machine))
    cut_when(lambda: keys_by_tpm(machine, label) == 0, *asked, typed=recovery)
    assert [keys_by_tpm(machine, name) for name in ("state", "var")] == ([0, 1] if label == "state" else [1, 0])
    machine = start(fleet)
    if label == "state":
        assert recover(machine, recovery) == (0, "")
    else:  # its identity is on state, which opens
        assert check("disk-encryption")["state"] == "failing"
        adamant("node", "recover", typed=recovery)
    bound_once()


def test_power_that_goes_while_it_is_sealed_anew_leaves_it_open(fleet: Fleet, recovery: str, tmp_path: Path) -> None:
    """It goes when the key of other releases was dropped for one volume, and not yet for the other."""
    await_health("fleet", SECONDS)
    adamant("keys", "init", tmp_path / "new")
    adamant("node", "reseal", "--public-key", tmp_path / "new" / "pcr.pub")
    machine = machines().get("fleet")
    assert [keys_by_tpm(machine, name) for name in ("state", "var")] == [2, 2]
    cut_when(lambda: keys_by_tpm(machine, "state") != 2, "node", "reseal")
    fleet.power_on()
    assert check("disk-encryption")["state"] == "ok"
    adamant("node", "reseal")
    bound_once()


@pytest.mark.parametrize(
    "moment", [[2, 1], [2, 2], [1, 2]], ids=["one-has-a-new-one", "both-have", "the-old-one-of-one-is-gone"]
)
def test_power_that_goes_while_recovery_keys_are_replaced_leaves_one_that_a_person_has(
    fleet: Fleet, moment: list[int], tmp_path: Path
) -> None:
    """It goes when the volumes have so many recovery keys; a person has the old ones, and what they were shown."""
    await_health("fleet", SECONDS)
    old = read_recovery_keys(adamant("node", "recovery-key", "--replace").stdout)
    machine = machines().get("fleet")
    assert recovery_keys(machine) == [1, 1]
    shown = cut_when(lambda: recovery_keys(machine) == moment, "node", "recovery-key", "--replace")
    assert recovery_keys(machine) == moment, "the cut came too late to show this moment"
    new = read_recovery_keys(shown) if shown else {}
    for label in old:
        opened = [fleet.opens(label, keys[label], tmp_path) for keys in (old, new) if keys]
        assert any(opened), f"no recovery key that a person has opens {label}"
        assert all(opened[1:]), f"what was shown does not open {label}"
    fleet.power_on()
    assert check("disk-encryption")["state"] == "ok"
    last = read_recovery_keys(adamant("node", "recovery-key", "--replace").stdout)
    bound_once()
    off()
    assert all(fleet.opens(label, last[label], tmp_path) for label in last)
    assert not any(fleet.opens(label, keys[label], tmp_path) for keys in (old, new) for label in keys)
    fleet.power_on()


def swap_esp(one: Machine, other: Machine) -> None:
    """Swap the ESPs of two machines that are off."""
    places_, contents = [], []
    for machine in (one, other):
        with open_source(machine.folder / DISK) as disk:
            esp = next(p for p in gpt.decode(disk.read, disk.size).partitions if p.label == "esp")
            places_.append(esp.offset)
            contents.append(disk.exactly(esp.offset, esp.size))
    for machine, place, content in zip((one, other), places_, reversed(contents), strict=True):
        with (machine.folder / DISK).open("r+b") as disk:
            disk.seek(place)
            disk.write(content)


@contextmanager
def beside(fleet: Fleet, keys: Path, output: Path) -> Iterator[Machine]:
    """Another machine, of the release in `output`, which was started once and is off."""
    certificate = (keys / "secure-boot.crt").read_bytes()
    up.create(machines(), "beside", output / "disk.raw", Options(Arch.AMD64, certificate=certificate, tpm=True))
    try:
        up.start(machines(), "beside", fleet.tools(), places.cache(), lambda _phase: None, SECONDS)
        yield off("beside")
    finally:
        machines().delete("beside", force=True)
        adamant("context", "use", "fleet")


def test_the_esp_of_another_machine_of_the_same_release_opens_it(fleet: Fleet, keys: Path) -> None:
    with beside(fleet, keys, fleet.folder / "out" / "fleet_1_amd64") as other:
        swap_esp(off(), other)
        fleet.power_on()
        assert check("disk-encryption")["state"] == "ok"
        swap_esp(off(), other)
    fleet.power_on()


def test_the_esp_of_another_release_starts_nothing_and_harms_nothing(fleet: Fleet, keys: Path) -> None:
    two = fleet.define("2", files="  - {path: /usr/lib/two, content: two}\n", extra=EXTRA.format(keys))
    with beside(fleet, keys, two.output) as other:
        swap_esp(off(), other)
        machine = start(fleet)
        await_said(machine, "adamant: no slot holds the usr image of this release")
        swap_esp(off(seconds=0), other)
    fleet.power_on()
    assert (runs(), check("disk-encryption")["state"]) == ("1", "ok")
