"""`adamant node attest`."""

import json
import os
import sys
from pathlib import Path

import click

from adamant.cli.node import asking, reach
from adamant.cli.options import json_option
from adamant.cli.proof import HexBytes, replace_key_option, roots_option
from adamant.core import files
from adamant.model import tpm
from adamant.model.errors import ExitCode, InputError

_EPILOG = """\b
Examples:
  adamant node attest -o quote.json
  adamant node attest --nonce 8d5f1c0b42a97e3366d0f1b8c4a2e790 -o quote.json
  adamant node attest --ek-roots makers/ -o quote.json
  adamant verify-quote quote.json --release out/example_1_amd64
"""


@click.command("attest", epilog=_EPILOG)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default="-",
    help="File for the quote; - is standard output, to a pipe and not to a terminal.  [default: -]",
)
@click.option("--nonce", type=HexBytes(), help="8 to 32 bytes that the quote is to hold.  [default: 32 random ones]")
@replace_key_option
@roots_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, output: Path, nonce: bytes | None, replace_key: bool, ek_roots: Path | None, as_json: bool
) -> int:
    """Have the machine's TPM sign how it was booted, for adamant verify-quote.

    The quote goes to -o; which nonce and which keys it is of goes to standard error, with --json as an object.

    The key is pinned in the context when it is seen first, after the TPM has shown that the key is its own. A machine
    that answers with another key later is refused.
    """
    from adamant.api import contexts  # noqa: PLC0415 - imports gRPC
    from adamant.model.attestation import encode  # noqa: PLC0415

    if str(output) == "-" and sys.stdout.isatty():
        raise InputError("output-terminal", "a terminal shows no quote", hint="name a file with -o, or use a pipe")
    nonce = nonce if nonce is not None else os.urandom(tpm.QUALIFYING_SIZE)
    name, context = contexts.find(reach.one(ctx))
    with reach.connect(ctx) as node:
        asked = asking.ask(node, name, None if replace_key else context.attestation, nonce, ek_roots)
    if str(output) == "-":
        click.echo(encode(asked.attestation), nl=False)
    else:
        files.write_atomic(output, encode(asked.attestation))
    if as_json:
        facts = {
            "nonce": nonce.hex(),
            "key": asked.key,
            "pinned": asked.new,
            "endorsement_key": asked.endorsement_key,
            "issuer": asked.issuer,
            "maker": asked.maker,
        }
        click.echo(json.dumps(facts), err=True)
        return int(ExitCode.DONE)
    checked = f"which leads to {asked.maker}" if asked.maker else "which nobody has checked"
    certified = f"certified by {asked.issuer}, {checked}" if asked.issuer else "with no certificate"
    rows = [
        ("nonce", nonce.hex()),
        ("attestation key", f"{asked.key} ({'pinned now' if asked.new else 'as pinned'})"),
        ("endorsement key", f"{asked.endorsement_key} ({certified})"),
    ]
    click.echo("\n".join(reach.table(rows)), err=True)
    return int(ExitCode.DONE)
