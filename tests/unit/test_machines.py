"""Machines as folders: whole or not there, never two at once, never broken by a broken record."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adamant.core import files
from adamant.machine import credential, port, process, record, up
from adamant.machine.accelerator import Accelerator
from adamant.machine.machine import Machines, Options, Status
from adamant.machine.process import Process
from adamant.machine.qemu import DirectKernel
from adamant.model.arch import Arch
from adamant.model.encryption import CREDENTIAL, Encryption
from adamant.model.errors import AdamantError, BusyError, InputError

ARCH = Options(Arch.AMD64, disk_size=16 << 20)


@pytest.fixture(autouse=True)
def ports(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Ports that somebody listens on: no test here opens a socket."""
    used: set[int] = set()
    monkeypatch.setattr(port, "free", lambda number: number not in used)
    return used


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A sparse disk image of 8 MiB with a partition table's signature and a little data at the end."""
    path = tmp_path / "disk.raw"
    with path.open("wb") as out:
        out.truncate(8 << 20)
        out.seek(512)
        out.write(b"EFI PART")
        out.seek((8 << 20) - 3)
        out.write(b"end")
    return path


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    return Machines(tmp_path / "state" / "machines")


def names(machines: Machines) -> Iterator[str]:
    return (p.name for p in machines.root.iterdir() if p.name != ".locks")


def test_a_machine_has_its_own_sparse_disk(machines: Machines, image: Path) -> None:
    before = image.read_bytes()
    machine = machines.create("one", image, ARCH)
    disk = machine.folder / "disk.raw"
    assert disk.stat().st_size == 16 << 20
    assert disk.stat().st_blocks * 512 < 1 << 20
    with disk.open("r+b") as own:
        assert own.read(8 << 20) == before
        own.seek(0)
        own.write(b"changed")
    assert image.read_bytes() == before


def test_the_disk_of_a_machine_is_never_smaller_than_its_image(machines: Machines, image: Path) -> None:
    machine = machines.create("one", image, Options(Arch.AMD64, disk_size=1 << 20))
    assert (machine.folder / "disk.raw").stat().st_size == 8 << 20


def test_only_the_owner_reads_a_machine_whatever_the_umask(machines: Machines, image: Path) -> None:
    old = os.umask(0)
    try:
        machine = machines.create("one", image, Options(Arch.AMD64, credentials={"agent.key": b"secret"}))
    finally:
        os.umask(old)
    for path in (machine.folder, machine.folder / "credentials"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for name in ("disk.raw", "machine.json", "credentials/agent.key"):
        assert stat.S_IMODE((machine.folder / name).stat().st_mode) == 0o600


def test_a_credential_is_an_smbios_string(machines: Machines, image: Path) -> None:
    machine = machines.create("one", image, Options(Arch.AMD64, credentials={"agent.key": b"\0secret\n"}))
    text = (machine.folder / "credentials" / "agent.key").read_bytes()
    assert text == b"io.systemd.credential.binary:agent.key=AHNlY3JldAo="
    assert credential.smbios_string("agent.key", b"\0secret\n") == text


@pytest.mark.parametrize("name", ["../key", ".hidden", "a/b", "", "a,b", "a b", "x" * 256])
def test_a_name_of_a_credential_cannot_leave_its_folder(machines: Machines, image: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        machines.create("one", image, Options(Arch.AMD64, credentials={name: b""}))
    assert caught.value.reference == "credential-name"
    assert list(names(machines)) == []


@pytest.mark.parametrize("name", ["", "..", "a/b", "One", "-one", "x" * 33, "a b", "a\n"])
def test_a_name_of_a_machine_cannot_leave_its_folder(machines: Machines, image: Path, name: str) -> None:
    for call in (
        lambda: machines.create(name, image, ARCH),
        lambda: machines.delete(name),
        lambda: machines.get(name),
        lambda: machines.stop(name),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.reference == "machine-name"


def test_a_machine_is_not_made_twice(machines: Machines, image: Path) -> None:
    machines.create("one", image, ARCH)
    with pytest.raises(BusyError) as caught:
        machines.create("one", image, ARCH)
    assert caught.value.reference == "machine-exists"


def test_a_machine_that_another_command_changes_is_busy(machines: Machines, image: Path) -> None:
    machines.create("one", image, ARCH)
    with files.locked(machines.root / ".locks" / "one.machine", "the machine one"):
        for call in (
            lambda: machines.create("one", image, ARCH),
            lambda: machines.stop("one"),
            lambda: machines.delete("one"),
            lambda: machines.reset("one"),
        ):
            with pytest.raises(BusyError) as caught:
                call()
            assert caught.value.reference == "locked"
    assert machines.get("one").status is Status.STOPPED


@pytest.mark.parametrize("content", [b"", b"x" * 1023, b"\0" * 4096, b"QFI\xfb" + b"\0" * 4092])
def test_what_is_no_raw_disk_image_is_refused(machines: Machines, tmp_path: Path, content: bytes) -> None:
    other = tmp_path / "other"
    other.write_bytes(content)
    with pytest.raises(InputError) as caught:
        machines.create("one", other, ARCH)
    assert caught.value.reference == "image-not-a-disk"
    with pytest.raises(InputError) as caught:
        machines.create("one", tmp_path / "none", ARCH)
    assert caught.value.reference == "image-unreadable"
    assert machines.list() == []


def test_a_kernel_by_hand_is_refused_with_secure_boot(machines: Machines, image: Path) -> None:
    kernel = DirectKernel(Path("/boot/vmlinuz"), "panic=-1")
    with pytest.raises(InputError) as caught:
        machines.create("one", image, Options(Arch.AMD64, kernel=kernel, certificate=b"-----BEGIN CERTIFICATE-----"))
    assert caught.value.reference == "kernel-not-verified"


def test_a_full_disk_leaves_no_half_machine(machines: Machines, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: Path, _target: Path, _offset: int = 0) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "copy_range", full)
    with pytest.raises(AdamantError) as caught:
        machines.create("one", image, ARCH)
    assert caught.value.reference == "disk-full"
    assert list(names(machines)) == []


def test_what_a_killed_command_left_goes_with_the_next(machines: Machines, image: Path) -> None:
    left = machines.root / ".one.0123456789ab" / "made"
    left.mkdir(parents=True)
    assert machines.list() == []
    machines.create("one", image, ARCH)
    assert list(names(machines)) == ["one"]


def test_every_machine_has_a_port_of_its_own(machines: Machines, image: Path, ports: set[int]) -> None:
    order = list(port.candidates((), machines.root))
    ports.add(order[1])
    made = [machines.create(name, image, ARCH).address for name in ("a", "b", "c")]
    assert made == [f"127.0.0.1:{order[n]}" for n in (0, 2, 3)]
    machines.delete("b")
    assert machines.create("d", image, ARCH).address == f"127.0.0.1:{order[2]}"


def test_machines_of_another_state_folder_do_not_look_at_the_same_ports_first() -> None:
    one, other = (list(port.candidates((), Path(name))) for name in ("/one/machines", "/other/machines"))
    assert sorted(one) == sorted(other) == list(range(port.FIRST, port.LAST + 1))
    assert one[0] != other[0]


def test_when_no_port_is_left_that_is_said(ports: set[int]) -> None:
    ports.update(range(port.FIRST, port.LAST + 1))
    with pytest.raises(BusyError) as caught:
        port.allocate(set(), Path())
    assert caught.value.reference == "ports-exhausted"


def test_a_deleted_machine_is_gone(machines: Machines, image: Path) -> None:
    machines.create("one", image, ARCH)
    machines.delete("one")
    assert list(names(machines)) == []
    with pytest.raises(InputError) as caught:
        machines.get("one")
    assert caught.value.reference == "machine-unknown"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.integers(0, 700)))
