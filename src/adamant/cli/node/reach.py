"""How the commands of `adamant node` reach a machine, and how they show what it answers."""

from typing import Any

import click


def connect(ctx: click.Context) -> Any:
    """A connection to the machine that `-c` names, or that of the current context."""
    from adamant.api import client, contexts  # noqa: PLC0415 - gRPC is slow to import, and --help needs none

    _, found = contexts.find(ctx.obj)
    return client.connect(found.address, contexts.credentials(found))


def show_json(answer: Any) -> None:
    """Print an answer as one JSON object on one line."""
    from adamant.api.types import to_json  # noqa: PLC0415

    click.echo(to_json(answer))


def show_table(rows: list[tuple[str, str]]) -> None:
    """Print names and values, lined up."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}")
