"""What reviewed maintainer scripts leave in the tree: copies, files, links, modes and capabilities.

What stays true: an effect whose subject is not in the tree is an error, so that a table that no longer fits is seen.
Imports model and packages.scripts.effects only (and `entries`, `accounts`).
"""

import posixpath
from collections.abc import Iterable
from dataclasses import replace

from adamant.compose import entries
from adamant.compose.accounts import Accounts
from adamant.model.errors import AdamantError
from adamant.model.tree import Entry, Kind, Tree
from adamant.packages.scripts.effects import Capability, Copy, Effect, File, Link, Mode

_PLACES = ("etc/", "usr/")


def apply(tree: Tree, effects: Iterable[Effect], accounts: Accounts) -> list[Entry]:
    """New and changed entries, sorted by path. Raises AdamantError (`effect-not-possible`)."""
    made: Tree = {}
    for effect in effects:
        entry = _apply(tree, made, effect, accounts)
        if entry is not None:
            made[entry.path] = entry
    return entries.sort(made.values())


def _apply(tree: Tree, made: Tree, effect: Effect, accounts: Accounts) -> Entry | None:
    if isinstance(effect, Copy):
        path = _place(tree, effect.target)
        source = entries.real_file(tree, effect.source)
        if path in tree or path in made:
            return None
        if source is None:
            raise _impossible(f"there is no {effect.source} to copy to {effect.target}")
        mode = source.mode if effect.mode is None else int(effect.mode, 8)
        return replace(source, path=path, mode=mode, uid=0, gid=0, xattrs=(), package="", kind=Kind.FILE)
    if isinstance(effect, File):
        path = _place(tree, effect.path)
        return None if path in tree else entries.file(path, effect.content, int(effect.mode, 8))
    if isinstance(effect, Link):
        path = _place(tree, effect.path)
        return None if path in tree else entries.link(path, effect.target)
    if isinstance(effect, Mode):
        return _owned(_subject(tree, made, effect.path), effect, accounts)
    if isinstance(effect, Capability):
        entry = _subject(tree, made, effect.path)
        name, value = effect.xattr()
        return replace(entry, xattrs=(*((n, v) for n, v in entry.xattrs if n != name), (name, value)))
    return None


def _owned(entry: Entry, effect: Mode, accounts: Accounts) -> Entry:
    user, group = accounts.users.get(effect.owner), accounts.groups.get(effect.group)
    if user is None or group is None:
        raise _impossible(f"{effect.path} would belong to {effect.owner}:{effect.group}, which is nobody")
    return replace(entry, mode=int(effect.mode, 8), uid=user.uid, gid=group.gid)


def _place(tree: Tree, path: str) -> str:
    """Path in the tree, links in its folder followed where the folder is there."""
    folder = entries.resolve(tree, posixpath.dirname(path))
    at = f"{folder}/{posixpath.basename(path)}" if folder is not None else posixpath.normpath(path)[1:]
    if not at.startswith(_PLACES):
        raise _impossible(f"{path} is not below /usr or /etc")
    return at


def _subject(tree: Tree, made: Tree, path: str) -> Entry:
    at = _place(tree, path)
    entry = made.get(at) or tree.get(at)
    if entry is None:
        raise _impossible(f"there is no {path}")
    return entry


def _impossible(why: str) -> AdamantError:
    return AdamantError(
        "effect-not-possible",
        f"what a reviewed maintainer script does cannot be done: {why}",
        hint="the package changed since its scripts were reviewed",
    )
