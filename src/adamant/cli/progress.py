"""Progress of long work on a terminal; silence elsewhere. The engine reports typed events and knows nothing of this."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from adamant.core.events import Advanced, Event, Finished, Noted, Started, Watch, silent

_NAMES = {
    "update": "reading the package lists",
    "solve": "solving",
    "fetch": "downloading packages",
    "tools": "unpacking the tools tree",
    "unpack": "unpacking packages",
    "usr": "writing the usr image",
    "verity": "hashing the usr image",
    "initrd": "making the initrd",
    "uki": "making the UKI",
    "disk": "making the disk image",
    "begin": "preparing the update",
    "compare": "comparing with what the machine has",
    "write": "writing the release",
}


@contextmanager
def progress(as_json: bool = False) -> Iterator[Watch]:
    """A watch for the time of a `with` block: bars on a terminal, notes on standard error otherwise."""
    if as_json:
        yield silent
        return
    if not sys.stderr.isatty():
        yield _notes_only
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    tasks: dict[str, TaskID] = {}
    lock = threading.Lock()  # steps that run side by side report from their own threads

    def watch(event: Event) -> None:
        with lock:
            match event:
                case Started(step, total, _):
                    tasks[step] = bars.add_task(_NAMES.get(step, step), total=total or None, detail="")
                case Advanced(step, done, detail) if step in tasks:
                    bars.update(tasks[step], completed=done, detail=detail[:40])
                case Finished(step) if step in tasks:
                    bars.remove_task(tasks.pop(step))
                case Noted(message):
                    console.print(f"[yellow]note:[/yellow] {message}", soft_wrap=True)

    with bars:
        yield watch


def _notes_only(event: Event) -> None:
    if isinstance(event, Noted):
        click.echo(f"note: {event.message}", err=True)


def human_size(size: int) -> str:
    """Bytes for people, in powers of 1000 as disks and networks count."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
