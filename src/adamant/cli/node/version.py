"""`adamant node version`."""

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option


@click.command("version", epilog="Example: adamant node version")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Say what runs on the machine."""
    with reach.connect(ctx) as node:
        answer = node.version()
    if as_json:
        reach.show_json(answer)
        return
    posture = answer.posture.value if answer.posture else "unknown"
    rows = [
        ("image", f"{answer.image} {answer.image_version}"),
        ("posture", posture),
        ("adamant", answer.adamant),
        ("kernel", f"{answer.kernel} ({answer.arch})"),
        ("systemd", answer.systemd),
        ("hostname", answer.hostname),
        ("machine id", answer.machine_id),
    ]
    reach.show_table(rows)
