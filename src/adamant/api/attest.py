"""Quotes of a node's TPM, on the client's side."""

from typing import TYPE_CHECKING

from adamant.api import attest_pb2 as pb
from adamant.core import limits
from adamant.model.attestation import Attestation

if TYPE_CHECKING:
    from adamant.api.client import Node


def attest(node: "Node", nonce: bytes) -> Attestation:
    """A quote over `nonce` with what belongs to it, as the node says it is. Nothing of it was checked."""
    answer = node.call("Attest", pb.AttestRequest(nonce=nonce), limits.ATTEST_SECONDS)
    return Attestation(
        quote=answer.quote,
        signature=answer.signature,
        ak=answer.ak,
        ek=answer.ek,
        ek_certificate=answer.ek_certificate,
        pcrs={str(register.index): register.value for register in answer.registers},
        event_log=answer.event_log,
        system_log=answer.system_log,
    )


def activate(node: "Node", blob: bytes, secret: bytes) -> bytes:
    """What the node's TPM finds in a challenge."""
    answer = node.call("Activate", pb.ActivateRequest(blob=blob, secret=secret), limits.ATTEST_SECONDS)
    return bytes(answer.credential)
