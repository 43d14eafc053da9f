"""`adamant node crashes`."""

from datetime import UTC, datetime
from typing import Any

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option

_EPILOG = """\b
Examples:
  adamant node crashes list
  adamant node crashes show 4f2a      the record of the boot whose id begins so
"""


def _complete_id(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from adamant.api.crash import crashes  # noqa: PLC0415

    return reach.complete(ctx, lambda node: [made.boot_id for made in crashes(node).crashes], incomplete)


@click.group("crashes", epilog=_EPILOG)
def group() -> None:
    """Show what was kept of boots that did not end by a shutdown."""


@group.command("list", epilog="Example: adamant node crashes list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> int:
    """List the records, the newest first."""
    from adamant.api.crash import crashes  # noqa: PLC0415 - imports protobuf

    return reach.ask(ctx, crashes, _lines, as_json=as_json)


@group.command("show", epilog="Example: adamant node crashes show 4f2a")
@click.argument("boot_id", shell_complete=_complete_id)
@json_option
@click.pass_context
def show(ctx: click.Context, boot_id: str, as_json: bool) -> int:
    """Show a record with the last words of the kernel and of the journal. BOOT_ID may be the begin of an id."""
    from adamant.api.crash import crash  # noqa: PLC0415 - imports protobuf

    return reach.ask(ctx, lambda node: crash(node, boot_id), _record, as_json=as_json)


def _lines(answer: Any) -> list[str]:
    if not answer.crashes:
        return ["every boot that is known of ended by a shutdown"]
    return [f"{made.boot_id[:8]}  {_when(made.last_usec):<19}  {reach.plain(made.reason)}" for made in answer.crashes]


def _record(made: Any) -> list[str]:
    source = "the firmware's memory" if made.pstore else "the journal"
    return [
        *reach.table(
            [
                ("boot id", made.boot_id),
                ("last seen", f"{_when(made.last_usec)} UTC" if made.last_usec else "unknown"),
                ("recorded", f"{_when(made.recorded_usec)} UTC"),
                ("reason", reach.plain(made.reason)),
            ]
        ),
        *_text(f"kernel, from {source}", made.kernel),
        *_text("journal", made.journal),
    ]


def _text(title: str, text: str) -> list[str]:
    lines = text.splitlines() or ["nothing was kept"]
    return ["", click.style(title, bold=True), *(f"  {reach.plain(line)}" for line in lines)]


def _when(usec: int) -> str:
    return datetime.fromtimestamp(usec / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S") if usec else "unknown"
