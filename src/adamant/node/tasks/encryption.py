"""The task `encryption`: which keys open the encrypted partitions, and new ones. It may open disks and the TPM.

Request: act (look, recovery-key, keep, reseal or recover), and for the others than look replace (a truth value), slots
(of the recovery key of each volume that stays), public_key (PEM, may be empty) or keys (the recovery key of each volume
that is bound anew). Data: JSON. For look, the header's keys of each volume; for recovery-key, the new key of each and
its slot; else nothing. Trailer: nothing. systemd-cryptenroll(1) makes the keys; it takes the disk's own from where the
boot has, or by the recovery key.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from adamant.core import files, limits, proc
from adamant.model import luks2
from adamant.model.encryption import CREDENTIAL, Encryption
from adamant.model.errors import AdamantError, InputError
from adamant.node import encryption
from adamant.node.encryption import BY_LABEL, VOLUMES
from adamant.node.tasks.answer import Answer

_ENROLL = "/usr/bin/systemd-cryptenroll"
_WIPE_TPM = "--wipe-slot=tpm2"
_OPENS_NOTHING = "Unlocking via keyfile failed"
"""What the program says of a key that no slot takes."""


def work(request: Mapping[str, Any], answer: Answer, root: Path = Path("/")) -> Mapping[str, Any]:
    """Do what is asked for, on one volume after the other."""
    devices = {name: root / BY_LABEL / name for name in VOLUMES}
    how = encryption.wanted(root)
    if request["act"] == "look":
        found = {name: msgspec.to_builtins(_look(device)) for name, device in devices.items()}
        answer.send(json.dumps(found).encode())
    elif request["act"] == "recovery-key":
        made = _recovery_keys(devices, _unlock(how), replace=bool(request["replace"]))
        answer.send(json.dumps(made).encode())
    elif request["act"] == "keep":
        _keep(devices, request["slots"])
    elif how is not Encryption.TPM:
        raise InputError(
            "reseal-without-tpm",
            "no TPM opens the disks of this machine: they open for any release",
            hint="adamant node encryption says what opens them",
        )
    elif request["act"] == "recover":
        _recover({devices[name]: str(key) for name, key in request["keys"].items()}, root)
    else:
        _reseal(devices, str(request["public_key"]), root)
    return {}


def _unlock(how: Encryption | None) -> str:
    """How systemd-cryptenroll gets the key that the boot had."""
    if how is Encryption.TPM:
        return "--unlock-tpm2-device=auto"
    return f"--unlock-key-file={os.environ['CREDENTIALS_DIRECTORY']}/{CREDENTIAL}"


def _look(device: Path) -> luks2.Header:
    with device.open("rb") as source:
        return luks2.read(source.read(luks2.HEADER_MOST))


def _recovery_keys(devices: Mapping[str, Path], unlock: str, *, replace: bool) -> dict[str, dict[str, str | int]]:
    """New recovery keys. Those before stay: somebody has them, and nobody has read the new ones yet."""
    before = {name: _look(device).recovery_slots for name, device in devices.items()}
    if not replace and any(before.values()):
        raise InputError(
            "recovery-key-shown",
            "this machine has recovery keys already, and they are kept nowhere",
            hint="adamant node recovery-key --replace makes new ones; the old ones open nothing once these were shown",
        )
    found: dict[str, dict[str, str | int]] = {}
    for name, device in devices.items():
        argv: list[proc.Argument] = [_ENROLL, unlock, "--recovery-key", device]
        try:
            done = proc.run(f"make a recovery key of {name}", argv, seconds=limits.ENCRYPTION_SECONDS)
        except proc.ProgramFailed as error:
            # without those that were made for others, the next call is as this one
            for other, made in found.items():
                proc.run(f"drop the one of {other}", _drop(devices[other], [int(made["slot"])]), check=False)
            raise AdamantError(
                "recovery-key-failed",
                f"no recovery key of {name} could be made, so this machine has told none",
                context=error.stderr,
                hint="the disks open as before; call it again",
            ) from error
        (slot,) = set(_look(device).recovery_slots) - set(before[name])
        found[name] = {"key": done.stdout.decode("ascii").strip(), "slot": slot}
    return found


def _keep(devices: Mapping[str, Path], slots: Mapping[str, int]) -> None:
    """Drop every recovery key but those in `slots`, once all of these are seen to be there."""
    there = {name: _look(device).recovery_slots for name, device in devices.items()}
    if slots.keys() != there.keys() or not all(slots[name] in there[name] for name in there):
        raise InputError(
            "recovery-key-gone",
            "a recovery key that is to stay is not on the disk, so none was dropped",
            hint="did somebody else make new ones? adamant node recovery-key --replace makes them again",
        )
    for name, device in devices.items():
        others = [slot for slot in there[name] if slot != slots[name]]
        if others:
            proc.run(f"drop the recovery keys of {name} that were before", _drop(device, others))


def _drop(device: Path, slots: Sequence[int]) -> list[proc.Argument]:
    return [_ENROLL, f"--wipe-slot={','.join(map(str, slots))}", device]


def _reseal(devices: Mapping[str, Path], public_key: str, root: Path) -> None:
    with files.work_folder(root / "run", "reseal") as work_folder:
        key, wipe = root / encryption.PUBLIC_KEY, [_WIPE_TPM]
        if public_key:
            key, wipe = work_folder / "public.pem", []
            key.write_text(public_key)
        for device in devices.values():
            _bind(device, key, _unlock(Encryption.TPM), *wipe)


def _recover(keys: Mapping[Path, str], root: Path) -> None:
    with files.work_folder(root / "run", "recover") as work_folder:
        for device, key in keys.items():
            kept = work_folder / device.name
            kept.touch(mode=0o600)
            kept.write_text(key)
            try:
                # What is bound by the same public key already is left alone, whichever TPM has it. So the first round
                # tries the key, and only then that goes.
                _bind(device, root / encryption.PUBLIC_KEY, f"--unlock-key-file={kept}")
                proc.run(f"drop what {device.name} was bound to", [_ENROLL, _WIPE_TPM, device])
                _bind(device, root / encryption.PUBLIC_KEY, f"--unlock-key-file={kept}")
            except proc.ProgramFailed as error:
                if _OPENS_NOTHING in error.stderr:
                    raise InputError(
                        "recovery-key-wrong",
                        f"the recovery key of {device.name} does not open it",
                        hint="is it the one that was made last, of this machine?",
                    ) from error
                raise AdamantError(
                    "recovery-failed",
                    f"{device.name} could not be bound to the TPM",
                    context=error.stderr,
                    hint="is there a TPM, and does it answer? The recovery key opens the disk as before",
                ) from error


def _bind(device: Path, public_key: Path, *options: str) -> None:
    policy = ["--tpm2-device=auto", "--tpm2-pcrs=", f"--tpm2-public-key={public_key}", "--tpm2-public-key-pcrs=11"]
    argv: list[proc.Argument] = [_ENROLL, *policy, *options, device]
    proc.run(f"bind {device.name} to the TPM", argv, seconds=limits.ENCRYPTION_SECONDS)
