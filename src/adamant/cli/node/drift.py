"""`adamant node drift`."""

from typing import Any

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option

_EPILOG = """\b
Examples:
  adamant node drift            what differs in /etc from the release
  adamant node drift --diff     and how, where it is text
"""
_SIGNS = {"added": "+", "changed": "~", "removed": "-"}


@click.command("drift", epilog=_EPILOG)
@click.option("--diff", is_flag=True, help="Show how the text of each file differs.")
@json_option
@click.pass_context
def command(ctx: click.Context, diff: bool, as_json: bool) -> int:
    """List what differs in the machine's /etc from its release: + added, ~ changed, - removed."""
    from adamant.api.drift import drift  # noqa: PLC0415 - imports protobuf

    return reach.ask(ctx, lambda node: drift(node, texts=diff), _lines, as_json=as_json)


def _lines(answer: Any) -> list[str]:
    if answer.none:
        return [f"nothing can differ: {reach.plain(answer.none)}"]
    lines = []
    for entry in answer.entries:
        reason = f"  ({reach.plain(entry.reason)})" if entry.reason else ""
        lines.append(f"{_SIGNS.get(entry.change, '?')} {reach.plain(entry.path)}{reason}")
        lines += [f"    {reach.plain(line)}" for line in (entry.diff or entry.refused).splitlines()]
    if answer.more:
        lines.append("and more, which the machine did not look at")
    return lines or ["/etc is as the release has it"]
