"""`adamant node reboot` and `adamant node shutdown`."""

import sys
from collections.abc import Callable
from typing import Any

import click

from adamant.cli.node import confirm, reach
from adamant.cli.options import json_option
from adamant.core import limits


def reason_option(function: Any) -> Any:
    """`--reason TEXT`."""
    return click.option("--reason", default="", metavar="TEXT", help="Why, for the machine's events.")(function)


def wait_options(function: Any) -> Any:
    """`--wait/--no-wait` and `--timeout SECONDS`."""
    function = click.option(
        "--timeout",
        type=click.FloatRange(min=1),
        default=limits.REBOOT_SECONDS,
        show_default=f"{limits.REBOOT_SECONDS:.0f}",
        metavar="SECONDS",
        help="How long to wait.",
    )(function)
    return click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until it is done.")(function)


def teller(as_json: bool) -> Callable[[str], None]:
    """What shows how far a machine is: one line that changes, on a terminal; nothing elsewhere."""
    if as_json or not sys.stderr.isatty():
        return lambda _words: None
    return lambda words: click.echo(f"\r\x1b[K{words} …", nl=False, err=True)


def end_line(as_json: bool) -> None:
    """Take the line of `teller` away."""
    if not as_json and sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)


_REBOOT = """\b
Examples:
  adamant node reboot                              wait until it is back and healthy
  adamant node reboot --reason "new memory" --no-wait
"""


@click.command("reboot", epilog=_REBOOT)
@reason_option
@wait_options
@json_option
@click.pass_context
def reboot(ctx: click.Context, reason: str, wait: bool, timeout: float, as_json: bool) -> int:
    """Reboot the machine, and wait until it is back and healthy. Services are stopped in their order."""
    from adamant.api import acts  # noqa: PLC0415 - imports gRPC

    def ask(node: Any) -> Any:
        down = acts.reboot(node, reason)
        return acts.await_back(node, down, timeout, teller(as_json)) if wait else down

    try:
        return reach.ask(ctx, ask, lines, as_json=as_json)
    finally:
        end_line(as_json)


def lines(down: Any) -> list[str]:
    """How a reboot went."""
    if not down.back:
        return ["going down"]
    return [f"back and healthy after {down.seconds:.0f} s (boot {down.new_boot_id})"]


_SHUTDOWN = """\b
Examples:
  adamant node shutdown            asks for the machine's name first
  adamant node shutdown --yes --reason "moves to another rack"
"""


@click.command("shutdown", epilog=_SHUTDOWN)
@reason_option
@wait_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def shutdown(ctx: click.Context, reason: str, wait: bool, timeout: float, yes: bool, as_json: bool) -> int:
    """Shut the machine down, and wait until it answers no more. Somebody has to switch it on again."""
    from adamant.api import acts  # noqa: PLC0415 - imports gRPC

    confirm.by_name("shut down", [name for name, _ in reach.chosen(ctx)], yes=yes)

    def ask(node: Any) -> Any:
        down = acts.shutdown(node, reason)
        if wait:
            teller(as_json)("going down")
            acts.await_down(node, timeout)
        return down

    try:
        return reach.ask(ctx, ask, lambda _down: ["down" if wait else "going down"], as_json=as_json)
    finally:
        end_line(as_json)
