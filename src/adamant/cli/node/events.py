"""`adamant node events`."""

from datetime import UTC, datetime
from typing import Any

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option

_KINDS = ("agent", "call", "health", "config", "service", "power", "keys", "debug", "update")

_EPILOG = """\b
Examples:
  adamant node events --last 20           the last twenty
  adamant node events -f --kind config    those about the config, as they come
"""


@click.command("events", epilog=_EPILOG)
@click.option("-f", "--follow", is_flag=True, help="Wait for new ones.")
@click.option("--last", type=click.IntRange(min=0), default=0, metavar="N", help="Only the last N of the kept ones.")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="N", help="Only those after number N.")
@click.option("--kind", "kinds", type=click.Choice(_KINDS), multiple=True, help="Only this kind; may be repeated.")
@json_option
@click.pass_context
def command(ctx: click.Context, follow: bool, last: int, after: int, kinds: tuple[str, ...], as_json: bool) -> int:
    """Show what happened on the machine, and with -f what happens: JSON lines with --json."""
    from adamant.api.types import EventKind  # noqa: PLC0415 - imports the contract

    wanted = [EventKind(kind) for kind in kinds]
    return reach.follow(
        ctx,
        lambda node: node.events(after=after, last=last, kinds=wanted, follow=follow),
        _line,
        as_json=as_json,
    )


def _line(event: Any) -> str:
    when = datetime.fromtimestamp(event.time_usec / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
    fields = "".join(f"  {name}={value}" for name, value in sorted(event.fields.items()) if value)
    missed = f"  ({event.missed} before it were dropped)" if event.missed else ""
    return f"{event.sequence:>6}  {when}  {event.kind.value:<8}  {event.message}{fields}{missed}"
