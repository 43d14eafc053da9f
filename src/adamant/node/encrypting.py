"""Keys of encrypted partitions. The agent may not open a disk: the task `encryption` does, and this passes it on."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adamant.api import encryption_pb2 as pb
from adamant.core import limits
from adamant.model import decoders, luks2
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.node import encryption
from adamant.node.tasks import task
from adamant.node.update import trial

_RECOVERY_KEY = re.compile(r"[cbdefghijklnrtuv]{8}(-[cbdefghijklnrtuv]{8}){7}")
"""256 bits in modhex, as systemd-cryptenroll(1) shows them: nobody guesses one, and no other key can be tried here."""


def volumes(root: Path, folder: Path = task.FOLDER) -> pb.EncryptionResponse:
    """The answer to Encryption."""
    found = decoders.convert(_ask({"act": "look"}, root, folder), dict[str, luks2.Header])
    how = encryption.wanted(root) or ""
    return pb.EncryptionResponse(volumes=[_volume(name, header, how) for name, header in found.items()])


def recovery_key(request: pb.RecoveryKeyRequest, root: Path, folder: Path = task.FOLDER) -> pb.RecoveryKeyResponse:
    """The answer to RecoveryKey."""
    if request.keep:
        _ask({"act": "keep", "slots": dict(request.keep)}, root, folder)
        return pb.RecoveryKeyResponse()
    found = _ask({"act": "recovery-key", "replace": request.replace}, root, folder)
    return pb.RecoveryKeyResponse(keys=[pb.RecoveryKey(volume=name, **made) for name, made in found.items()])


def reseal(request: pb.ResealRequest, root: Path, folder: Path = task.FOLDER) -> pb.ResealResponse:
    """The answer to Reseal."""
    if len(request.public_key) > limits.PEM_SIZE or not request.public_key.isascii():
        raise InputError("key-malformed", "the key of the releases to come is no public key in PEM")
    if not request.public_key and not trial.found_good(root):
        raise BusyError(
            "boot-on-trial",
            "the release that runs is still on trial: the one before may be needed, and could not open the disks",
            hint="adamant node health says what it waits for",
        )
    _ask({"act": "reseal", "public_key": request.public_key.decode("ascii")}, root, folder)
    return pb.ResealResponse()


def recover(
    request: pb.RecoverRequest, root: Path, restart: Callable[[], None], folder: Path = task.FOLDER
) -> pb.RecoverResponse:
    """The answer to Recover. `restart` is called once everything that was shut is bound."""
    if not encryption.wanted(root):
        raise _absent()
    shut = encryption.shut(root)
    if not shut:
        raise InputError(
            "disk-open", "no encrypted partition of this machine is shut", hint="adamant node reseal binds them anew"
        )
    brought = {key.volume: key.key for key in request.keys}
    for name in shut:
        if not _RECOVERY_KEY.fullmatch(brought.get(name, "")):
            raise InputError(
                "recovery-key-malformed",
                f"{name} is shut, and no recovery key of it was given",
                hint="a line of its label and its key, as adamant node recovery-key has shown it",
            )
    _ask({"act": "recover", "keys": {name: brought[name] for name in shut}}, root, folder)
    restart()
    return pb.RecoverResponse(volumes=shut)


def _absent() -> AdamantError:
    return AdamantError(
        "encryption-absent",
        "state and var of this machine are not encrypted",
        hint="images with disk.encryption have them so from their first boot on",
    )


def _volume(name: str, header: luks2.Header, how: str) -> pb.EncryptedVolume:
    keys = [
        pb.TpmKey(
            public_key=key.public_key,
            signed_registers=key.signed_registers,
            literal_registers=key.literal_registers,
        )
        for key in header.tpm_keys
    ]
    return pb.EncryptedVolume(
        name=name,
        cipher=header.cipher,
        tpm_keys=keys,
        recovery_keys=len(header.recovery_slots),
        other_keys=header.other_keys,
        opened_by=how,
    )


def _ask(request: dict[str, Any], root: Path, folder: Path) -> Any:
    if not encryption.wanted(root):
        raise _absent()
    deadline = time.monotonic() + limits.ENCRYPTION_TURN_SECONDS
    while True:
        try:
            with task.start("encryption", request, folder=folder, silence=limits.ENCRYPTION_SECONDS) as running:
                data = b"".join(running)
            return json.loads(data) if data else None
        except BusyError as error:
            # One runs at a time, and one that has answered takes a moment to end.
            if error.reference != "task-busy" or time.monotonic() > deadline:
                raise
            time.sleep(limits.ENCRYPTION_TURN_PAUSE)
