"""Quotes of the machine's TPM. The agent may not open it: the task `attest` does, and this passes on what it says."""

from pathlib import Path

from adamant.api import attest_pb2 as pb
from adamant.core import limits
from adamant.model import attestation
from adamant.model.errors import AdamantError, VerificationError
from adamant.node.tasks import task


def attest(request: pb.AttestRequest, folder: Path = task.FOLDER) -> pb.AttestResponse:
    """The answer to Attest."""
    try:
        found = attestation.decode(_ask({"nonce": request.nonce.hex()}, folder))
    except VerificationError as error:
        raise AdamantError("task-failed", "the task attest sent what is no answer", context=error.message) from error
    return pb.AttestResponse(
        quote=found.quote,
        signature=found.signature,
        ak=found.ak,
        ek=found.ek,
        ek_certificate=found.ek_certificate,
        registers=[pb.RegisterValue(index=int(index), value=value) for index, value in found.pcrs.items()],
        event_log=found.event_log,
        system_log=found.system_log,
    )


def activate(request: pb.ActivateRequest, folder: Path = task.FOLDER) -> pb.ActivateResponse:
    """The answer to Activate."""
    asked = {"blob": request.blob.hex(), "secret": request.secret.hex()}
    return pb.ActivateResponse(credential=_ask(asked, folder))


def _ask(request: dict[str, str], folder: Path) -> bytes:
    with task.start("attest", request, folder=folder, silence=limits.ATTEST_SECONDS) as running:
        data = b""
        for piece in running:
            data += piece
            if len(data) > limits.ATTESTATION_SIZE:
                raise AdamantError("task-failed", "the task attest says more than an attestation holds")
        return data
