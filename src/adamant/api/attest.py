"""Quotes of a node's TPM, on the client's side, and what a node that waits to be enrolled has its TPM sign."""

import hashlib
from typing import Any, Protocol

from adamant.api import attest_pb2 as pb
from adamant.api.fingerprint import Fingerprint
from adamant.core import limits
from adamant.model.attestation import Attestation


class Calls(Protocol):
    """Who answers: `api.client.Node`, or a node that waits to be enrolled."""

    def call(self, name: str, request: Any, seconds: float) -> Any:
        """The answer of the method `name`."""


def attest(node: Calls, nonce: bytes) -> Attestation:
    """A quote over `nonce` with what belongs to it, as the node says it is. Nothing of it was checked."""
    return _attestation(node.call("Attest", pb.AttestRequest(nonce=nonce), limits.ATTEST_SECONDS))


def activate(node: Calls, blob: bytes, secret: bytes) -> bytes:
    """What the node's TPM finds in a challenge."""
    answer = node.call("Activate", pb.ActivateRequest(blob=blob, secret=secret), limits.ATTEST_SECONDS)
    return bytes(answer.credential)


def prove(waiting: Calls, nonce: bytes) -> Attestation:
    """As `attest`, of a node that waits to be enrolled: the quote is to hold `bound(nonce, key)`."""
    return _attestation(waiting.call("Prove", pb.AttestRequest(nonce=nonce), limits.ATTEST_SECONDS))


def open_challenge(waiting: Calls, blob: bytes, secret: bytes) -> bytes:
    """As `activate`, of a node that waits to be enrolled."""
    answer = waiting.call("OpenChallenge", pb.ActivateRequest(blob=blob, secret=secret), limits.ATTEST_SECONDS)
    return bytes(answer.credential)


def bound(nonce: bytes, key: Fingerprint) -> bytes:
    """What the TPM of a waiting node signs for `nonce`; `key` is the fingerprint of the node's own key.

    Anybody may ask such a node. Without its key in it, an answer could be passed on by another machine as its own.
    """
    return hashlib.sha256(nonce + bytes.fromhex(key)).digest()


def _attestation(answer: pb.AttestResponse) -> Attestation:
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
