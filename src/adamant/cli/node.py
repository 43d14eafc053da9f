"""`adamant node`: talk to a running machine."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from adamant.cli.options import json_option
from adamant.model.errors import ExitCode

F = TypeVar("F", bound=Callable[..., Any])

_EPILOG = """\b
Examples:
  adamant node version              the machine of the current context
  adamant node -c example health    the machine of the context example
  adamant node get boot --json
"""


def _context_names(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from adamant.api import contexts  # noqa: PLC0415 - only completion pays for it

    return [name for name in contexts.read().contexts if name.startswith(incomplete)]


@click.group("node", epilog=_EPILOG)
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


def _connect(ctx: click.Context) -> Any:
    from adamant.api import contexts  # noqa: PLC0415 - gRPC is slow to import, and --help needs none
    from adamant.api.client import connect  # noqa: PLC0415

    _, found = contexts.find(ctx.obj)
    return connect(found.address, contexts.credentials(found))


def _show_json(answer: Any) -> None:
    from adamant.api.types import to_json  # noqa: PLC0415

    click.echo(to_json(answer))


@group.command("version", epilog="Example: adamant node version")
@json_option
@click.pass_context
def version(ctx: click.Context, as_json: bool) -> None:
    """Say what runs on the machine."""
    with _connect(ctx) as node:
        answer = node.version()
    if as_json:
        _show_json(answer)
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
    _table(rows)


@group.command("health", epilog="Example: adamant node health")
@json_option
@click.pass_context
def health(ctx: click.Context, as_json: bool) -> int:
    """Run every health check. Exit code 1 when one fails."""
    with _connect(ctx) as node:
        answer = node.health()
    if as_json:
        _show_json(answer)
    else:
        colours = {"ok": "green", "waiting": "yellow", "failing": "red"}
        width = max((len(check.name) for check in answer.checks), default=0)
        for check in answer.checks:
            state = click.style(f"{check.state.value:<8}", fg=colours.get(check.state.value))
            click.echo(f"{check.name:<{width}}  {state} {check.message}")
    return int(ExitCode.DONE if answer.overall.value == "ok" else ExitCode.FAILED)


@group.group("get", epilog="Example: adamant node get boot")
def get() -> None:
    """Show what the machine knows of itself."""


@get.command("boot", epilog="Example: adamant node get boot --json")
@json_option
@click.pass_context
def boot(ctx: click.Context, as_json: bool) -> None:
    """Show the slot, its verity state, and how long each phase of the boot took."""
    with _connect(ctx) as node:
        answer = node.boot()
    if as_json:
        _show_json(answer)
        return
    _table(
        [
            ("slot", f"{answer.slot} ({answer.disk})"),
            ("root hash", answer.root_hash),
            ("verity", answer.verity.value),
            ("UKI", answer.uki),
            ("secure boot", answer.secure_boot.value),
            ("boot id", answer.boot_id),
        ]
    )
    click.echo(f"\nthe agent answered after {answer.total_usec / 1e6:.2f} s; phases:")
    for phase in answer.phases:
        click.echo(_phase(phase.name, phase))
        for part in phase.parts:
            click.echo(_phase(f"  {part.name}", part))
    click.echo("\nslowest units")
    for unit in answer.slowest_units:
        click.echo(f"  {unit.duration_usec / 1e6:7.2f} s  {unit.unit}")


def _phase(name: str, phase: Any) -> str:
    return f"  {name:<12} began {phase.start_usec / 1e6:6.2f} s  took {phase.duration_usec / 1e6:6.2f} s"


def _table(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}")
