"""`adamant node ls` and `adamant node cat`."""

import stat
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option

_SIGNS = {"folder": "/", "link": "", "special": "", "file": ""}
_BITS = {"folder": stat.S_IFDIR, "link": stat.S_IFLNK, "special": stat.S_IFIFO, "file": stat.S_IFREG}


def _complete_path(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    folder = incomplete.rpartition("/")[0] or "/"

    def found(node: Any) -> list[str]:
        from adamant.api.logs import list_files  # noqa: PLC0415

        return [e.path + _SIGNS.get(e.type, "") for e in list_files(node, folder)]

    return reach.complete(ctx, found, incomplete)


@click.command("ls", epilog="Example: adamant node ls /usr/lib -l")
@click.argument("path", shell_complete=_complete_path, default="/")
@click.option("-l", "long", is_flag=True, help="With mode, owner, size and time.")
@click.option("-d", "--depth", type=click.IntRange(1, 16), default=1, show_default=True, help="How deep to go.")
@json_option
@click.pass_context
def ls(ctx: click.Context, path: str, long: bool, depth: int, as_json: bool) -> int:
    """List the files in the folder PATH of the machine. JSON lines with --json."""
    from adamant.api.logs import list_files  # noqa: PLC0415 - imports protobuf

    line: Callable[[Any], str] = _long if long else _short
    return reach.follow(ctx, lambda node: list_files(node, path, depth), line, as_json=as_json)


def _short(entry: Any) -> str:
    return f"{entry.path}{_SIGNS.get(entry.type, '')}{f' -> {entry.target}' if entry.target else ''}"


def _long(entry: Any) -> str:
    mode = stat.filemode(_BITS.get(entry.type, 0) | entry.mode)
    when = datetime.fromtimestamp(entry.modified_usec / 1e6, UTC).strftime("%Y-%m-%d %H:%M")
    refused = f"  ({entry.refused})" if entry.refused else ""
    return f"{mode}  {entry.uid:>5} {entry.gid:>5}  {entry.size:>12}  {when}  {_short(entry)}{refused}"


@click.command("cat", epilog="Example: adamant node cat /usr/lib/os-release")
@click.argument("path", shell_complete=_complete_path)
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Begin at this byte.")
@click.option("--length", type=click.IntRange(min=0), default=0, show_default="all", help="At most so many bytes.")
@click.pass_context
def cat(ctx: click.Context, path: str, offset: int, length: int) -> None:
    """Print the file PATH of the machine, as it is. What is secret is refused."""
    from adamant.api.logs import read_file  # noqa: PLC0415 - imports protobuf

    out = sys.stdout.buffer
    with reach.connect(ctx) as node, closing(read_file(node, path, offset, length)) as chunks:
        for chunk in chunks:
            out.write(chunk)
    out.flush()
