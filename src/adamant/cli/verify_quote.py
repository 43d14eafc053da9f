"""`adamant verify-quote`."""

import re
from pathlib import Path

import click
import msgspec

from adamant.cli import proof
from adamant.cli.options import json_option
from adamant.cli.proof import HexBytes, Wanted
from adamant.core import files, limits
from adamant.model import attestation, tpm
from adamant.model.errors import ExitCode, InputError

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_EPILOG = """\b
Examples:
  adamant verify-quote quote.json --release out/example_1_amd64
  adamant verify-quote quote.json --release old/manifest.json --release new/manifest.json --nonce 8d5f1c0b42a97e33
  adamant verify-quote quote.json --release out/example_1_amd64 --ak first-quote.json --secure-boot --json
"""


@click.command("verify-quote", epilog=_EPILOG)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@proof.wanted_options(required=True, asks=False)
@click.option("--nonce", type=HexBytes(), help="The nonce that the quote was asked with: no other one counts.")
@click.option(
    "--ak",
    metavar="FINGERPRINT|QUOTE",
    help="The attestation key: its fingerprint, or a file of node attest with an earlier quote of the same key."
    "  [default: those that contexts pin]",
)
@json_option
def command(file: Path, wanted: Wanted, nonce: bytes | None, ak: str | None, as_json: bool) -> int:
    """Check a quote of adamant node attest, and say which release the machine runs, or what differs.

    The releases are believed: take their manifests from where you trust them. Exit code 3 when the quote does not prove
    that one of them runs.
    """
    from adamant.attestation.judge import judge  # noqa: PLC0415 - imports cryptography

    quote = attestation.decode(files.read_limited(file, limits.ATTESTATION_SIZE, "attestation"))
    found = judge(quote, wanted.expected(_pinned() if ak is None else _given(ak), nonce))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo("\n".join(proof.lines(found)))
    return int(ExitCode.DONE if found.verified else ExitCode.VERIFICATION)


def _given(key: str) -> dict[str, str]:
    """The key that a person names, by its fingerprint."""
    if _FINGERPRINT.fullmatch(key):
        return {key: "you"}
    path = Path(key)
    if not path.is_file():
        raise InputError(
            "attestation-key-malformed",
            f"{key[:80]!r} is neither a fingerprint of an attestation key nor a file",
            hint="adamant node attest shows the fingerprint, and writes a file that has the key",
        )
    known = attestation.decode(files.read_limited(path, limits.ATTESTATION_SIZE, "attestation"))
    return {tpm.fingerprint(known.ak): path.name}


def _pinned() -> dict[str, str]:
    """The keys that contexts pin."""
    from adamant.api import contexts  # noqa: PLC0415 - imports gRPC

    found = contexts.read().contexts
    return {context.attestation: f"context {name}" for name, context in found.items() if context.attestation}
