"""`benchmarks/run`: which rows, how many rounds, in which form. Figures go to standard output, progress to error."""

import functools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from adamant.core import places
from adamant.kernel import shelf
from adamant.model.errors import AdamantError
from adamant.model.posture import Posture
from benchmarks import report
from benchmarks.adamant import Adamant
from benchmarks.bench import Bench
from benchmarks.conditions import conditions
from benchmarks.mkosi import Mkosi
from benchmarks.result import Result
from benchmarks.rows import agent, boot, build, footprint, identical, kernel, postures, size, update

ROWS: Mapping[str, Callable[[Bench], Result]] = {
    "first": build.first,
    "unchanged": build.unchanged,
    "changed": build.changed,
    "identical": identical.row,
    "size": size.row,
    "postures": postures.row,
    "boot": boot.row,
    "update": update.row,
    "memory": footprint.memory,
    "help": footprint.answer,
    "agent-start": agent.start,
    "agent-call": agent.call,
    "agent-memory": agent.memory,
}

ONE_BY_ONE: Mapping[str, Callable[[Bench], Result]] = {
    **{f"postures-{posture}": functools.partial(postures.row, postures=(posture,)) for posture in Posture},
    "kernel": kernel.start,
    "kernel-size": kernel.size,
    "kernel-initrd": kernel.first,
    "kernel-hardening": kernel.hardened,
}
"""Parts of a row that takes long, and rows that need something, which run when they are named."""

_FORMS = {None: report.text, "json": report.as_json, "markdown": report.markdown}


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: sudo benchmarks/run first unchanged --rounds 3",
)
@click.argument("rows", nargs=-1, type=click.Choice([*ROWS, *ONE_BY_ONE]))
@click.option("--rounds", default=3, show_default=True, help="Samples of each side of a timed row.")
@click.option("--lock", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Build this lock.")
@click.option("--kernel", "own", metavar="KERNEL", help="A kernel of your own, for its rows and for sealed.")
@click.option(
    "--config",
    "configs",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A config of another kernel, for kernel-hardening.",
)
@click.option("--only-adamant", is_flag=True, help="Measure our side only: needs no root.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Print the page docs/benchmarks.md.")
def command(
    rows: tuple[str, ...],
    rounds: int,
    lock: Path | None,
    own: str | None,
    configs: tuple[Path, ...],
    only_adamant: bool,
    form: str | None,
) -> None:
    """Run Adamant and mkosi side by side and compare them.

    ROWS are all unless named, but for parts of one. mkosi runs in a Debian tree of its own and needs root, mmdebstrap
    and about 5 GB below the cache folder (ADAMANT_CACHE); the first run downloads.
    """
    home = places.cache() / "benchmarks"
    kernel_of_ones_own = shelf.of_this_computer().find(own) if own else None
    say = _say
    adamant = Adamant(home)
    say("setting up adamant")
    locked = adamant.prepare(lock)
    rival = None if only_adamant else Mkosi(home, locked)
    if rival is not None:
        say("setting up mkosi")
    version = rival.prepare() if rival is not None else ""
    scratch = home / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    bench = Bench(adamant, rival, locked, rounds, scratch, say, kernel_of_ones_own, configs)
    under = conditions(locked, version)
    results = []
    for name in rows or ROWS:
        say(f"row {name}")
        results.append({**ROWS, **ONE_BY_ONE}[name](bench))
    click.echo(_FORMS[form](under, results), nl=False)


def _say(text: str) -> None:
    click.echo(f"benchmark: {text}", err=True)


def main() -> int:
    """Run the command; an error of ours becomes its text and its exit code."""
    try:
        command.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except AdamantError as error:
        click.echo(str(error), err=True)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
