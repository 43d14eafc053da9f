"""Machines with the real QEMU, firmware and TPM of the tools tree: a bare kernel, booted to its panic."""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adamant.core import limits
from adamant.core.store import Store
from adamant.machine import accelerator, console, fault, firmware, port, power, probe, process, tpm
from adamant.machine.accelerator import Accelerator
from adamant.machine.console import Phase, Reached, Watcher
from adamant.machine.machine import Machine, Machines, Options, Status, Stopped
from adamant.machine.qemu import DirectKernel, OnPanic
from adamant.model.arch import Arch
from adamant.model.digest import Sha256
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.model.lock import Lock
from adamant.packages import fetch
from adamant.packages.deb import open_deb
from adamant.packages.tools import ToolsTree

BOOT_SECONDS = 120.0
SECRET = b"a secret that stands on no command line"


@pytest.fixture(scope="module")
def kernel(lock: Lock, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's cloud kernel, out of its package."""
    package = next(p for p in lock.image.packages if p.name.startswith("linux-image-6"))
    digest = Sha256(package.sha256)
    out = tmp_path_factory.mktemp("kernel") / "vmlinuz"
    with open_deb(fetch.fetch([package], cache)[digest], digest) as deb:
        for entry, contents in deb.data:
            if entry.path.startswith("boot/vmlinuz-"):
                out.write_bytes(b"".join(contents))
    return out


@pytest.fixture(scope="module")
def certificate(tree: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A certificate of a person, PEM."""
    folder = tmp_path_factory.mktemp("certificate")
    argv = tree.argv("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30")
    argv += ["-subj", "/CN=a person/", "-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    subprocess.run(argv, check=True, capture_output=True, env={**tree.environment})
    return (folder / "certificate").read_bytes()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """Machines in a folder whose path no option and no Unix socket can hold; all are gone at the end."""
    room = Machines(tmp_path / ("long, and: odd" * 10) / "machines")
    yield room
    for machine in room.list():
        room.delete(machine.name, force=True)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(1 << 20))
    return path


def options(kernel: Path, command_line: str = "console=ttyS0 panic=-1", **more: object) -> Options:
    given: dict[str, object] = {"memory": 256 << 20, "disk_size": 1 << 20, "on_panic": OnPanic.STOP, **more}
    return Options(Arch.AMD64, kernel=DirectKernel(kernel, command_line), **given)  # type: ignore[arg-type]


def until(machine: Machine, text: str) -> None:
    """Wait until the console shows `text`."""
    end = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < end:
        if any(text in line for line in console.tail(machine.console_log)):
            return
        time.sleep(0.1)
    raise AssertionError(f"no {text!r} on the console:\n" + "\n".join(console.tail(machine.console_log)[-30:]))


def test_the_guest_of_the_probe_runs_where_guests_run(
    tree: ToolsTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So when it does not under KVM, that is KVM's fault."""
    monkeypatch.setattr(limits, "KVM_PROBE_SECONDS", BOOT_SECONDS)  # QEMU alone may need seconds on a busy computer
    assert accelerator.proves(Arch.AMD64, Accelerator.TCG, tree, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [(0x47, b"\xfa\xf4"), (0xC6, b"\x83\xfa\x51"), (0xFB, b"\xeb\xfe")])
def test_a_guest_that_hangs_or_computes_wrongly_proves_nothing(
    tree: ToolsTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: tuple[int, bytes]
) -> None:
    at, code = damage
    rom = bytearray(probe.guest(Arch.AMD64))
    rom[at : at + len(code)] = code
    monkeypatch.setattr(probe, "guest", lambda _arch: bytes(rom))
    monkeypatch.setattr(limits, "KVM_PROBE_SECONDS", 2.0)
    assert not accelerator.proves(Arch.AMD64, Accelerator.TCG, tree, tmp_path)


def test_the_answer_about_kvm_holds_for_this_boot_and_these_tools(
    tree: ToolsTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Accelerator] = []
    device = tmp_path / "kvm"
    monkeypatch.setattr(accelerator, "KVM_DEVICE", device)

    def works(_arch: Arch, which: Accelerator, _tools: ToolsTree, _scratch: Path) -> bool:
        asked.append(which)
        return True

    monkeypatch.setattr(accelerator, "proves", works)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert accelerator.choose(Arch.AMD64, tree, tmp_path) is Accelerator.TCG  # no device: nothing to prove
    device.touch()
    assert accelerator.choose(Arch.ARM64, tree, tmp_path) is Accelerator.TCG  # a foreign guest
    assert asked == []
    assert [accelerator.choose(Arch.AMD64, tree, tmp_path) for _ in range(3)] == [Accelerator.KVM] * 3
    assert asked == [Accelerator.KVM]
    monkeypatch.setattr(process, "boot_id", lambda: "the next boot")
    accelerator.choose(Arch.AMD64, tree, tmp_path)
    assert len(asked) == 2
    next((tmp_path / "machine").glob("*.json")).write_bytes(b"{")
    accelerator.choose(Arch.AMD64, tree, tmp_path)
    assert len(asked) == 3


def test_this_computer_gets_the_accelerator_that_a_guest_proved(tree: ToolsTree, cache: Path, tmp_path: Path) -> None:
    chosen = accelerator.choose(Arch.AMD64, tree, cache)
    if chosen is Accelerator.KVM:
        assert accelerator.proves(Arch.AMD64, Accelerator.KVM, tree, tmp_path)


def test_secure_boot_knows_the_persons_key_and_no_other(tree: ToolsTree, tmp_path: Path, certificate: bytes) -> None:
    store = Store(tmp_path)
    made = firmware.firmware(Arch.AMD64, certificate, tree, store)
    again = firmware.firmware(Arch.AMD64, certificate, tree, store)
    assert again == made
    out = tmp_path / "variables.json"
    show = tree.argv("virt-fw-vars", "--input", str(made.variables), "--output-json", str(out))
    printed = subprocess.run([*show, "--print", "--verbose"], check=True, capture_output=True, text=True).stdout
    for variable in ("PK", "KEK", "db"):
        section = printed.split(f"{variable} ", 1)[1].split("\n\n")[0]
        assert "a person" in section, printed
    assert "Microsoft" not in printed
    assert "SecureBootEnable" in printed
    assert made.code.name == "OVMF_CODE_4M.secboot.fd"
    assert firmware.firmware(Arch.AMD64, None, tree, store).code.name == "OVMF_CODE_4M.fd"
    with pytest.raises(InputError) as caught:
        firmware.firmware(Arch.AMD64, b"not a certificate", tree, store)
    assert caught.value.reference == "certificate-malformed"


def test_a_kernel_boots_to_its_panic_and_the_console_tells(
    machines: Machines, image: Path, kernel: Path, tree: ToolsTree, cache: Path
) -> None:
    machines.create("one", image, options(kernel, tpm=True, credentials={"agent.key": SECRET}))
    machine = machines.start("one", tree, cache)
    assert machine.status is Status.RUNNING
    assert machine.run is not None
    words = Path(f"/proc/{machine.run.qemu.pid}/cmdline").read_bytes()
    assert SECRET not in words
    assert b"credentials/agent.key" in words
    with pytest.raises(BusyError) as caught:
        machines.start("one", tree, cache)
    assert caught.value.reference == "machine-running"
    with pytest.raises(BusyError):
        machines.delete("one")
    chip = process.find(machine.folder / tpm.PID_FILE, machine.folder, "swtpm")
    assert chip is not None

    watcher = Watcher(machine.console_log)
    running = lambda: machines.get("one").status is Status.RUNNING  # noqa: E731
    seen = list(watcher.follow(running, BOOT_SECONDS))
    assert [s.phase for s in seen if isinstance(s, Reached)][-1] is Phase.KERNEL
    assert machines.wait("one", 10)
    assert machines.get("one").status is Status.STOPPED
    assert process.wait(chip, 10)
    lines = console.tail(machine.console_log)
    assert any("TPM2" in line for line in lines)
    found = fault.explain(lines)
    assert found is not None
    assert found.fault.id == "no-root"
    assert machines.stop("one") is Stopped.ALREADY


def test_a_machine_that_was_killed_has_crashed_and_starts_again(
    machines: Machines, image: Path, kernel: Path, tree: ToolsTree, cache: Path
) -> None:
    """It stands still after its panic: it answers no power button, only the reset button."""
    machines.create("one", image, options(kernel, "console=ttyS0", on_panic=OnPanic.REBOOT))
    machine = machines.start("one", tree, cache)
    until(machine, "Kernel panic")
    machines.reset("one")
    watcher = Watcher(machine.console_log)
    end = time.monotonic() + BOOT_SECONDS
    boots: set[int] = set()
    while 2 not in boots and time.monotonic() < end:
        boots |= {s.boot for s in watcher.poll() if isinstance(s, Reached)}
        time.sleep(0.1)
    assert boots == {1, 2}
    assert machines.stop("one", 1.0) is Stopped.CUT_OFF
    assert machines.get("one").status is Status.STOPPED

    machine = machines.start("one", tree, cache)
    assert (machine.folder / power.PREVIOUS_CONSOLE).exists()
    assert machine.run is not None
    process.send(machine.run.qemu, signal.SIGKILL)
    assert machines.wait("one", 10)
    assert machines.get("one").status is Status.CRASHED
    assert machines.stop("one") is Stopped.ALREADY
    assert machines.get("one").status is Status.STOPPED
    before = machine.address
    # somebody took its port meanwhile: it gets another rather than not starting
    with pytest.MonkeyPatch.context() as patch:
        assert machine.record is not None
        taken = machine.record.port
        real = port.free
        patch.setattr(port, "free", lambda number: number != taken and real(number))
        assert machines.start("one", tree, cache).address != before
    machines.delete("one", force=True)
    assert machines.list() == []


def test_a_machine_whose_record_was_lost_can_still_be_stopped(
    machines: Machines, image: Path, kernel: Path, tree: ToolsTree, cache: Path
) -> None:
    """As after a start that was killed between starting QEMU and keeping its record."""
    machines.create("one", image, options(kernel, "console=ttyS0"))
    machine = machines.start("one", tree, cache)
    (machine.folder / "run.json").unlink()
    found = machines.get("one")
    assert found.status is Status.RUNNING
    assert machine.run is not None
    assert found.run is not None
    assert found.run.qemu == machine.run.qemu
    assert machines.stop("one", 0) is Stopped.CUT_OFF
    assert not process.alive(machine.run.qemu)


def test_of_two_starts_at_once_one_starts_the_machine(
    machines: Machines, image: Path, kernel: Path, tree: ToolsTree, cache: Path
) -> None:
    machines.create("one", image, options(kernel, "console=ttyS0"))
    outcomes: list[str] = []

    def start() -> None:
        try:
            machines.start("one", tree, cache)
            outcomes.append("started")
        except BusyError as error:
            outcomes.append(error.reference)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("started") == 1
    assert set(outcomes) <= {"started", "locked", "machine-running"}


def test_what_qemu_refuses_is_said_and_leaves_nothing_running(
    machines: Machines, image: Path, kernel: Path, tree: ToolsTree, cache: Path
) -> None:
    machines.create("one", image, options(kernel, memory=1 << 56, tpm=True))
    with pytest.raises(AdamantError) as caught:
        machines.start("one", tree, cache)
    assert caught.value.reference == "machine-not-started"
    assert "memory" in caught.value.context
    machine = machines.get("one")
    assert machine.status is Status.STOPPED
    assert process.find(machine.folder / tpm.PID_FILE, machine.folder, "swtpm") is None
    assert not (machine.folder / "tpm.sock").exists()
