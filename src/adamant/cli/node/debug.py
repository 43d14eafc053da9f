"""`adamant node debug`."""

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from adamant.cli.node import reach, terminal
from adamant.cli.options import Duration
from adamant.core import limits
from adamant.model.errors import InputError

_EPILOG = """\b
Examples:
  adamant node debug debian:13                               a shell, the image pulled by the machine
  adamant node debug --image-archive tools.tar               the same with an image that you send
  adamant node debug --image-archive tools.tar -- ps aux     one command; its exit code is this one's
"""


@click.command("debug", epilog=_EPILOG)
@click.option(
    "--image-archive",
    "archive",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Send this archive (docker save, or skopeo's oci-archive) in place of an image's name.",
)
@click.option(
    "--time",
    "seconds",
    default="1h",
    show_default=True,
    type=Duration(),
    metavar="TIME",
    help="When it ends, at the latest: 90s, 30m or 2h.",
)
@click.argument("words", nargs=-1, metavar="[IMAGE] [-- COMMAND...]")
@click.pass_context
def command(ctx: click.Context, archive: Path | None, seconds: int, words: tuple[str, ...]) -> int:
    """Run an image on the machine, with its processes, its network and (read-only, at /host) its files.

    It is for admins, stands in the machine's events, and leaves nothing behind.
    """
    from adamant.api import debug_pb2 as pb  # noqa: PLC0415 - imports the contract

    if archive is None and not words:
        raise InputError("debug-image", "no image is named", hint="name one, or send one: --image-archive FILE")
    image, arguments = ("", words) if archive else (words[0], words[1:])
    with_terminal = terminal.is_one()
    columns, rows = terminal.size()
    start = pb.DebugStart(
        image=image,
        command=arguments,
        terminal=with_terminal,
        window=pb.DebugWindow(columns=columns, rows=rows),
        seconds=seconds,
    )
    requests = _Requests(pb, start, archive)
    with reach.connect(ctx) as node, contextlib.closing(node.stream("Debug", requests.all())) as answers:
        for answer in answers:
            if answer.WhichOneof("message") == "started":
                break
            if sys.stderr.isatty():
                click.echo(f"{answer.status} …", err=True)
        requests.begin_input()
        mode = terminal.raw(requests.resized) if with_terminal else contextlib.nullcontext()
        with mode:
            return _show(answers)


def _show(answers: Iterator[Any]) -> int:
    """Write what the command writes; returns its exit code."""
    for answer in answers:
        match answer.WhichOneof("message"):
            case "output":
                terminal.write(sys.stdout.fileno(), answer.output)
            case "errors":
                terminal.write(sys.stderr.fileno(), answer.errors)
            case "exit_code":
                return int(answer.exit_code)
    return 1


class _Requests:
    """What goes to the node: the start, the archive, and then what the person types."""

    def __init__(self, pb: Any, start: Any, archive: Path | None) -> None:
        self._pb = pb
        self._start = start
        self._archive = archive
        self._queue: queue.Queue[Any] = queue.Queue(maxsize=16)

    def all(self) -> Iterator[Any]:
        """The messages, as gRPC asks for them."""
        yield self._pb.DebugRequest(start=self._start)
        if self._archive is not None:
            with self._archive.open("rb") as source:
                while data := source.read(limits.DEBUG_PIECE):
                    yield self._pb.DebugRequest(archive=data)
            yield self._pb.DebugRequest(archive=b"")
        while (message := self._queue.get()) is not None:
            yield message

    def begin_input(self) -> None:
        """Read standard input from now on."""
        threading.Thread(target=self._read, name="input", daemon=True).start()

    def resized(self) -> None:
        """The person's terminal has another size."""
        columns, rows = terminal.size()
        window = self._pb.DebugWindow(columns=columns, rows=rows)
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(self._pb.DebugRequest(window=window))

    def _read(self) -> None:
        while data := os.read(sys.stdin.fileno(), limits.DEBUG_PIECE):
            self._queue.put(self._pb.DebugRequest(input=data))
        self._queue.put(self._pb.DebugRequest(input=b""))
