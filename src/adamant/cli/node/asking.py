"""A quote asked of a machine, its key pinned when it is seen first, and judged."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from adamant.cli import proof
from adamant.cli.proof import Wanted
from adamant.model import tpm
from adamant.model.errors import VerificationError

if TYPE_CHECKING:
    from adamant.api.attest import Calls
    from adamant.api.client import Node
    from adamant.api.contexts import Context
    from adamant.api.fingerprint import Fingerprint
    from adamant.attestation.asking import Asked
    from adamant.attestation.judge import Judgement


def ask(node: "Node", name: str, pinned: str | None, nonce: bytes, roots: Path | None = None) -> "Asked":
    """A quote of the machine of the context `name`, by the key `pinned`; a key that is new is pinned there now.

    With `roots`, certificates of makers, its TPM must be one of theirs.
    """
    from adamant.api import contexts  # noqa: PLC0415 - imports gRPC

    asked = _ask(node, pinned, nonce, roots)
    if asked.new:
        contexts.pin(name, asked.key)
    return asked


def _ask(node: "Node", pinned: str | None, nonce: bytes, roots: Path | None) -> "Asked":
    from adamant.api import attest  # noqa: PLC0415 - imports gRPC
    from adamant.attestation import asking  # noqa: PLC0415

    return asking.ask(
        lambda wanted: attest.attest(node, wanted),
        lambda challenge: attest.activate(node, challenge.blob, challenge.secret),
        nonce,
        pinned,
        proof.maker_of(roots),
    )


def prove(node: "Node", name: str, context: "Context", wanted: Wanted) -> "Judgement":
    """What the machine proves now, to a question that nobody knew before. Raises what `ask` and `judge` do."""
    from adamant.attestation.judge import judge  # noqa: PLC0415 - imports cryptography

    nonce = os.urandom(tpm.QUALIFYING_SIZE)
    asked = ask(node, name, context.attestation, nonce, wanted.ek_roots)
    return judge(asked.attestation, wanted.expected({asked.key: f"context {name}"}, nonce))


def require_first_proof(
    key: "Fingerprint", waiting: "Calls", name: str, pinned: str | None, wanted: Wanted, hint: str
) -> "Judgement":
    """Raise VerificationError `release-unproven` unless a machine that nobody can know otherwise proves its release.

    It waits to be enrolled, or for recovery keys. `key` is the fingerprint of its key, `name` what it is called; the
    error's `hint` says what was not done. The judgement's attestation key is `pinned`, or new, and pinned nowhere.
    """
    from adamant.api import attest  # noqa: PLC0415 - imports the contract
    from adamant.attestation import asking  # noqa: PLC0415
    from adamant.attestation.judge import judge  # noqa: PLC0415

    nonce = os.urandom(tpm.QUALIFYING_SIZE)
    bound = attest.bound(nonce, key)
    asked = asking.ask(
        lambda _bound: attest.prove(waiting, nonce),
        lambda challenge: attest.open_challenge(waiting, challenge.blob, challenge.secret),
        bound,
        pinned,
        proof.maker_of(wanted.ek_roots),
    )
    return _require(judge(asked.attestation, wanted.expected({asked.key: name}, bound)), name, hint)


def require_recovery_proof(node: "Node", name: str, pinned: str | None, wanted: Wanted, hint: str) -> "Judgement":
    """The same for a machine that waits for recovery keys and has its identity: it is asked over its API."""
    from adamant.attestation.judge import judge  # noqa: PLC0415 - imports cryptography

    nonce = os.urandom(tpm.QUALIFYING_SIZE)
    asked = _ask(node, pinned, nonce, wanted.ek_roots)
    return _require(judge(asked.attestation, wanted.expected({asked.key: name}, nonce)), name, hint)


def require_proof(node: "Node", name: str, context: "Context", wanted: Wanted) -> None:
    """Raise VerificationError `release-unproven` unless the machine proves that it runs one of the releases."""
    found = prove(node, name, context, wanted)
    _require(found, name, f"look at all of it with: adamant node -c {name} prove --release ...")


def _require(found: "Judgement", name: str, hint: str) -> "Judgement":
    if not found.verified:
        raise VerificationError(
            "release-unproven",
            f"{name} does not prove that it runs a release that you name",
            context="\n".join(f"{each.message} [{each.reference}]" for each in found.problems),
            hint=hint,
        )
    return found
