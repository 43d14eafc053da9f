"""tmpfiles.d(5): reading it, and doing at build what it asks for below /etc, which is read-only at boot.

What stays true: after compose, no line asks for a change below /etc or /usr that is not there already, so
systemd-tmpfiles has nothing to do there. Imports model only (and `entries`, `accounts`, `sysusers` for quoting).
"""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, replace

from adamant.compose import entries
from adamant.compose.accounts import Accounts
from adamant.compose.sysusers import fields
from adamant.model.errors import InputError
from adamant.model.tree import Entry, Kind, Tree

FOLDERS = ("etc/tmpfiles.d", "usr/lib/tmpfiles.d")

_TYPES = set("fwdDevqQpLcbCxXrRzZtThHaA")
_MODIFIERS = set("+!-=~^$?")
_DIRECTORIES = set("dDevqQ")
_STATIC = ("etc/", "usr/")


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `type` is the letter, `modifiers` what follows it; a field that is not given is empty."""

    type: str
    modifiers: str
    path: str
    mode: str
    user: str
    group: str
    age: str
    argument: str
    where: str


def parse_line(text: str, where: str) -> Line:
    """One line of tmpfiles.d. Raises InputError (`line-malformed`)."""
    words = fields(text, where)
    if len(words) < 2 or words[0][0] not in _TYPES or not set(words[0][1:]) <= _MODIFIERS:
        raise InputError("line-malformed", f"not a tmpfiles line: {text.strip()[:200]!r}", context=where)
    if not words[1].startswith("/"):
        raise InputError("line-malformed", f"not an absolute path: {words[1]!r}", context=where)
    argument = " ".join(words[6:])
    words = [*words[:6], *[""] * (6 - len(words[:6]))]
    kind, path, mode, user, group, age = (w if i < 2 or w != "-" else "" for i, w in enumerate(words))
    return Line(kind[0], kind[1:], path, mode, user, group, age, "" if argument == "-" else argument, where)


def parse(text: str, path: str) -> list[Line]:
    """Lines of the file `path`. Raises InputError (`line-malformed`) with file and line."""
    return [
        parse_line(raw, f"{path}:{number}")
        for number, raw in enumerate(text.split("\n"), 1)
        if raw.strip() and not raw.lstrip().startswith("#")
    ]


def read(tree: Tree) -> list[Line]:
    """Lines of all files, in the order systemd-tmpfiles reads them: by file name, /etc before /usr/lib."""
    chosen: dict[str, str] = {}
    for folder in FOLDERS:
        for entry in entries.inside(tree, folder, ".conf"):
            chosen.setdefault(entry.path.rpartition("/")[2], entry.path)
    lines: list[Line] = []
    for name in sorted(chosen):
        if (final := entries.real_file(tree, chosen[name])) is not None:
            lines += parse(entries.text(final), chosen[name])
    return lines


def users_and_groups(lines: Iterable[Line]) -> list[tuple[str, str, str]]:
    """Names of owners in lines, as (user or empty, group or empty, where)."""
    return [(line.user.lstrip(":"), line.group.lstrip(":"), line.where) for line in lines if line.user or line.group]


def is_static(path: str) -> bool:
    """Whether an absolute path lies where nothing can be written on a machine, so that it is made at build."""
    return posixpath.normpath(path)[1:].startswith(_STATIC)


def apply(tree: Tree, lines: Iterable[Line], accounts: Accounts) -> list[Entry]:
    """What the lines make below /etc and /usr: directories, links, files, modes. Lines with specifiers are passed over.

    The result has new entries and changed ones; a later line sees what an earlier one made.
    """
    made: Tree = {}
    for line in lines:
        path = posixpath.normpath(line.path)[1:]
        if not is_static(line.path) or "%" in path or "^" in line.modifiers or "*" in path:
            continue
        held = made.get(path) or tree.get(path)
        entry = _change(tree, line, path, held, accounts)
        if entry is not None and entry != held:
            made[path] = entry
    return entries.sort(made.values())


def _change(tree: Tree, line: Line, path: str, held: Entry | None, accounts: Accounts) -> Entry | None:
    if line.type in _DIRECTORIES:
        if held is None:
            return None if line.type == "e" else _owned(entries.directory(path), line, accounts, new=True)
        return _owned(held, line, accounts, new=False) if held.kind is Kind.DIRECTORY else None
    if line.type == "L":
        target = line.argument or f"/usr/share/factory/{path}"
        if held is None or ("+" in line.modifiers and held.target != target):
            return entries.link(path, target) if _wants_link(tree, line, path, target) else None
        return None
    if line.type == "f":
        if held is None or "+" in line.modifiers:
            return _owned(entries.file(path, _unescape(line.argument)), line, accounts, new=True)
        return _owned(held, line, accounts, new=False)
    if line.type == "C" and held is None and line.argument:
        source = entries.real_file(tree, line.argument)
        if source is None:
            return None
        return _owned(replace(source, path=path, package=""), line, accounts, new=True)
    if line.type in "zZ" and held is not None:
        return _owned(held, line, accounts, new=False)
    return None


def _wants_link(tree: Tree, line: Line, path: str, target: str) -> bool:
    """`L?` makes a link only to what is there."""
    if "?" not in line.modifiers:
        return True
    final = target if target.startswith("/") else f"{posixpath.dirname(path)}/{target}"
    return entries.resolve(tree, final) is not None


def _owned(entry: Entry, line: Line, accounts: Accounts, *, new: bool) -> Entry:
    mode, uid, gid = entry.mode, entry.uid, entry.gid
    text = line.mode
    if text and (new or not text.startswith(":")):
        bits = _mode(text.lstrip(":~"), line.where)
        mode = bits & (entry.mode | 0o7000) if text.startswith("~") and not new else bits
    if line.user and (new or not line.user.startswith(":")):
        uid = _id(line.user.lstrip(":"), {n: u.uid for n, u in accounts.users.items()}, line.where)
    if line.group and (new or not line.group.startswith(":")):
        gid = _id(line.group.lstrip(":"), {n: g.gid for n, g in accounts.groups.items()}, line.where)
    return replace(entry, mode=mode, uid=uid, gid=gid)


def _mode(text: str, where: str) -> int:
    try:
        bits = int(text, 8)
    except ValueError:
        bits = -1
    if not 0 <= bits <= 0o7777:
        raise InputError("line-malformed", f"not a mode: {text!r}", context=where)
    return bits


def _id(name: str, known: dict[str, int], where: str) -> int:
    if name.isdecimal() and name.isascii():
        return int(name)
    if name not in known:
        raise InputError("account-unknown", f"there is no user or group {name}", context=where)
    return known[name]


def _unescape(text: str) -> str:
    """C escapes of an argument (tmpfiles.d(5)): those that packages use."""
    out = text
    for escape, character in (("\\n", "\n"), ("\\t", "\t"), ("\\x20", " "), ("\\\\", "\\")):
        out = out.replace(escape, character)
    return out
