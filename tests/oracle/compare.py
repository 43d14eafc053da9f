"""Two systems path by path: type, mode, owner by name, target and contents.

Before they are compared, ours becomes the system that it is after boot (the factory's /etc in place, /var as tmpfiles.d
makes it), and in theirs the links of enabled units lie where ours has them, since only their meaning is compared.
"""

import hashlib
import os
import posixpath
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from adamant.compose import entries, tmpfiles
from adamant.compose.compose import Composition
from adamant.model.tree import Kind, Tree

FACTORY = "share/factory/"
FIELDS = ("kind", "mode", "user", "group", "target", "digest")


@dataclass(frozen=True, slots=True)
class Node:
    """What is compared of one path. `digest` is of a regular file's contents, `read` gives them."""

    kind: str
    mode: int
    user: str
    group: str
    target: str = ""
    digest: str = ""
    read: Callable[[], bytes] = bytes


System = dict[str, Node]
"""Nodes by path, without the first slash."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A path that is there on one side only (`ours`, `theirs`), or that differs in `fields` (`both`)."""

    side: str
    path: str
    fields: tuple[str, ...]
    ours: Node | None
    theirs: Node | None

    def __str__(self) -> str:
        node = self.ours or self.theirs
        assert node is not None
        if self.ours is None or self.theirs is None:
            return f"{self.side}: {self.path} ({node.kind} {node.mode:04o} {node.user}:{node.group} {node.target})"
        pairs = [f"{f} {_show(self.ours, f)} against {_show(self.theirs, f)}" for f in self.fields]
        return f"both: {self.path} ({', '.join(pairs)})"


def _show(node: Node, field: str) -> str:
    value = getattr(node, field)
    return f"{value:04o}" if field == "mode" else str(value)[:60]


def names(table: bytes) -> dict[int, str]:
    """Names by id of a passwd(5) or group(5) file."""
    rows = [line.split(":") for line in table.decode().splitlines()]
    return {int(row[2]): row[0] for row in rows if len(row) > 2}


def ours(composition: Composition) -> System:
    """The composed image as the system that it becomes."""
    tree: Tree = {}
    for path, entry in composition.tree.items():
        place = path.removeprefix(FACTORY) if path.startswith(f"{FACTORY}etc") else f"usr/{path}"
        tree[place] = entry.moved(place)
    users, groups = (names(entries.read(tree[f"etc/{name}"])) for name in ("passwd", "group"))
    found: System = {}
    for path, entry in tree.items():
        file = composition.tree[entry.target] if entry.kind is Kind.HARDLINK else entry
        found[path] = Node(
            file.kind.value,
            file.mode,
            users[file.uid],
            groups[file.gid],
            file.target,
            file.sha256 or "",
            partial(entries.read, file),
        )
    return found | _var(found, tmpfiles.read({**tree, **_parents(tree)}), users, groups)


def _parents(tree: Tree) -> Tree:
    return {entry.path: entry for entry in entries.parents(tree, list(tree.values()))}


def _var(system: System, lines: list[tmpfiles.Line], users: Mapping[int, str], groups: Mapping[int, str]) -> System:
    """What systemd-tmpfiles makes below /var at the first boot."""

    def owner(name: str, known: Mapping[int, str]) -> str:
        return known[int(name)] if name.isdecimal() else name.lstrip(":") or "root"

    made: System = {}
    for line in lines:
        path = line.path.lstrip("/").rstrip("/")
        if not (path + "/").startswith("var/") or "%" in path or "*" in path or "^" in line.modifiers:
            continue
        user, group = owner(line.user, users), owner(line.group, groups)
        mode = int(line.mode.lstrip(":~"), 8) if line.mode else 0o755 if line.type in "dDqQv" else 0o644
        if line.type in "dDqQv":
            made[path] = Node("directory", mode, user, group)
        elif line.type == "L":
            made.setdefault(path, Node("symlink", 0o777, "root", "root", line.argument))
        elif line.type == "f":
            made[path] = Node("file", mode, user, group, "", hashlib.sha256(line.argument.encode()).hexdigest())
        elif line.type == "C":
            source = system[line.argument.lstrip("/").replace("usr/share/factory/", "", 1)]
            made[path] = replace(source, mode=mode if line.mode else source.mode, user=user, group=group)
        elif line.type == "z" and path in made:
            made[path] = replace(made[path], mode=mode, user=user, group=group)
    return made


_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def theirs(root: Path, wants: Callable[[str], bool]) -> System:
    """The system in the folder `root`, as far as the filter of images `wants` a path."""
    users, groups = (names((root / "etc" / name).read_bytes()) for name in ("passwd", "group"))
    found: System = {}
    for folder, below, files in os.walk(root):
        for name in [*below, *files]:
            path = Path(folder) / name
            relative = str(path.relative_to(root))
            if not wants(relative):
                continue
            state = path.lstat()
            kind = _KINDS[stat.S_IFMT(state.st_mode)]
            found[relative] = Node(
                kind,
                stat.S_IMODE(state.st_mode),
                users[state.st_uid],
                groups[state.st_gid],
                str(path.readlink()) if kind == "symlink" else "",
                hashlib.sha256(path.read_bytes()).hexdigest() if kind == "file" else "",
                path.read_bytes,
            )
    return _units_below_usr(found)


_ENABLED = re.compile(r"etc/systemd/(system|user)/(.+)")


def _units_below_usr(system: System) -> System:
    """Links that enable units, and their folders, moved from /etc to /usr and made relative."""
    moved: System = {}
    for path, node in sorted(system.items()):
        found = _ENABLED.fullmatch(path)
        if found is None:
            moved.setdefault(path, node)
            continue
        place = f"usr/lib/systemd/{found[1]}/{found[2]}"
        target = re.sub(r"^/lib/", "/usr/lib/", node.target)
        if target.startswith("/"):
            target = posixpath.relpath(target, f"/{posixpath.dirname(place)}")
        moved[place] = replace(node, target=target)
    return moved


def compare(one: System, two: System) -> list[Difference]:
    """Differences between `one` (ours) and `two` (theirs), by path."""
    found: list[Difference] = []
    for path in sorted(one.keys() | two.keys()):
        mine, other = one.get(path), two.get(path)
        if mine is None or other is None:
            found.append(Difference("ours" if other is None else "theirs", path, (), mine, other))
        elif differing := tuple(f for f in FIELDS if getattr(mine, f) != getattr(other, f)):
            found.append(Difference("both", path, differing, mine, other))
    return found
