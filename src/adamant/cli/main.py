"""The `adamant` command: its groups, its errors and its exit codes.

Commands are imported when they are called, so that `--help` and tab completion answer at once. Errors of ours become
text (or a JSON object with `--json`) and an exit code here and nowhere else.
"""

import json
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from adamant.cli import failure
from adamant.cli.lazy import LazyGroup
from adamant.core import files, places
from adamant.model.errors import AdamantError, ExitCode

_COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("adamant.cli.init:command", "Write a definition that builds as it is"),
    "lock": ("adamant.cli.lock:command", "Choose every package by exact version and SHA-256"),
    "build": ("adamant.cli.build:command", "Build the image of a definition"),
    "inspect": ("adamant.cli.inspect:command", "Say what an image, a UKI or a build folder holds"),
    "diff": ("adamant.cli.diff:command", "Compare two builds: packages, files, sizes, blocks to update"),
    "verify-quote": ("adamant.cli.verify_quote:command", "Say which release a machine has proven to run"),
    "audit": ("adamant.cli.audit:command", "Check an image against the promises of its posture"),
    "kernel": ("adamant.cli.kernel:group", "Kernels of your own, to which nobody can add a module"),
    "keys": ("adamant.cli.keys:group", "Keys that sign images, and those of clusters"),
    "up": ("adamant.cli.up:command", "Build an image and boot it until its API answers"),
    "machine": ("adamant.cli.machine:group", "Machines on this computer"),
    "node": ("adamant.cli.node.group:group", "Talk to a running machine"),
    "context": ("adamant.cli.context:group", "Which nodes you know, and the keys for each"),
    "repo": ("adamant.cli.repo:group", "Publish releases in a repository signed with TUF"),
    "config": ("adamant.cli.config:group", "Write, check and explain definitions and machine configs"),
    "completion": ("adamant.cli.completion:command", "Print tab completion for a shell"),
    "version": ("adamant.cli.version:command", "Print the version of adamant"),
}


_EPILOG = """\b
Examples:
  adamant up                      build the example and boot it
  adamant init my-host && cd my-host && adamant lock && adamant build
"""


@click.command(
    cls=LazyGroup, commands_at=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG
)
def root() -> None:
    """Build, run and update an immutable Linux for container hosts."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with one of model.errors.ExitCode."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        result = root.main(args=arguments, prog_name="adamant", standalone_mode=False)
    except click.exceptions.Abort:
        return _interrupted()
    except click.ClickException as error:
        if as_json:
            _print_json({"error": {"reference": "usage", "message": error.format_message()}})
        else:
            error.show()
        return int(ExitCode.USAGE)
    except KeyboardInterrupt:
        return _interrupted()
    except AdamantError as error:
        _show(error, as_json)
        return int(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone: nothing is left to say
        return int(ExitCode.FAILED)
    except Exception as error:  # the last door: what no rule foresaw is a bug of ours, and says so
        return _bug(error)
    return int(result) if isinstance(result, int) else int(ExitCode.DONE)


def _interrupted() -> int:
    click.echo("interrupted: nothing was left half done", err=True)
    return int(ExitCode.INTERRUPTED)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value))


def _show(error: AdamantError, as_json: bool) -> None:
    if as_json:
        _print_json({"error": failure.as_object(error)})
    else:
        failure.show(error)


def _bug(error: Exception) -> int:
    report = "".join(traceback.format_exception(error))
    click.echo(f"{click.style('a bug in adamant:', fg='red', bold=True)} {type(error).__name__}: {error}", err=True)
    try:
        folder = places.state()
        folder.mkdir(parents=True, exist_ok=True)
        files.write_atomic(folder / "bug.txt", report.encode())
        click.echo(f"please report it with the text in {folder / 'bug.txt'}", err=True)
    except (OSError, AdamantError):
        click.echo(report, err=True)
    return int(ExitCode.BUG)


if __name__ == "__main__":
    main()
