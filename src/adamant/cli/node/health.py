"""`adamant node health`."""

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option
from adamant.model.errors import ExitCode


@click.command("health", epilog="Example: adamant node health")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Run every health check. Exit code 1 when one fails."""
    with reach.connect(ctx) as node:
        answer = node.health()
    if as_json:
        reach.show_json(answer)
    else:
        colours = {"ok": "green", "waiting": "yellow", "failing": "red"}
        width = max((len(check.name) for check in answer.checks), default=0)
        for check in answer.checks:
            state = click.style(f"{check.state.value:<8}", fg=colours.get(check.state.value))
            click.echo(f"{check.name:<{width}}  {state} {check.message}")
    return int(ExitCode.DONE if answer.overall.value == "ok" else ExitCode.FAILED)
