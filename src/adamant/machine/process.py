"""Processes that outlive a command, told apart for certain.

A process id alone is never trusted: ids are used again. A process is known by its id, its start time and the boot of
the host it ran in, and it is signalled through a descriptor of that very process (pidfd), so that no other one is hit.
"""

import os
import select
import signal
from pathlib import Path

import msgspec

_STATE = 0
_START = 19
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Process(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A process of this host: `start` in clock ticks since the boot `boot` (proc(5), `stat`, field 22)."""

    pid: int
    start: int
    boot: str


def boot_id() -> str:
    """Identifier of this boot of the host."""
    return _BOOT_ID.read_text().strip()


def identify(pid: int) -> Process | None:
    """The process that has `pid` now; None when there is none, or it has ended and only waits to be collected."""
    fields = _stat(pid)
    if fields is None or fields[_STATE] in {"Z", "X"}:
        return None
    return Process(pid, int(fields[_START]), boot_id())


def alive(process: Process) -> bool:
    """Whether this very process still runs."""
    return identify(process.pid) == process


def find(pid_file: Path, folder: Path, program: str) -> Process | None:
    """The process that wrote `pid_file`, if it runs `program` in the working folder `folder`.

    For a process whose record was lost because the command that started it was killed.
    """
    try:
        pid = int(pid_file.read_bytes()[:32])
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        same = Path(f"/proc/{pid}/cwd").samefile(folder)
    except (OSError, ValueError):
        return None
    return identify(pid) if same and program.encode() in words else None


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to this very process; nothing happens when it has ended."""
    descriptor = _open(process)
    if descriptor is None:
        return
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def wait(process: Process, seconds: float) -> bool:
    """Wait until the process has ended, at most `seconds`. Whether it has."""
    descriptor = _open(process)
    if descriptor is None:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(max(0, int(seconds * 1000))))
    finally:
        os.close(descriptor)


def _open(process: Process) -> int | None:
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return None
    if alive(process):
        return descriptor
    os.close(descriptor)
    return None


def _stat(pid: int) -> list[str] | None:
    """Fields of proc(5) `stat` from the third on; the second holds the program's name, which may hold anything."""
    if pid <= 0:
        return None
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().decode(errors="replace")
    except OSError:
        return None
    return text[text.rfind(")") + 2 :].split()
