"""docs/reference/cli.md: every command of the command line, from click's own description of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from adamant.cli.main import root as adamant

PAGE = "docs/reference/cli.md"

_HEAD = """\
<!-- Made by scripts/generate from src/adamant/cli: do not edit. -->
# Commands

Every command takes `-h`. Exit codes: 0 done · 1 failed · 2 usage or invalid input · 3 verification failed · 4 remote
unreachable · 5 busy or conflict · 6 done, but a reboot is needed · 70 a bug of ours · 130 interrupted. Errors are
listed in [errors.md](errors.md).
"""


def generate(_root: Path) -> Mapping[str, bytes]:
    """The page of all commands."""
    parts = [_HEAD]
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
    level = "##" if context.parent and context.parent.parent is None else "###"
    lines = [f"\n{level} {context.command_path}\n\n{_text(command.help or '')}\n\n"]
    usage = " ".join(command.collect_usage_pieces(context))
    lines.append(f"```text\n{context.command_path} {usage}\n```\n")
    records = [r for p in command.get_params(context) if (r := p.get_help_record(context)) is not None]
    if records:
        lines.append("\n| option | meaning |\n|---|---|\n")
        lines += [f"| `{_cell(names)}` | {_cell(' '.join(text.split()))} |\n" for names, text in records]
    if command.epilog:
        lines.append(f"\n```text\n{_text(command.epilog)}\n```\n")
    return "".join(lines)


def _text(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\b\n", "").strip().splitlines())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
