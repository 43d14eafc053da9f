"""`adamant node apply`, `diff`, `unset` and `confirm`: what changes a config, and what shows it first."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adamant.cli.node import reach
from adamant.cli.options import Duration, json_option
from adamant.model.errors import ExitCode

if TYPE_CHECKING:
    from adamant.api.client import Node

dry_run_option = click.option("--dry-run", is_flag=True, help="Only show what would be done.")
try_option = click.option(
    "--try", "trial", type=Duration(), metavar="TIME", help="Go back after TIME unless it is confirmed: 90s, 2m."
)
at_boot_option = click.option("--at-boot", is_flag=True, help="Take it at the next boot.")

_APPLY_EPILOG = """\b
Examples:
  adamant node apply machine.yaml              now; what is not well afterwards goes back by itself
  adamant node apply machine.yaml --try 2m     and goes back unless `adamant node confirm` comes in time
  adamant node apply machine.yaml --dry-run    only show what would be done
"""


def read_document(path: Path) -> str:
    """The machine config in a file (or standard input, as -) as the JSON that a node takes, after its checks."""
    from adamant.core import files  # noqa: PLC0415
    from adamant.model.machine import wire, yaml  # noqa: PLC0415

    if str(path) == "-":
        data, name = sys.stdin.buffer.read(wire.SIZE + 1), "standard input"
    else:
        data, name = files.read_limited(path, wire.SIZE, "machine config"), path.name
    return wire.to_wire(yaml.read(data, name)).decode()


@click.command("apply", epilog=_APPLY_EPILOG)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@dry_run_option
@try_option
@at_boot_option
@json_option
@click.pass_context
def apply(ctx: click.Context, file: Path, dry_run: bool, trial: int | None, at_boot: bool, as_json: bool) -> int:
    """Put a machine config in place. Exit code 6 when some of it waits for a reboot."""
    from adamant.api import config  # noqa: PLC0415 - imports the contract

    return change(ctx, config.document_change(read_document(file)), dry_run, trial, at_boot, as_json)


@click.command("diff", epilog="Example: adamant node diff machine.yaml")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@json_option
@click.pass_context
def diff(ctx: click.Context, file: Path, as_json: bool) -> int:
    """Show what a machine config would change. Exit code 6 when some of it would wait for a reboot."""
    from adamant.api import config  # noqa: PLC0415

    return change(ctx, config.document_change(read_document(file)), True, None, False, as_json)


def _complete_key(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Keys that the machine's config sets, and the sections that they are in."""
    given = ctx.params.get("keys") or ()

    def keys(node: "Node") -> Iterator[str]:
        import json  # noqa: PLC0415

        from adamant.model.machine.paths import keys_of  # noqa: PLC0415 - the types of documents

        document = node.config(0).document
        return (key for key in keys_of(json.loads(document) if document else {}) if key not in given)

    return reach.complete(ctx, keys, incomplete)


@click.command("unset", epilog="Example: adamant node unset kernel.sysctls --try 2m")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...", shell_complete=_complete_key)
@dry_run_option
@try_option
@at_boot_option
@json_option
@click.pass_context
def unset(
    ctx: click.Context, keys: tuple[str, ...], dry_run: bool, trial: int | None, at_boot: bool, as_json: bool
) -> int:
    """Take keys out of the machine's config, so that they are as without one."""
    from adamant.api import config  # noqa: PLC0415

    return change(ctx, config.unset_change(keys), dry_run, trial, at_boot, as_json)


@click.command("confirm", epilog="Example: adamant node confirm")
@click.option("--cancel", is_flag=True, help="Go back at once instead.")
@json_option
@click.pass_context
def confirm(ctx: click.Context, cancel: bool, as_json: bool) -> int:
    """Keep the config that is on trial."""
    return reach.ask(
        ctx,
        lambda node: node.config_confirm(cancel=cancel),
        lambda answer: [f"generation {answer.generation} runs"],
        as_json=as_json,
    )


def change(ctx: click.Context, asked: Any, dry_run: bool, trial: int | None, at_boot: bool, as_json: bool) -> int:
    """Ask machines for a change of their config, or what it would do."""
    if trial is not None and at_boot:
        raise click.UsageError("--try and --at-boot exclude each other")
    mode = "try" if trial is not None else "boot" if at_boot else "now"

    def question(node: "Node") -> Any:
        return node.config_plan(asked) if dry_run else node.config_apply(asked, mode, trial or 0)

    def code(answer: Any) -> int:
        return int(ExitCode.REBOOT_NEEDED if answer.reboot else ExitCode.DONE)

    return reach.ask(ctx, question, plan_lines if dry_run else applied_lines, as_json=as_json, code=code)


def plan_lines(answer: Any) -> list[str]:
    """A plan for a person."""
    found = []
    for key in answer.keys:
        if key.before:
            found.append(click.style(f"- {key.path}: {key.before}", fg="red"))
        if key.after:
            found.append(click.style(f"+ {key.path}: {key.after}", fg="green"))
    found += [f"{file.change:<8} {file.path}" for file in answer.files]
    found += [f"then     {action}" for action in answer.actions]
    found += [f"needs a reboot: {what}" for what in answer.reboot]
    return found or ["nothing changes"]


def applied_lines(answer: Any) -> list[str]:
    """What was done, for a person."""
    words = {
        "unchanged": "nothing changes: generation {} runs already",
        "good": "generation {} runs",
        "staged": "generation {} waits for the next boot",
        "on-trial": "generation {} is on trial: adamant node confirm keeps it",
    }
    found = [words.get(answer.state, answer.state).format(answer.generation)]
    return found + [f"needs a reboot: {what}" for what in answer.reboot]
