"""`adamant node config`: the config of a machine, as it is and as it was."""

from datetime import UTC, datetime
from typing import Any

import click

from adamant.cli.node import reach
from adamant.cli.node.apply import at_boot_option, change, dry_run_option, try_option
from adamant.cli.options import json_option
from adamant.model.errors import ExitCode


def _complete_generation(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return reach.complete(
        ctx, lambda node: (str(made.number) for made in node.config_history().generations), incomplete
    )


@click.group("config", epilog="Example: adamant node config history")
def group() -> None:
    """Show the config of the machine and its generations, and go back to one."""


@group.command(
    "show",
    short_help="Print the config that runs, or a generation of it.",
    epilog="Example: adamant node config show 3",
)
@click.argument("generation", type=click.IntRange(min=1), required=False, shell_complete=_complete_generation)
@json_option
@click.pass_context
def show(ctx: click.Context, generation: int | None, as_json: bool) -> int:
    """Print the config that runs, or that of a generation, as YAML with secrets masked."""
    return reach.ask(ctx, lambda node: node.config(generation or 0), _document, as_json=as_json)


def _document(answer: Any) -> list[str]:
    import json  # noqa: PLC0415

    import yaml  # noqa: PLC0415

    if answer.generation is None:
        return ["# this machine has no config"]
    text: str = yaml.safe_dump(json.loads(answer.document), sort_keys=False, allow_unicode=True)
    return [f"# generation {answer.generation.number}", *text.splitlines()]


@group.command(
    "history", short_help="List the generations that are kept.", epilog="Example: adamant node config history -n 10"
)
@click.option("-n", "--lines", "last", type=click.IntRange(min=1), help="Only the last N.", metavar="N")
@json_option
@click.pass_context
def history(ctx: click.Context, last: int | None, as_json: bool) -> int:
    """List the generations that are kept: when, who, why, and what each is."""
    return reach.ask(ctx, lambda node: node.config_history(last or 0), _history, as_json=as_json)


def _history(answer: Any) -> list[str]:
    if not answer.generations:
        return ["this machine has no config"]
    found = []
    for generation in answer.generations:
        number = generation.number
        when = datetime.fromtimestamp(generation.created_usec / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
        marks = {
            "runs": answer.running,
            "good": answer.good,
            "next boot": answer.next,
            f"on trial for {answer.trial_left_usec / 1e6:.0f} s more": answer.trial,
            "not judged yet": answer.under_way,
        }
        marked = ", ".join(mark for mark, at in marks.items() if at == number)
        why = f"{generation.why} {generation.of}" if generation.of else generation.why
        found.append(f"{number:>5}  {when}  {generation.by:<16}  {why:<12}  {marked}".rstrip())
    return found


@group.command("revert", epilog="Example: adamant node config revert 3 --try 2m")
@click.argument("generation", type=click.IntRange(min=1), shell_complete=_complete_generation)
@dry_run_option
@try_option
@at_boot_option
@json_option
@click.pass_context
def revert(ctx: click.Context, generation: int, dry_run: bool, trial: int | None, at_boot: bool, as_json: bool) -> int:
    """Put the config of an earlier generation in place, as a new one."""
    from adamant.api import config  # noqa: PLC0415 - imports the contract

    return change(ctx, config.revert_change(generation), dry_run, trial, at_boot, as_json)


@group.command(
    "status", short_help="Compare the machine with its config.", epilog="Example: adamant node config status"
)
@json_option
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> int:
    """Compare the machine with its config: files, kernel variables, units. Exit code 1 when something differs."""

    def code(answer: Any) -> int:
        return int(ExitCode.DONE if all(found.equal for found in answer.statuses) else ExitCode.FAILED)

    return reach.ask(ctx, lambda node: node.config_status(), _statuses, as_json=as_json, code=code)


def _statuses(answer: Any) -> list[str]:
    found = [f"generation {answer.generation}" if answer.generation else "this machine has no config"]
    for one in answer.statuses:
        state = click.style("ok     ", fg="green") if one.equal else click.style("differs", fg="red")
        more = "" if one.equal else f": {one.reason} (to be {one.desired}, is {one.actual or 'nothing'})"
        found.append(f"{state}  {one.kind:<7} {one.name}{more}")
    return found
