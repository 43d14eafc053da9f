"""A real TPM 2.0 (swtpm of the tools tree), spoken to as a firmware, a kernel and its owner do it."""

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
from adamant.node.attest.tpm import TPM_CC_CREATE_PRIMARY, TPM_RH_OWNER, Tpm, Transmit
from adamant.packages.tools import ToolsTree

TPM_CC_CLEAR = 0x126
TPM_CC_DICTIONARY_ATTACK_PARAMETERS = 0x13A
TPM_CC_FLUSH_CONTEXT = 0x165
TPM_CC_GET_CAPABILITY = 0x17A
TPM_CC_PCR_EXTEND = 0x182
TPM_RH_LOCKOUT = 0x4000000A
TPM_RH_PLATFORM = 0x4000000C
_PASSWORD = struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)


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
    digests = struct.pack(">IH", 1, tpm.TPM_ALG_SHA256) + event.digest
    _command(transmit, TPM_CC_PCR_EXTEND, struct.pack(">I", event.register) + _PASSWORD + digests)


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
            transmit(struct.pack(">HIII", tpm.TPM_ST_NO_SESSIONS, 14, TPM_CC_FLUSH_CONTEXT, handle))


def clear(transmit: Transmit) -> None:
    """TPM2_Clear, as the setup of a firmware does it: the storage hierarchy has another seed, and no owner."""
    _command(transmit, TPM_CC_CLEAR, struct.pack(">I", TPM_RH_PLATFORM) + _PASSWORD)


def set_tries(transmit: Transmit, tries: int) -> None:
    """TPM2_DictionaryAttackParameters: a TPM that allows no failed try is locked out, until it allows some."""
    parameters = struct.pack(">III", tries, 86_400, 86_400)
    _command(transmit, TPM_CC_DICTIONARY_ATTACK_PARAMETERS, struct.pack(">I", TPM_RH_LOCKOUT) + _PASSWORD + parameters)


def locked_out(transmit: Transmit) -> bool:
    """TPMA_PERMANENT.inLockout (TPM 2.0 part 2, 8.6)."""
    body = struct.pack(">III", 6, 0x200, 1)  # TPM_CAP_TPM_PROPERTIES, TPM_PT_PERMANENT
    answer = transmit(struct.pack(">HII", tpm.TPM_ST_NO_SESSIONS, 10 + len(body), TPM_CC_GET_CAPABILITY) + body)
    assert answer[6:10] == bytes(4), answer.hex()
    return bool(int.from_bytes(answer[-4:], "big") & 1 << 9)


def storage_key(transmit: Transmit, template: bytes) -> bytes:
    """TPM2_CreatePrimary in the storage hierarchy: the public part of the key of a `template` (TPMT_PUBLIC)."""
    body = struct.pack(">I", TPM_RH_OWNER) + _PASSWORD + tpm.tpm2b(tpm.tpm2b(b"") * 2) + tpm.tpm2b(template)
    answer = _command(transmit, TPM_CC_CREATE_PRIMARY, body + tpm.tpm2b(b"") + bytes(4))
    handle, size = answer[10:14], int.from_bytes(answer[18:20], "big")
    flushed = transmit(struct.pack(">HII", tpm.TPM_ST_NO_SESSIONS, 14, TPM_CC_FLUSH_CONTEXT) + handle)
    assert flushed[6:10] == bytes(4), flushed.hex()
    return answer[20 : 20 + size]


def _command(transmit: Transmit, code: int, body: bytes) -> bytes:
    answer = transmit(struct.pack(">HII", tpm.TPM_ST_SESSIONS, 10 + len(body), code) + body)
    assert answer[6:10] == bytes(4), answer.hex()
    return answer
