"""Entries as real files in a folder, for a tool that reads a folder; never of the whole tree.

What stays true: the folder holds what the entries say, under plain modes (an owner or a setuid bit is not wanted by any
tool here). Imports model and core only (and `entries`).
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from adamant.compose import entries
from adamant.core import files
from adamant.model.digest import Identity, identity
from adamant.model.tree import Entry, Kind


def stage(found: Iterable[Entry], folder: Path) -> None:
    """Write files and links below `folder`, which is a step's own."""
    made: set[Path] = set()
    for entry in found:
        path = folder / entry.path
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        if entry.kind is Kind.DIRECTORY:
            path.mkdir(exist_ok=True)
        elif entry.kind is Kind.SYMLINK:
            path.symlink_to(entry.target)
        elif entry.kind is Kind.FILE:
            path.write_bytes(entries.read(entry))


def inputs(found: Iterable[Entry]) -> Identity:
    """Identity of entries by path, type and contents: the input of a step over them."""
    rows = [[e.path, e.kind.value, e.sha256 or e.target] for e in entries.sort(found)]
    return identity("entries", {"rows": rows})


def keep(folder: Path, results: Iterable[Path]) -> None:
    """Leave in `folder` nothing but `results`, which lie below it, by their own names."""
    with files.work_folder(folder.parent, "results") as aside:
        names = []
        for result in results:
            result.rename(aside / result.name)
            names.append(result.name)
        for left in folder.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
        for name in names:
            (aside / name).rename(folder / name)
