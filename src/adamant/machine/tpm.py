"""The TPM of a machine: swtpm, one process for each run of the machine, its state in the machine's folder.

swtpm ends with QEMU (`--terminate`). It is started in the foreground: as a daemon it changes to `/`, where relative
names no longer hold.
"""

import signal
import time
from pathlib import Path

from adamant.core import limits, proc
from adamant.machine import process
from adamant.machine.qemu import TPM_SOCKET
from adamant.model.errors import AdamantError
from adamant.packages.tools import ToolsTree

STATE = "tpm"
LOG = "tpm.log"
PID_FILE = "tpm.pid"
_POLL = 0.02


def arguments() -> tuple[str, ...]:
    """Arguments of swtpm, which runs in the machine's folder: its options know no quotes for a comma in a path."""
    return (
        *("socket", "--tpm2"),
        *("--tpmstate", f"dir={STATE},mode=0600"),
        *("--ctrl", f"type=unixio,path={TPM_SOCKET},mode=0600"),
        *("--flags", "startup-clear"),
        *("--pid", f"file={PID_FILE}"),
        "--terminate",
    )


def start(folder: Path, tools: ToolsTree) -> None:
    """Start the TPM of the machine in `folder` and wait until QEMU can connect to it.

    Raises AdamantError tpm-not-started with what swtpm said.
    """
    (folder / STATE).mkdir(mode=0o700, exist_ok=True)
    socket = folder / TPM_SOCKET
    socket.unlink(missing_ok=True)
    log = folder / LOG
    log.unlink(missing_ok=True)
    pid = proc.spawn(
        "start the TPM of the machine",
        tools.argv("swtpm", *arguments()),
        environment=tools.environment,
        log=log,
        cwd=folder,
    )
    started = process.identify(pid)
    deadline = time.monotonic() + limits.MACHINE_START_SECONDS
    while started is not None and process.alive(started) and time.monotonic() < deadline:
        if socket.exists():
            return
        time.sleep(_POLL)
    said = log.read_bytes()[-limits.STDERR_TAIL :].decode(errors="replace").strip()
    stop(folder)
    raise AdamantError("tpm-not-started", "the TPM of the machine does not start", context=said)


def stop(folder: Path) -> None:
    """End the TPM of the machine in `folder`, if it still runs: QEMU never came, or was killed."""
    left = process.find(folder / PID_FILE, folder, "swtpm")
    if left is not None:
        process.send(left, signal.SIGKILL)
        process.wait(left, limits.QMP_SECONDS)
    for name in (PID_FILE, TPM_SOCKET):
        (folder / name).unlink(missing_ok=True)
