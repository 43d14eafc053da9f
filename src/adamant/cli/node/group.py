"""`adamant node`: talk to a running machine. The table of its commands, and how they reach the machine."""

import click

from adamant.cli.lazy import LazyGroup

_COMMANDS: dict[str, tuple[str, str]] = {
    "version": ("adamant.cli.node.version:command", "Say what runs on the machine"),
    "health": ("adamant.cli.node.health:command", "Run every health check"),
    "get": ("adamant.cli.node.get:group", "Show what the machine knows of itself"),
    "events": ("adamant.cli.node.events:command", "Show what happened on the machine, and what happens"),
}

_EPILOG = """\b
Examples:
  adamant node version              the machine of the current context
  adamant node -c example health    the machine of the context example
  adamant node get boot --json
"""


def _context_names(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from adamant.api import contexts  # noqa: PLC0415 - only completion pays for it

    return [name for name in contexts.read().contexts if name.startswith(incomplete)]


@click.group("node", cls=LazyGroup, commands_at=_COMMANDS, epilog=_EPILOG)
@click.option(
    "-c",
    "--context",
    metavar="CONTEXT",
    shell_complete=_context_names,
    help="Which machine; without it, the current context.",
)
@click.pass_context
def group(ctx: click.Context, context: str | None) -> None:
    """Talk to a running machine."""
    ctx.obj = context
