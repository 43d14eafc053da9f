"""A real TPM 2.0 (swtpm of the tools tree), spoken to as a firmware and a kernel do it."""

import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adamant.attestation.credential import Challenge
from adamant.attestation.event_log import Event
from adamant.core import limits
from adamant.model import tpm
from adamant.node.attest.tpm import Tpm, Transmit
from adamant.packages.tools import ToolsTree

TPM_CC_PCR_EXTEND = 0x00000182


@contextmanager
def chip(tree: ToolsTree, folder: Path) -> Iterator[Transmit]:
    """A TPM whose state lies in `folder`, started."""
    folder.mkdir(exist_ok=True)
    path = folder / "socket"
    arguments = ["socket", "--tpm2", "--tpmstate", f"dir={folder}", "--server", f"type=unixio,path={path}"]
    argv = list(map(str, tree.argv("swtpm", *arguments, "--flags", "not-need-init,startup-clear")))
    running = subprocess.Popen(argv, stdin=subprocess.DEVNULL, env={**os.environ, **tree.environment})
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            for _ in range(600):
                try:
                    connection.connect(str(path))
                    break
                except OSError:
                    time.sleep(0.1)

            def transmit(command: bytes) -> bytes:
                connection.sendall(command)
                return connection.recv(limits.TPM_RESPONSE)

            yield transmit
    finally:
        running.terminate()
        running.wait(30)
        path.unlink(missing_ok=True)


def extend(transmit: Transmit, event: Event) -> None:
    """TPM2_PCR_Extend, as a firmware does it."""
    session = struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)
    body = struct.pack(">I", event.register) + session + struct.pack(">IH", 1, tpm.TPM_ALG_SHA256) + event.digest
    answer = transmit(struct.pack(">HII", tpm.TPM_ST_SESSIONS, 10 + len(body), TPM_CC_PCR_EXTEND) + body)
    assert answer[6:10] == bytes(4), answer.hex()


def activating(transmit: Transmit) -> Callable[[Challenge], bytes]:
    def activate(challenge: Challenge) -> bytes:
        mine = Tpm(transmit)
        ek, _ = mine.create_primary(tpm.ek_template())
        ak, _ = mine.create_primary(tpm.ak_template())
        return mine.activate_credential(ak, ek, challenge.blob, challenge.secret)

    return activate


def flush(transmit: Transmit) -> None:
    """What the kernel's resource manager does when the device is closed: no key and no session stays loaded."""
    for first in (0x80000000, 0x03000000):
        for handle in range(first, first + 3):
            transmit(struct.pack(">HIII", tpm.TPM_ST_NO_SESSIONS, 14, 0x00000165, handle))
