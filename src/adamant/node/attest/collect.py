"""An attestation of the machine that this runs on: a quote of its TPM, and the logs of what was measured.

It believes none of it: that is for who checks it. What it makes sure of is that registers and quote are of one moment.
"""

from pathlib import Path

import msgspec

from adamant.core import limits
from adamant.model import pcr, tpm
from adamant.model.attestation import Attestation
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.node.attest.tpm import DEVICE, EK_CERTIFICATE, RefusedError, Tpm, open_device

EVENT_LOG = "sys/kernel/security/tpm0/binary_bios_measurements"
SYSTEM_LOG = "run/log/systemd/tpm2-measure.log"
_TRIES = 3


def attest(root: Path, nonce: bytes) -> Attestation:
    """A quote over `nonce` (8 to 32 bytes), with what belongs to it.

    Raises InputError `nonce-size`, AdamantError `tpm-absent`, `tpm-no-sha256` or `tpm-failed`, BusyError `tpm-busy`.
    """
    if not 8 <= len(nonce) <= tpm.QUALIFYING_SIZE:
        raise InputError(
            "nonce-size", f"the nonce has {len(nonce)} bytes", hint=f"8 to {tpm.QUALIFYING_SIZE} bytes are taken"
        )
    try:
        with open_device(root / DEVICE) as transmit:
            found = quote(Tpm(transmit), nonce)
    except RefusedError as error:
        raise _failed(error) from error
    return msgspec.structs.replace(found, event_log=log(root / EVENT_LOG), system_log=log(root / SYSTEM_LOG))


def quote(chip: Tpm, nonce: bytes) -> Attestation:
    """What the TPM itself has to say: an attestation without logs. Raises BusyError `tpm-busy`."""
    _, ek = chip.create_primary(tpm.ek_template())
    key, ak = chip.create_primary(tpm.ak_template())
    certificate = chip.read_nv(EK_CERTIFICATE)
    for _ in range(_TRIES):
        values = chip.read_pcrs(pcr.QUOTED)
        quoted, signature = chip.quote(key, nonce, pcr.QUOTED)
        if values == chip.read_pcrs(pcr.QUOTED):
            break
    else:
        raise BusyError("tpm-busy", "the TPM is being extended all the time", hint="try again later")
    return Attestation(
        quote=quoted,
        signature=signature,
        ak=ak,
        ek=ek,
        ek_certificate=certificate,
        pcrs={str(index): value for index, value in values.items()},
        event_log=b"",
    )


def activate(root: Path, blob: bytes, secret: bytes) -> bytes:
    """What a challenge holds that was made for this machine's endorsement key and attestation key.

    Raises InputError `credential-refused`, and what `attest` raises of the TPM.
    """
    try:
        with open_device(root / DEVICE) as transmit:
            chip = Tpm(transmit)
            ek, _ = chip.create_primary(tpm.ek_template())
            ak, _ = chip.create_primary(tpm.ak_template())
            return chip.activate_credential(ak, ek, blob, secret)
    except RefusedError as error:
        raise _failed(error) from error


def _failed(error: RefusedError) -> AdamantError:
    return AdamantError(
        "tpm-failed",
        "the TPM refuses a command that a quote takes",
        context=str(error),
        hint="a password on its endorsement hierarchy, or a key on P-256 that it cannot make, are the usual reasons",
    )


def log(path: Path) -> bytes:
    """A log of measurements; empty when there is none."""
    try:
        with path.open("rb") as source:
            data = source.read(limits.EVENT_LOG_SIZE + 1)
    except OSError:
        return b""
    if len(data) > limits.EVENT_LOG_SIZE:
        raise AdamantError("event-log-large", f"{path} has more than {limits.EVENT_LOG_SIZE} bytes")
    return data
