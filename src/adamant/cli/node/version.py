"""`adamant node version`."""

from typing import Any

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option


@click.command("version", epilog="Example: adamant node version")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Say what runs on the machine."""
    return reach.ask(ctx, lambda node: node.version(), _lines, as_json=as_json)


def _lines(answer: Any) -> list[str]:
    posture = answer.posture.value if answer.posture else "unknown"
    return reach.table(
        [
            ("image", f"{answer.image} {answer.image_version}"),
            ("posture", posture),
            ("adamant", answer.adamant),
            ("kernel", f"{answer.kernel} ({answer.arch})"),
            ("systemd", answer.systemd),
            ("hostname", answer.hostname),
            ("machine id", answer.machine_id),
        ]
    )
