"""How an error of ours looks: as text on standard error, or as a JSON object."""

from typing import Any

import click

from adamant.model.errors import AdamantError, ExitCode

_SEVERITY = (
    ExitCode.DONE,
    ExitCode.REBOOT_NEEDED,
    ExitCode.FAILED,
    ExitCode.USAGE,
    ExitCode.BUSY,
    ExitCode.UNREACHABLE,
    ExitCode.VERIFICATION,
)


def as_object(error: AdamantError) -> dict[str, Any]:
    """The error as the object that stands below `error` in JSON output."""
    return {
        "reference": error.reference,
        "message": error.message,
        "context": error.context,
        "hint": error.hint,
    }


def show(error: AdamantError, node: str = "") -> None:
    """Print the error to standard error; `node` is the machine that it is about, where several were asked."""
    head = click.style("error:", fg="red", bold=True)
    where = f"{node}: " if node else ""
    click.echo(f"{head} {where}{error.message} [{error.reference}]", err=True)
    for line in error.context.splitlines():
        click.echo(f"  {line}", err=True)
    for number, line in enumerate(error.hint.splitlines()):
        click.echo((f"{click.style('hint:', fg='cyan')} " if number == 0 else "      ") + line, err=True)


def worst(codes: list[int]) -> int:
    """The exit code that says most of several: a verification that failed before a node that is away, and so on."""
    return max(codes, key=_SEVERITY.index, default=int(ExitCode.DONE))
