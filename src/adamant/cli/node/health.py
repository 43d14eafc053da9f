"""`adamant node health`."""

from typing import Any

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option
from adamant.model.errors import ExitCode

_COLOURS = {"ok": "green", "waiting": "yellow", "failing": "red"}


@click.command("health", epilog="Example: adamant node health")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Run every health check. Exit code 1 when one fails."""
    return reach.ask(ctx, lambda node: node.health(), _lines, as_json=as_json, code=_code)


def _lines(answer: Any) -> list[str]:
    width = max((len(check.name) for check in answer.checks), default=0)
    return [
        f"{check.name:<{width}}  "
        f"{click.style(f'{check.state.value:<8}', fg=_COLOURS.get(check.state.value))} {check.message}"
        for check in answer.checks
    ]


def _code(answer: Any) -> int:
    return int(ExitCode.DONE if answer.overall.value == "ok" else ExitCode.FAILED)
