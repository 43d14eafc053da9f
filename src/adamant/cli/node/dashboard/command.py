"""`adamant node dashboard`."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from adamant.cli.node import reach

if TYPE_CHECKING:
    from adamant.api.logs import LogEntry
    from adamant.cli.node.dashboard.poller import Asked, Poller

_EPILOG = """\b
Examples:
  adamant node dashboard                        the machine of the current context
  adamant node -c a,b dashboard                 two machines
  adamant node --all dashboard --interval 5
"""


@click.command("dashboard", epilog=_EPILOG)
@click.option(
    "--interval", type=click.FloatRange(1.0, 60.0), default=2.0, show_default=True, help="Seconds between questions."
)
@click.pass_context
def command(ctx: click.Context, interval: float) -> None:
    """Watch machines: their health, services, load, and what happens. Keys: arrows, tab, e, l, q."""
    from adamant.cli.node.dashboard import poller, terminal  # noqa: PLC0415

    terminal.require()
    chosen = reach.chosen(ctx)
    with terminal.inbox() as inbox:
        pollers = [
            poller.Poller(name, context.address, _opener(name), inbox.wake, interval, _read_log)
            for name, context in chosen
        ]
        for one in pollers:
            one.start()
        try:
            _show(pollers, inbox.wait)
        finally:
            for one in pollers:
                one.end()


def _opener(name: str) -> "Callable[[], AbstractContextManager[Asked]]":
    """How to connect to the machine of a context, as the context is at that time."""
    from adamant.api import client, contexts  # noqa: PLC0415
    from adamant.core import limits  # noqa: PLC0415

    def opened() -> client.Node:
        _, context = contexts.find(name)
        return client.connect(context.address, contexts.credentials(context), limits.DASHBOARD_SECONDS)

    return opened


def _read_log(node: Any, cursor: str) -> "list[LogEntry]":
    """Entries of the running boot behind `cursor`; the last ones, when it is empty."""
    from adamant.api import logs, logs_pb2  # noqa: PLC0415
    from adamant.cli.node.dashboard.poller import LOG  # noqa: PLC0415

    return list(logs.logs(node, logs_pb2.LogsRequest(lines=LOG, after_cursor=cursor)))


def _show(pollers: "list[Poller]", wait: Callable[[float], bytes | None]) -> None:
    """Draw until the person leaves, or their terminal goes away."""
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    from adamant.cli.node.dashboard import keys, snapshot, view  # noqa: PLC0415

    console = Console(highlight=False)
    shown = snapshot.View(tuple(one.snapshot() for one in pollers))
    with Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        while True:
            shown = replace(shown, nodes=tuple(one.snapshot() for one in pollers), now=time.time())
            for number, one in enumerate(pollers):
                one.want_log(shown.pane is snapshot.Pane.LOGS and number == shown.selected)
            live.update(view.picture(shown, console.width, console.height), refresh=True)
            typed = wait(1.0)
            if typed is None:
                return
            for key in keys.decode(typed):
                if key is keys.Key.QUIT:
                    return
                shown = snapshot.after(shown, key)
