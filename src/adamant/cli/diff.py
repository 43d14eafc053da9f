"""`adamant diff`."""

import tempfile
from pathlib import Path

import click
import msgspec

from adamant.cli.options import json_option
from adamant.cli.progress import human_size
from adamant.core import places
from adamant.packages.tools import newest_tools
from adamant.reading.difference import ChangeKind, Difference, FileChange, Update, difference

_EPILOG = """\b
Examples:
  adamant diff out/example_1_amd64 out/example_2_amd64
  adamant diff old/disk.raw new/disk.raw --files
  adamant diff A B --json
"""
_COLOURS = {ChangeKind.ADDED: "green", ChangeKind.REMOVED: "red", ChangeKind.CHANGED: "yellow"}
_SIGNS = {ChangeKind.ADDED: "+", ChangeKind.REMOVED: "-", ChangeKind.CHANGED: "~"}
_SHOWN_FILES = 20


@click.command("diff", epilog=_EPILOG)
@click.argument("old", type=click.Path(path_type=Path, exists=True))
@click.argument("new", type=click.Path(path_type=Path, exists=True))
@click.option("--files", "all_files", is_flag=True, help=f"List every changed file, not only {_SHOWN_FILES}.")
@json_option
def command(old: Path, new: Path, all_files: bool, as_json: bool) -> None:
    """Say what differs from OLD to NEW (builds, disks, UKIs, usr images), and what an update would move."""
    with tempfile.TemporaryDirectory(prefix="adamant-") as scratch:
        found = difference(old, new, newest_tools(places.cache()), Path(scratch))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _print(found, all_files)


def _print(found: Difference, all_files: bool) -> None:
    if found.same:
        click.echo(f"{found.old} and {found.new} hold the same")
        return
    for value in found.values:
        click.echo(f"{value.name}\n  - {value.old}\n  + {value.new}")
    if found.packages is not None:
        click.echo(f"packages: {len(found.packages)} differ")
        for package in found.packages:
            versions = " -> ".join(v for v in (package.old, package.new) if v)
            click.echo(_line(package.change, f"{package.name} {versions}"))
    if found.files is not None:
        what = "differ" if found.contents_compared else "differ (contents were not compared)"
        click.echo(f"files: {len(found.files)} {what}")
        shown = found.files if all_files else found.files[:_SHOWN_FILES]
        for file in shown:
            click.echo(_line(file.change, _file(file)))
        if len(shown) < len(found.files):
            click.echo(f"  ... and {len(found.files) - len(shown)} more; --files lists them")
    click.echo("sizes")
    for size in found.sizes:
        click.echo(f"  {size.part:<14} {human_size(size.old):>9} -> {human_size(size.new):>9}")
    if found.update is not None:
        _print_update(found.update)


def _line(change: ChangeKind, text: str) -> str:
    return click.style(f"  {_SIGNS[change]} {text}", fg=_COLOURS[change])


def _file(file: FileChange) -> str:
    sizes = f"{human_size(file.old_size)} -> {human_size(file.new_size)}"
    return f"{file.path} ({', '.join((*file.what, sizes)) if file.change is ChangeKind.CHANGED else sizes})"


def _print_update(update: Update) -> None:
    share = 100 * update.blocks / update.total_blocks if update.total_blocks else 0.0
    click.echo(
        f"an update would move {update.blocks} of {update.total_blocks} blocks ({share:.1f} %, "
        f"{human_size(update.size)}) in {update.ranges} ranges"
    )
    click.echo(
        f"  with near ranges merged: {human_size(update.merged_size)} in {update.merged_ranges} requests; "
        f"verity tree {human_size(update.tree_size)}, UKI {human_size(update.uki_size)}"
    )
    if update.whole:
        click.echo("  that is so much that the whole image would be streamed")
