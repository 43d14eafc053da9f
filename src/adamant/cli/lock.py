"""`adamant lock`."""

import json
from pathlib import Path

import click

from adamant.cli.options import definition_options, json_option
from adamant.cli.progress import human_size, progress
from adamant.core import places
from adamant.image.locking import Locked, lock_project
from adamant.image.project import LOCK, read_project
from adamant.packages.lock import Change, ChangeKind
from adamant.packages.scripts.recording import summary
from adamant.packages.scripts.review import describe, ways_out

_EPILOG = """\b
Examples:
  adamant lock                    make the lock, or say that it fits
  adamant lock --update           take what the mirrors have now, and show what changes
  adamant lock --record nagios    run a package's script once in a sandbox and keep what it changes
"""


@click.command("lock", epilog=_EPILOG)
@definition_options
@click.option("--update", is_flag=True, help="Solve anew with what the mirrors have now.")
@click.option("--record", "record", multiple=True, metavar="PACKAGE", help="Record this package's scripts.")
@json_option
def command(folder: Path, overrides: tuple[str, ...], update: bool, record: tuple[str, ...], as_json: bool) -> None:
    """Choose every package by exact version and SHA-256, and write adamant.lock."""
    project = read_project(folder, overrides)
    with progress(as_json) as watch:
        locked = lock_project(project, places.cache(), watch, update=update, packages_to_record=record)
    if as_json:
        click.echo(json.dumps(_as_object(locked)))
    else:
        _print(locked)


def _as_object(locked: Locked) -> dict[str, object]:
    return {
        "written": locked.written,
        "stale": list(locked.stale),
        "packages": len(locked.lock.image.packages),
        "changes": [
            {"part": c.part, "name": c.name, "kind": c.kind.value, "old": c.old, "new": c.new, "release": c.release}
            for c in locked.changes
        ],
        "recorded": [
            {"package": r.package, "script": r.script.value, "changes": list(summary(r))} for r in locked.recorded
        ],
        "unreviewed": [
            {"package": u.package, "script": u.script.value, "sha256": u.sha256, "lines": list(u.lines)}
            for u in locked.unreviewed
        ],
    }


def _print(locked: Locked) -> None:
    image, tools = locked.lock.image, locked.lock.tools
    for reason in locked.stale:
        click.echo(f"the lock did not fit: {reason}")
    for change in locked.changes:
        click.echo(f"  {_line(change)}")
    size = human_size(sum(p.size for p in image.packages))
    state = f"wrote {LOCK}" if locked.written else f"{LOCK} fits; --update asks the mirrors for newer packages"
    click.echo(f"{state}: {len(image.packages)} packages ({size}), {len(tools.packages)} for the tools tree")
    for recording in locked.recorded:
        click.echo(f"the {recording.script.value} of {recording.package} changed, and the lock keeps:")
        for line in summary(recording):
            click.echo(f"  {line}")
    if locked.unreviewed:
        click.echo("\nscripts with lines that nobody has reviewed; adamant build refuses them until you decide:\n")
        for script in locked.unreviewed:
            click.echo(describe(script) + "\n")
        click.echo(ways_out(locked.unreviewed))


def _line(change: Change) -> str:
    name = f"{change.part}: {'suite ' if change.release else ''}{change.name}"
    old, new = (text[:12] if change.release else text for text in (change.old, change.new))
    match change.kind:
        case ChangeKind.ADDED:
            return click.style(f"+ {name} {new}", fg="green")
        case ChangeKind.REMOVED:
            return click.style(f"- {name} {old}", fg="red")
        case ChangeKind.CHANGED:
            return f"~ {name} {old} -> {new}"
