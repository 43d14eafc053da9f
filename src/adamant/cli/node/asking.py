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
    from adamant.api import attest, contexts  # noqa: PLC0415 - imports gRPC
    from adamant.attestation import asking  # noqa: PLC0415

    asked = asking.ask(
        lambda wanted: attest.attest(node, wanted),
        lambda challenge: attest.activate(node, challenge.blob, challenge.secret),
        nonce,
        pinned,
        proof.maker_of(roots),
    )
    if asked.new:
        contexts.pin(name, asked.key)
    return asked


def prove(node: "Node", name: str, context: "Context", wanted: Wanted) -> "Judgement":
    """What the machine proves now, to a question that nobody knew before. Raises what `ask` and `judge` do."""
    from adamant.attestation.judge import judge  # noqa: PLC0415 - imports cryptography

    nonce = os.urandom(tpm.QUALIFYING_SIZE)
    asked = ask(node, name, context.attestation, nonce, wanted.ek_roots)
    return judge(asked.attestation, wanted.expected({asked.key: f"context {name}"}, nonce))


def require_first_proof(key: "Fingerprint", waiting: "Calls", name: str, pinned: str | None, wanted: Wanted) -> "Asked":
    """Raise VerificationError `release-unproven` unless a machine that waits to be enrolled proves its release.

    `key` is the fingerprint of its key, `name` what it is to be called.
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
    found = judge(asked.attestation, wanted.expected({asked.key: name}, bound))
    _require(found, name, "its certificate was not signed, and it waits as before")
    return asked


def require_proof(node: "Node", name: str, context: "Context", wanted: Wanted) -> None:
    """Raise VerificationError `release-unproven` unless the machine proves that it runs one of the releases."""
    found = prove(node, name, context, wanted)
    _require(found, name, f"look at all of it with: adamant node -c {name} prove --release ...")


def _require(found: "Judgement", name: str, hint: str) -> None:
    if not found.verified:
        raise VerificationError(
            "release-unproven",
            f"{name} does not prove that it runs a release that you name",
            context="\n".join(f"{each.message} [{each.reference}]" for each in found.problems),
            hint=hint,
        )
