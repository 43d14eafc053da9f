"""`adamant node support`."""

import json
from datetime import UTC, datetime
from typing import Any, BinaryIO

import click

from adamant.cli import failure
from adamant.cli.node import reach
from adamant.cli.options import json_option
from adamant.model.errors import AdamantError, InputError

_EPILOG = """\b
Examples:
  adamant node support -o support.tar.gz
  adamant node -c a,b support -o both.tar.gz     a folder for each machine
  tar -xOf support.tar.gz support/index.json     what it holds
"""


@click.command("support", epilog=_EPILOG)
@click.option("-o", "--output", type=click.File("wb"), required=True, help="The archive; - is standard output.")
@json_option
@click.pass_context
def command(ctx: click.Context, output: BinaryIO, as_json: bool) -> int:
    """Collect what helps to find a fault into one archive: versions, health, events, logs, crash records.

    Keys and credentials are never in it, and what looks like a secret in a log is masked. It has logs: look into it
    before you give it away. --json prints its index.
    """
    from adamant.api import client, contexts, support  # noqa: PLC0415 - imports gRPC
    from adamant.core import limits  # noqa: PLC0415

    if output.isatty():
        raise InputError("output-terminal", "a terminal cannot show an archive", hint="name a file with -o")
    now = datetime.now(UTC)
    bundle = support.Bundle(output, now.timestamp())
    nodes: list[support.NodeIndex] = []
    codes: list[int] = []
    machines = reach.chosen(ctx)
    for name, context in machines:
        try:
            keys = contexts.credentials(context)
            with client.connect(context.address, keys, limits.SUPPORT_SECONDS) as node:
                # A machine that does not answer is one error, not one for each part.
                sections = support.sections_of(node)
                nodes.append(support.collect(node, name, bundle.add, sections))
        except AdamantError as error:
            nodes.append(support.NodeIndex(name, context.address, (), f"{error.message} [{error.reference}]"))
            failure.show(error, name)
            codes.append(int(error.exit_code))
    index = bundle.finish(now.strftime("%Y-%m-%dT%H:%M:%SZ"), nodes)
    output.flush()
    if as_json:
        click.echo(json.dumps(index), err=output.name == "<stdout>")
    else:
        for found in index["nodes"]:
            click.echo(_line(found), err=True)
    return failure.worst(codes)


def _line(found: Any) -> str:
    failed = [part["name"] for part in found["parts"] if part["error"]]
    size = sum(part["size"] for part in found["parts"])
    if found["error"]:
        return f"{found['node']}: nothing: {reach.plain(found['error'])}"
    missing = f"; not to be had: {', '.join(failed)}" if failed else ""
    return f"{found['node']}: {len(found['parts']) - len(failed)} parts, {size >> 10} KiB{missing}"
