"""Compares /etc with what the release has there, as both are seen now.

It looks at the merged /etc and not at the upper layer of its overlay, so that a file that was copied up and never
changed is no difference. Compared are kind, contents, mode, owner and the target of links.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from adamant.core import limits
from adamant.model.digest import sha256
from adamant.node.config.etc import FACTORY

ETC = "etc"
_ACCOUNTS = ("group", "gshadow", "passwd", "shadow", "subgid", "subuid")
OWN: Mapping[str, str] = {
    ".pwd.lock": "programs that change accounts lock it",
    **{f"{name}-": "programs that change accounts keep what was there before" for name in _ACCOUNTS},
    "machine-id": "the machine's identity",
}
"""What the machine makes there itself, by its path below /etc: no difference."""
_KINDS = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link"}


class Difference(NamedTuple):
    """Something that differs, by its path below /etc. `change` is added, changed or removed."""

    path: str
    change: str
    reason: str


class Compared(NamedTuple):
    """What differs, by path, and whether there is more that was not looked at."""

    found: tuple[Difference, ...]
    more: bool


def compare(root: Path, placed: Mapping[str, str]) -> Compared:
    """What differs on the machine below `root`. `placed` is what the config has there (node.config.placing)."""
    ours, much = _walk(root / ETC)
    theirs, many = _walk(root / FACTORY)
    found = []
    for path in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get(path), theirs.get(path)
        if path in OWN or (path in placed and _digest(root / ETC / path) == placed[path]):
            continue
        if here is None:
            # A folder that is gone says it for all that was in it.
            if path.rpartition("/")[0] in ours or "/" not in path:
                found.append(Difference(path, "removed", ""))
        elif there is None:
            if not _holds_only_placed(path, here, ours, placed):
                found.append(Difference(path, "added", _kind(here)))
        elif reason := _differs(root, path, here, there):
            found.append(Difference(path, "changed", reason))
    return Compared(tuple(found[: limits.DRIFT_LISTED]), much or many or len(found) > limits.DRIFT_LISTED)


def _walk(folder: Path) -> tuple[dict[str, os.stat_result], bool]:
    """What lies in a folder by path, without following links; and whether it is too much, or not to be looked into."""
    found: dict[str, os.stat_result] = {}
    more, todo = False, [""]
    while todo:
        below = todo.pop()
        try:
            with os.scandir(folder / below) as entries:
                for entry in entries:
                    if len(found) >= limits.DRIFT_ENTRIES:
                        return found, True
                    path = f"{below}/{entry.name}" if below else entry.name
                    found[path] = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(path)
        except FileNotFoundError:
            continue
        except OSError:  # a folder of another user's, which the agent may not look into
            more = True
    return found, more


def _holds_only_placed(
    path: str, here: os.stat_result, ours: Mapping[str, os.stat_result], placed: Mapping[str, str]
) -> bool:
    """Whether it is a folder that is there for files of the config alone."""
    if not stat.S_ISDIR(here.st_mode):
        return False
    inside = [name for name in ours if name.startswith(f"{path}/") and not stat.S_ISDIR(ours[name].st_mode)]
    return bool(inside) and all(name in placed for name in inside)


def _kind(found: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(found.st_mode), "neither a file nor a folder nor a link")


def _differs(root: Path, path: str, here: os.stat_result, there: os.stat_result) -> str:
    """In which respects two things of one path differ; empty when in none."""
    if stat.S_IFMT(here.st_mode) != stat.S_IFMT(there.st_mode):
        return f"it is {_kind(here)}, and was {_kind(there)}"
    reasons = []
    live, released = root / ETC / path, root / FACTORY / path
    if stat.S_ISLNK(here.st_mode):
        return "it points elsewhere" if live.readlink() != released.readlink() else ""
    if stat.S_ISREG(here.st_mode) and (words := _contents(live, released, here, there)):
        reasons.append(words)
    if stat.S_IMODE(here.st_mode) != stat.S_IMODE(there.st_mode):
        reasons.append(f"mode {stat.S_IMODE(here.st_mode):04o}, not {stat.S_IMODE(there.st_mode):04o}")
    if (here.st_uid, here.st_gid) != (there.st_uid, there.st_gid):
        reasons.append(f"owner {here.st_uid}:{here.st_gid}, not {there.st_uid}:{there.st_gid}")
    return ", ".join(reasons)


def _contents(live: Path, released: Path, here: os.stat_result, there: os.stat_result) -> str:
    if here.st_size != there.st_size:
        return "contents"
    try:
        # As large as a file of the image, hence small enough.
        return "contents" if live.read_bytes() != released.read_bytes() else ""
    except OSError as error:
        return f"contents cannot be compared: {error.strerror}"


def _digest(path: Path) -> str:
    try:
        return f"{path.stat().st_mode & 0o7777:o} {sha256(path.read_bytes())}"
    except OSError:
        return ""
