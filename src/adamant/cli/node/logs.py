"""`adamant node logs` and `adamant node dmesg`."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option
from adamant.model.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])

_EPILOG = """\b
Examples:
  adamant node logs containerd -n 50      its last fifty lines
  adamant node logs -f --priority warning all warnings, as they come
  adamant node logs --boot -1             the boot before this one
"""
_DMESG = """\b
Examples:
  adamant node dmesg                      all that the kernel said since the boot
  adamant node dmesg -f
"""
_NAMES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_COLOURS = {0: "red", 1: "red", 2: "red", 3: "red", 4: "yellow", 7: "bright_black"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _time(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> int:
    """Microseconds since the Unix epoch of "2h" (ago), "2026-11-28" or "2026-11-28 09:30[:15]" (UTC); 0 for None.

    What lies before the epoch is its first microsecond: no journal is older.
    """
    if value is None:
        return 0
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", value)
    if match:
        return max(1, int((time.time() - int(match[1]) * _UNITS[match[2]]) * 1_000_000))  # 0 would be no time at all
    try:
        when = datetime.fromisoformat(value)
    except ValueError as error:
        raise InputError(
            "time-malformed", f"not a time: {value[:80]!r}", hint='write 30m, 2h, 1d, or "2026-11-28 09:30" (UTC)'
        ) from error
    return max(1, int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1_000_000))


def _which(function: F) -> F:
    """What `logs` and `dmesg` can both choose."""
    for option in reversed(
        (
            click.option("-f", "--follow", is_flag=True, help="Wait for new ones."),
            click.option("-n", "--lines", type=click.IntRange(min=1), help="Only the last N.", metavar="N"),
            click.option("--since", callback=_time, metavar="TIME", help="Not older: 2h, 1d or a date and time."),
            click.option("--until", callback=_time, metavar="TIME", help="Not younger."),
            click.option("--boot", type=int, default=0, show_default="this one", help="-1 is the boot before."),
            click.option("--priority", type=click.Choice(_NAMES), help="Only this priority and above."),
            click.option("--contains", default="", metavar="TEXT", help="Only messages with this text."),
            json_option,
        )
    ):
        function = option(function)
    return function


@click.command("logs", epilog=_EPILOG)
@click.argument("units", nargs=-1, shell_complete=reach.complete_names("services"))
@click.option("--all-boots", is_flag=True, help="Of every boot that is kept.")
@_which
@click.pass_context
def logs(ctx: click.Context, /, units: tuple[str, ...], **options: Any) -> int:
    """Show the machine's journal, or that of UNITS. JSON lines with --json."""
    return _show(ctx, units=[unit if "." in unit else f"{unit}.service" for unit in units], **options)


@click.command("dmesg", epilog=_DMESG)
@_which
@click.pass_context
def dmesg(ctx: click.Context, /, **options: Any) -> int:
    """Show what the kernel said. JSON lines with --json."""
    return _show(ctx, kernel=True, **options)


def _show(ctx: click.Context, *, as_json: bool, since: int, until: int, **options: Any) -> int:
    from adamant.api import logs_pb2  # noqa: PLC0415 - imports protobuf
    from adamant.api.logs import logs as ask  # noqa: PLC0415

    priority = options.pop("priority")
    lines = options.pop("lines")
    request = logs_pb2.LogsRequest(
        since_usec=since,
        until_usec=until,
        priority=_NAMES.index(priority) if priority else 0,
        lines=lines or (10 if options["follow"] else 0),
        **options,
    )
    return reach.follow(ctx, lambda node: ask(node, request), _line, as_json=as_json)


def _line(entry: Any) -> str:
    when = datetime.fromtimestamp(entry.time_usec / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
    who = entry.identifier or entry.unit or "?"
    pid = f"[{entry.pid}]" if entry.pid else ""
    # What a log says is not ours: no byte of it may move the cursor or set a colour.
    message = "".join(c if c.isprintable() or c == "\t" else "\n  " if c == "\n" else "\ufffd" for c in entry.message)
    return f"{when}  {click.style(f'{who}{pid}', bold=True)}  {click.style(message, fg=_COLOURS.get(entry.priority))}"
