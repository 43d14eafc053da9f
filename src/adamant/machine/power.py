"""The power of one machine: its QEMU (and TPM) on, off, and whether it runs.

Works on the machine's folder alone. Who changes the power holds the machine's lock (`machine.Machines`).
"""

import signal
import time
from pathlib import Path

from adamant.core import limits, proc
from adamant.machine import accelerator, process, qemu, record, tpm
from adamant.machine.process import Process
from adamant.machine.qemu import MachineSpec
from adamant.machine.qmp import Qmp
from adamant.machine.record import RunRecord
from adamant.model.errors import AdamantError
from adamant.packages.tools import ToolsTree

LOG = "qemu.log"
PREVIOUS_CONSOLE = "console.previous.log"

_POLL = 0.05


def running(folder: Path) -> Process | None:
    """The machine's QEMU, if it runs: as recorded, or, when the record is lost, as its pid file says."""
    run = run_record(folder)
    if run is not None and process.alive(run.qemu):
        return run.qemu
    return process.find(folder / qemu.PID_FILE, folder, "qemu-system-")


def run_record(folder: Path) -> RunRecord | None:
    """What was recorded when the machine was last started, if it can be read."""
    try:
        return record.read(folder / record.RUN, RunRecord)
    except AdamantError:
        return None


def on(folder: Path, spec: MachineSpec, tools: ToolsTree) -> None:
    """Start QEMU and return when it answers.

    The console log begins anew; the one before is kept. Raises AdamantError machine-not-started with what QEMU said;
    the caller then turns the power off, so that nothing of it stays.
    """
    log = folder / LOG
    log.unlink(missing_ok=True)
    console = folder / qemu.CONSOLE_LOG
    if console.exists():
        console.rename(folder / PREVIOUS_CONSOLE)
    if spec.tpm:
        tpm.start(folder, tools)
    pid = proc.spawn(
        f"start the machine {spec.name}",
        tools.argv(accelerator.PROGRAMS[spec.arch], *qemu.arguments(spec)),
        log=log,
        cwd=folder,
    )
    started = process.identify(pid)
    if started is not None:
        record.write(folder / record.RUN, RunRecord(started, spec.accelerator))
    deadline = time.monotonic() + limits.MACHINE_START_SECONDS
    while started is not None and process.alive(started) and time.monotonic() < deadline:
        if (folder / qemu.QMP_SOCKET).exists() and ask(folder, "query-status"):
            return
        time.sleep(_POLL)
    said = log.read_bytes()[-limits.STDERR_TAIL :].decode(errors="replace").strip()
    raise AdamantError("machine-not-started", f"QEMU does not start the machine {spec.name}", context=said)


def off(folder: Path) -> None:
    """End whatever of the machine still runs, and remove what that leaves."""
    qemu_process = running(folder)
    if qemu_process is not None:
        if ask(folder, "quit"):
            process.wait(qemu_process, limits.QMP_SECONDS)
        process.send(qemu_process, signal.SIGKILL)
        process.wait(qemu_process, limits.QMP_SECONDS)
    tpm.stop(folder)
    for name in (record.RUN, qemu.PID_FILE, qemu.QMP_SOCKET, qemu.CONSOLE_SOCKET):
        (folder / name).unlink(missing_ok=True)


def ask(folder: Path, command: str) -> bool:
    """Tell the running machine something; False when it does not take it."""
    try:
        with Qmp(folder / qemu.QMP_SOCKET) as session:
            session.execute(command)
    except AdamantError:
        return False
    return True
