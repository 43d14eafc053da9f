"""docs/reference/cli.md: every command of the command line, from click's parameters.

Texts are put together here and not by click, whose wording changes between the versions that pyproject.toml allows.
"""

import inspect
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

import click

from adamant.cli.main import root as adamant
from adamant.model.errors import ExitCode

PAGE = "docs/reference/cli.md"

_CODES: Mapping[ExitCode, str] = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "usage or invalid input",
    ExitCode.VERIFICATION: "verification failed",
    ExitCode.UNREACHABLE: "remote unreachable",
    ExitCode.BUSY: "busy or conflict",
    ExitCode.REBOOT_NEEDED: "done, but a reboot is needed",
    ExitCode.BUG: "a bug of ours",
    ExitCode.INTERRUPTED: "interrupted",
}

_HEAD = """\
<!-- Made by scripts/generate from src/adamant/cli: do not edit. -->
# Commands

Every command takes `-h` or `--help`. Errors are listed in [errors.md](errors.md). Exit codes:

| code | means |
|---|---|
"""


def generate(_root: Path) -> Mapping[str, bytes]:
    """The page of all commands."""
    parts = [_HEAD, *(f"| {code.value} | {_CODES[code]} |\n" for code in ExitCode)]
    for context, command in walk(click.Context(adamant, info_name="adamant")):
        parts.append(_section(context, command))
    return {PAGE: "".join(parts).encode()}


def walk(context: click.Context) -> Iterator[tuple[click.Context, click.Command]]:
    """The commands below that of `context`, groups before what they hold, in the order of their help."""
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield inner, command
        if isinstance(command, click.Group):
            yield from walk(inner)


def _section(context: click.Context, command: click.Command) -> str:
    path = _path(context)
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    usage = [path, *(["[OPTIONS]"] if options else []), *map(_argument, arguments)]
    if isinstance(command, click.Group):
        usage.append("COMMAND ...")
    lines = [f"\n{'#' * len(path.split())} {path}\n\n{_help(command.help or '')}\n\n"]
    lines.append(f"```text\n{' '.join(usage)}\n```\n")
    if options:
        lines.append("\n| option | meaning |\n|---|---|\n")
        lines += [f"| `{_cell(_names(option))}` | {_cell(_meaning(option))} |\n" for option in options]
    if command.epilog:
        lines.append(f"\n```text\n{_text(command.epilog)}\n```\n")
    return "".join(lines)


def _path(context: click.Context) -> str:
    above = f"{_path(context.parent)} " if context.parent else ""
    return f"{above}{context.info_name}"


def _argument(argument: click.Argument) -> str:
    name = (argument.metavar or argument.name or "").upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _names(option: click.Option) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {_value(option)}"


def _value(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    match option.type:
        case click.Choice(choices=choices):
            return "|".join(str(c.value if isinstance(c, Enum) else c) for c in choices)
        case click.Path():
            return "PATH"
        case click.types.FloatParamType():
            return "NUMBER"
        case click.types.IntParamType():
            return "COUNT"
        case _:
            return "TEXT"


def _meaning(option: click.Option) -> str:
    text = " ".join((option.help or "").split())
    limits = []
    if isinstance(option.type, click.IntRange):
        limits.append(f"{option.type.min} to {option.type.max}")
    if isinstance(option.show_default, str):
        limits.append(f"without it: {option.show_default}")
    elif option.show_default and not callable(option.default):
        limits.append(
            f"without it: {option.default:g}" if isinstance(option.default, float) else f"without it: {option.default}"
        )
    return f"{text} ({'; '.join(limits)})" if limits else text


def _help(text: str) -> str:
    """The words of a command; what click is not to wrap is a block that Markdown does not wrap either."""
    parts = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(textwrap.indent(_text(part), "    ") if part.startswith("\b\n") else part for part in parts)


def _text(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\b\n", "").strip().splitlines())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
