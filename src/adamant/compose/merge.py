"""Layers to one tree: every path once, hard links resolved, nothing below a name that Debian aliases into /usr.

What stays true of a merged tree: each parent of each path is a directory of it; a hard link points to a file of it,
whose path is the smallest of its group by UTF-8 bytes, so that it comes first in any sorted archive.
"""

from collections.abc import Iterable
from dataclasses import replace

from adamant.model.errors import InputError
from adamant.model.tree import Entry, Kind, Tree
from adamant.packages.layer import Layer

ALIASED = frozenset({"bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32"})
"""Links into /usr on a merged-/usr system (UsrMerge). Debian 13 ships nothing below them."""

_BOTH = "leave one of the two packages out of the definition"


def merge(layers: Iterable[Layer]) -> Tree:
    """One tree of all `layers`, whose order means nothing.

    Raises InputError: path-in-two-packages, directories-disagree, path-aliased, path-below-file.
    """
    tree: Tree = {}
    for layer in sorted(layers, key=lambda layer: layer.package.name):
        for entry in layer.entries:
            there = tree.get(entry.path)
            if there is None:
                tree[entry.path] = entry
            else:
                _check_same(there, entry)
    _complete(tree)
    relink(tree)
    return tree


def _check_same(one: Entry, other: Entry) -> None:
    """Two packages may have the same directory, or the same symbolic link, and nothing else."""
    context = f"packages: {one.package}, {other.package}"
    if one.kind is not other.kind or one.kind not in {Kind.DIRECTORY, Kind.SYMLINK} or one.target != other.target:
        raise InputError("path-in-two-packages", f"two packages have /{one.path}", context=context, hint=_BOTH)
    if (one.mode, one.uid, one.gid, one.xattrs) != (other.mode, other.uid, other.gid, other.xattrs):
        words = " and ".join(f"{e.package} has it {e.mode:04o} {e.uid}:{e.gid}" for e in (one, other))
        raise InputError(
            "directories-disagree", f"two packages differ about /{one.path}: {words}", context=context, hint=_BOTH
        )


def _complete(tree: Tree) -> None:
    """Add the parents that no package ships; refuse a path below something that is not a directory."""
    for entry in list(tree.values()):
        parent = entry.path.rpartition("/")[0]
        while parent:
            there = tree.get(parent)
            if there is None:
                tree[parent] = Entry(parent, Kind.DIRECTORY, 0o755)
            elif there.kind is not Kind.DIRECTORY:
                raise _below(entry, there)
            else:
                break
            parent = parent.rpartition("/")[0]
    for name in ALIASED & tree.keys():
        if tree[name].kind is Kind.DIRECTORY:
            below = next((e for e in tree.values() if e.path.startswith(f"{name}/")), tree[name])
            raise _aliased(below)


def _below(entry: Entry, there: Entry) -> InputError:
    if there.path in ALIASED:
        return _aliased(entry)
    return InputError(
        "path-below-file",
        f"/{entry.path} lies below /{there.path}, which is a {there.kind}",
        context=f"packages: {entry.package}, {there.package}",
        hint=_BOTH,
    )


def _aliased(entry: Entry) -> InputError:
    return InputError(
        "path-aliased",
        f"{entry.package} ships /{entry.path}, below a link into /usr",
        context=f"package: {entry.package}",
        hint="the package was not made for a system with merged /usr: take its version of the suite, or leave it out",
    )


def relink(tree: Tree) -> None:
    """Give the contents of each group of hard links to the smallest path of it, in place.

    For callers that moved or renamed entries after the merge. Targets must be files of `tree`.
    """
    groups: dict[str, list[str]] = {}
    for entry in tree.values():
        if entry.kind is Kind.HARDLINK:
            groups.setdefault(entry.target, []).append(entry.path)
    for original, links in groups.items():
        names = sorted([original, *links], key=_bytes)
        file = tree[original]
        for name in names[1:]:
            tree[name] = replace(
                file, path=name, kind=Kind.HARDLINK, target=names[0], size=0, sha256=None, content=None, extent=None
            )
        tree[names[0]] = file.moved(names[0])


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
