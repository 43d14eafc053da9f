"""`adamant node health`."""

import time
from typing import TYPE_CHECKING, Any

import click

from adamant.cli.node import reach
from adamant.cli.options import Duration, json_option
from adamant.model.errors import ExitCode, UnreachableError

if TYPE_CHECKING:
    from adamant.api.client import Node

_AGAIN = 2.0
"""Seconds between two looks at a machine that is waited for."""

_COLOURS = {"ok": "green", "waiting": "yellow", "failing": "red"}


_EPILOG = """\b
Examples:
  adamant node health
  adamant node health --wait 2m    after a boot or a change: until every check holds, two minutes at most
"""


@click.command("health", epilog=_EPILOG)
@click.option("--wait", "seconds", type=Duration(), metavar="TIME", help="Wait until every check holds: 90s, 2m.")
@json_option
@click.pass_context
def command(ctx: click.Context, seconds: int | None, as_json: bool) -> int:
    """Run every health check. Exit code 1 when one fails."""
    deadline = time.monotonic() + (seconds or 0)
    return reach.ask(ctx, lambda node: _health(node, deadline), _lines, as_json=as_json, code=_code)


def _health(node: "Node", deadline: float) -> Any:
    """What the machine says when all is well, or the last that it says, or does not, before the deadline."""
    while True:
        late = time.monotonic() + _AGAIN >= deadline
        try:
            answer = node.health()
            if late or not _code(answer):
                return answer
        except UnreachableError:
            if late:
                raise
        time.sleep(_AGAIN)


def _lines(answer: Any) -> list[str]:
    width = max((len(check.name) for check in answer.checks), default=0)
    return [
        f"{check.name:<{width}}  "
        f"{click.style(f'{check.state.value:<8}', fg=_COLOURS.get(check.state.value))} {check.message}"
        for check in answer.checks
    ]


def _code(answer: Any) -> int:
    return int(ExitCode.DONE if answer.overall.value == "ok" else ExitCode.FAILED)