def test_a_broken_record_breaks_no_other_machine(tmp_path: Path, image: Path, damage: bytes | int) -> None:
    """Any bytes, or the record cut off anywhere."""
    machines = Machines(tmp_path / "state")
    for name in ("good", "bad"):
        if not (machines.root / name).exists():
            machines.create(name, image, ARCH)
    path = machines.root / "bad" / record.MACHINE
    sound = path.read_bytes()
    try:
        path.write_bytes(sound[:damage] if isinstance(damage, int) else damage)
        (machines.root / "bad" / record.RUN).write_bytes(path.read_bytes())
        listed = {m.name: m.status for m in machines.list()}
        assert listed["good"] is Status.STOPPED
        whole = isinstance(damage, int) and damage >= len(sound) - 1  # the last byte is a line end
        assert listed["bad"] is (Status.STOPPED if whole else Status.BROKEN)
    finally:
        path.write_bytes(sound)


def test_a_broken_machine_can_be_deleted(machines: Machines, image: Path) -> None:
    machine = machines.create("one", image, ARCH)
    (machine.folder / record.MACHINE).write_bytes(b"{")
    assert machines.get("one").address == ""
    machines.delete("one")
    assert machines.list() == []


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"port": 0},
        {"uuid": "x,path=/etc/shadow"},
        {"credentials": ["../a"]},
        {"name": "a,b"},
        {"new": 1},
    ],
)
def test_a_record_of_another_form_is_refused(machines: Machines, image: Path, change: dict[str, object]) -> None:
    machine = machines.create("one", image, ARCH)
    path = machine.folder / record.MACHINE
    path.write_bytes(msgspec.json.encode({**msgspec.json.decode(path.read_bytes()), **change}))
    with pytest.raises(AdamantError) as caught:
        record.read(path, record.MachineRecord)
    assert caught.value.reference == "machine-record-malformed"


def test_a_process_that_took_over_the_id_is_not_the_machine(machines: Machines, image: Path) -> None:
    """This very test has the process id of the record, but began at another time, or in another boot."""
    machine = machines.create("one", image, ARCH)
    me = process.identify(os.getpid())
    assert me is not None
    for other in (Process(me.pid, me.start + 1, me.boot), Process(me.pid, me.start, "another boot")):
        record.write(machine.folder / record.RUN, record.RunRecord(other, Accelerator.TCG))
        assert machines.get("one").status is Status.STOPPED
        (machine.folder / "qemu.pid").write_text(f"{me.pid}\n")
        assert machines.get("one").status is Status.CRASHED
        (machine.folder / "qemu.pid").unlink()
    machines.delete("one")


def test_a_process_is_itself_only() -> None:
    me = process.identify(os.getpid())
    assert me is not None
    assert process.alive(me)
    assert not process.alive(Process(me.pid, me.start + 1, me.boot))
    assert process.identify(0) is None
    assert process.identify(-1) is None
    assert process.wait(Process(me.pid, me.start + 1, me.boot), 0.0)
    assert not process.wait(me, 0.0)


def test_a_machine_gets_a_key_for_its_disk_where_the_image_wants_one_passed() -> None:
    first, second = (up.disk_key(Encryption.CREDENTIAL)[CREDENTIAL] for _ in range(2))
    assert (len(first), len(second), first == second) == (32, 32, False)
    assert not any(up.disk_key(how) for how in (None, Encryption.TPM, Encryption.TANG))
