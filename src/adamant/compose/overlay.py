"""Files that Adamant and the definition lay over those of packages.

What stays true: a package's file gives way, a folder does not; the other names of a hard-linked file keep its contents.
Imports model only (and `entries`).
"""

from collections.abc import Iterable
from dataclasses import replace

from adamant.compose import entries
from adamant.model.errors import InputError
from adamant.model.tree import Entry, Kind, Tree


def lay(tree: Tree, files: Iterable[Entry]) -> None:
    """Put `files` into `tree` with the folders above them.

    Raises InputError (`file-in-the-way`) for a path that is a folder of the tree, or lies below something that is none.
    """
    for entry in files:
        there = tree.get(entry.path)
        if there is not None and there.kind is Kind.DIRECTORY and entry.kind is not Kind.DIRECTORY:
            raise _in_the_way(entry, there)
        folder = entry.path.rpartition("/")[0]
        while folder:
            above = tree.get(folder)
            if above is not None and above.kind is not Kind.DIRECTORY:
                raise _in_the_way(entry, above)
            if above is None:
                tree[folder] = entries.directory(folder)
            folder = folder.rpartition("/")[0]
        if there is not None and there.kind is Kind.FILE:
            _part(tree, there)
        tree[entry.path] = entry


def _part(tree: Tree, file: Entry) -> None:
    """Give the contents of `file` to the first of its hard links, and point the others there."""
    links = entries.sort(e for e in tree.values() if e.kind is Kind.HARDLINK and e.target == file.path)
    if links:
        heir = links[0].path
        tree[heir] = replace(file, path=heir, package=links[0].package)
        for other in links[1:]:
            tree[other.path] = replace(other, target=heir)


def _in_the_way(entry: Entry, there: Entry) -> InputError:
    owner = f" of {there.package}" if there.package else ""
    return InputError(
        "file-in-the-way",
        f"/{entry.path} cannot be put into the image: /{there.path} is a {there.kind.value}{owner}",
        hint="choose another path",
    )
