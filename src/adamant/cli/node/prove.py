"""`adamant node prove`."""

import click

from adamant.cli import proof
from adamant.cli.node import asking, reach
from adamant.cli.options import json_option
from adamant.cli.proof import Wanted
from adamant.model.errors import ExitCode

_EPILOG = """\b
Examples:
  adamant node prove --release out/example_1_amd64
  adamant node --all prove --release old/manifest.json --release new/manifest.json --secure-boot
"""


@click.command("prove", epilog=_EPILOG)
@proof.wanted_options(required=True)
@json_option
@click.pass_context
def command(ctx: click.Context, wanted: Wanted, as_json: bool) -> int:
    """Have machines prove by their TPM which release they run: attest and verify-quote in one, with a nonce of its own.

    Exit code 3 when a machine does not prove that it runs one of the releases.
    """
    return reach.ask_each(
        ctx,
        lambda name, context, node: asking.prove(node, name, context, wanted),
        proof.lines,
        as_json=as_json,
        code=lambda found: int(ExitCode.DONE if found.verified else ExitCode.VERIFICATION),
    )
