"""Users and groups of an image: base-passwd's masters, sysusers.d, what reviewed scripts add, with fixed ids.

What stays true: an id depends on the name alone, never on which other packages are there: it is base-passwd's, or that
of a sysusers.d line, or that of `data/ids.json`, or derived from the name's digest. Two names never share an id.
No account has a password. Imports model only (and `entries`, `sysusers`).
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources

from adamant.compose import entries, sysusers
from adamant.model.errors import AdamantError, InputError
from adamant.model.tree import Entry, Tree

DERIVED = range(300, 900)
"""Ids of names that are not in the table: within Debian's system range (Policy 9.2.2), apart from the table's."""

ADDITIONS = "usr/lib/adamant/accounts.conf"

_SHADOW_GID = 42
_NOLOGIN = "/usr/sbin/nologin"
_FOLDERS = ("etc/sysusers.d", "usr/lib/sysusers.d")
_BASE = "usr/share/base-passwd"


@dataclass(frozen=True, slots=True)
class User:
    """A line of passwd(5)."""

    name: str
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str


@dataclass(frozen=True, slots=True)
class Group:
    """A line of group(5)."""

    name: str
    gid: int
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accounts:
    """All users and groups by name."""

    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)

    def uids(self) -> set[int]:
        """Ids of users."""
        return {u.uid for u in self.users.values()}

    def gids(self) -> set[int]:
        """Ids of groups."""
        return {g.gid for g in self.groups.values()}


@dataclass(frozen=True, slots=True)
class Pins:
    """Fixed ids by name."""

    users: dict[str, int]
    groups: dict[str, int]


def pins() -> Pins:
    """The table of fixed ids."""
    table = json.loads(resources.files("adamant.compose").joinpath("data/ids.json").read_bytes())
    return Pins(table["users"], table["groups"])


def derive(name: str) -> int:
    """The id of a name that no table knows."""
    digest = hashlib.sha256(f"adamant account {name}".encode()).digest()
    return DERIVED[int.from_bytes(digest[:8], "big") % len(DERIVED)]


def read_masters(tree: Tree) -> Accounts:
    """Accounts of the package base-passwd. Raises AdamantError when it is not in the image."""
    try:
        passwd, group = (entries.text(tree[f"{_BASE}/{name}.master"]) for name in ("passwd", "group"))
    except KeyError as error:
        raise AdamantError(
            "base-passwd-missing", "the image has no package base-passwd", hint="adamant lock adds it: make a new lock"
        ) from error
    accounts = Accounts()
    for words in (line.split(":") for line in passwd.splitlines() if line):
        if len(words) != 7:
            raise InputError("line-malformed", f"not a line of passwd(5): {words!r}", context=f"{_BASE}/passwd.master")
        name, _password, uid, gid, gecos, home, shell = words
        accounts.users[name] = User(name, _number(uid), _number(gid), gecos, home, shell)
    for words in (line.split(":") for line in group.splitlines() if line):
        if len(words) != 4:
            raise InputError("line-malformed", f"not a line of group(5): {words!r}", context=f"{_BASE}/group.master")
        name, _password, gid, members = words
        accounts.groups[name] = Group(name, _number(gid), tuple(m for m in members.split(",") if m))
    return accounts


def read_lines(tree: Tree) -> list[sysusers.Line]:
    """Lines of all sysusers.d files, in the order systemd reads them: by file name, /etc before /usr/lib."""
    chosen: dict[str, Entry] = {}
    for folder in _FOLDERS:
        for entry in entries.inside(tree, folder, ".conf"):
            chosen.setdefault(entry.path.rpartition("/")[2], entry)
    lines: list[sysusers.Line] = []
    for name in sorted(chosen):
        if (final := entries.real_file(tree, chosen[name].path)) is not None:
            lines += sysusers.parse(entries.text(final), chosen[name].path)
    return lines


def evaluate(base: Accounts, lines: Sequence[sysusers.Line], table: Pins) -> Accounts:
    """`base` with what `lines` add. The first line for a name counts, as with systemd-sysusers.

    Raises InputError (`account-id-taken`) when two names would get one id.
    """
    made = Accounts(dict(base.users), dict(base.groups))
    _reject_taken(made)
    users = _first(line for line in lines if line.type == "u")
    groups = _first(line for line in lines if line.type == "g")
    for line in (line for line in lines if line.type == "m"):
        users.setdefault(line.name, replace(line, type="u", id="", gecos=""))
        if line.id not in users:
            groups.setdefault(line.id, replace(line, type="g", name=line.id, id=""))
    for name, line in groups.items():
        if name not in made.groups:
            made.groups[name] = Group(name, _choose(name, line, line.id, table.groups))
    for name, line in users.items():
        if name not in made.users:
            _add_user(made, line, table)
    for line in (line for line in lines if line.type == "m"):
        group = made.groups[line.id]
        if line.name not in group.members:
            made.groups[line.id] = replace(group, members=(*group.members, line.name))
    _reject_taken(made)
    return made


def _first(lines: Iterable[sysusers.Line]) -> dict[str, sysusers.Line]:
    found: dict[str, sysusers.Line] = {}
    for line in lines:
        found.setdefault(line.name, line)
    return found


def _add_user(made: Accounts, line: sysusers.Line, table: Pins) -> None:
    own, _, group = line.id.partition(":")
    own = "" if own == "-" else own
    if own.startswith("/"):
        raise InputError(
            "account-id-from-path",
            f"the id of {line.name} would be that of the owner of {own}",
            context=line.where,
            hint="give a number",
        )
    uid = _choose(line.name, line, own, table.users)
    if group and group.isdigit():
        gid = int(group)
        if gid not in made.gids():
            raise InputError("account-unknown", f"there is no group {gid}", context=line.where)
    elif group:
        if group not in made.groups:
            raise InputError("account-unknown", f"there is no group {group}", context=line.where)
        gid = made.groups[group].gid
    else:
        if line.name not in made.groups:
            wanted = own or str(table.groups.get(line.name, uid))
            made.groups[line.name] = Group(line.name, _number(wanted))
        gid = made.groups[line.name].gid
    shell = line.shell or ("/bin/sh" if uid == 0 else _NOLOGIN)
    made.users[line.name] = User(line.name, uid, gid, line.gecos, line.home or "/", shell)


def _choose(name: str, line: sysusers.Line, given: str, table: dict[str, int]) -> int:
    if not given:
        return table[name] if name in table else derive(name)
    if not given.isdigit():
        raise InputError("line-malformed", f"not an id: {given!r}", context=line.where)
    return _number(given)


def _number(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or int(text) > 2**32 - 2 or int(text) == 65535:
        raise InputError("line-malformed", f"not an id: {text[:40]!r}")
    return int(text)


def _reject_taken(accounts: Accounts) -> None:
    for what, ids in (
        ("users", [(u.uid, u.name) for u in accounts.users.values()]),
        ("groups", [(g.gid, g.name) for g in accounts.groups.values()]),
    ):
        owner: dict[int, str] = {}
        for number, name in sorted(ids):
            if number in owner:
                raise InputError(
                    "account-id-taken",
                    f"the {what} {owner[number]} and {name} would both have the id {number}",
                    hint=f"give {name} a fixed id: a file /usr/lib/sysusers.d/00-ids.conf in the definition's files "
                    f"with a line such as 'u {name} 899'",
                )
            owner[number] = name


def files(accounts: Accounts) -> list[Entry]:
    """passwd, group, shadow, gshadow, subuid and subgid in /etc.

    The field of the last change of a password is empty in shadow, so that ages are not looked at: today's date would
    differ between builds, and 0 would ask for a new password at the first login (shadow(5)).
    """
    users = sorted(accounts.users.values(), key=lambda u: (u.uid, u.name))
    groups = sorted(accounts.groups.values(), key=lambda g: (g.gid, g.name))
    passwd = "".join(f"{u.name}:x:{u.uid}:{u.gid}:{u.gecos}:{u.home}:{u.shell}\n" for u in users)
    group = "".join(f"{g.name}:x:{g.gid}:{','.join(g.members)}\n" for g in groups)
    shadow = "".join(f"{u.name}:!*:::::::\n" for u in users)
    gshadow = "".join(f"{g.name}:!*::{','.join(g.members)}\n" for g in groups)
    return [
        entries.file("etc/passwd", passwd),
        entries.file("etc/group", group),
        entries.file("etc/shadow", shadow, 0o640, gid=_SHADOW_GID),
        entries.file("etc/gshadow", gshadow, 0o640, gid=_SHADOW_GID),
        entries.file("etc/subuid", ""),
        entries.file("etc/subgid", ""),
    ]


def additions(accounts: Accounts) -> Entry:
    """The same accounts as lines of sysusers.d(5), for machines whose lists in /etc are their own.

    No folder of sysusers.d has the file, so nothing but a unit of ours reads it.
    """
    users = sorted(accounts.users.values(), key=lambda u: (u.uid, u.name))
    groups = sorted(accounts.groups.values(), key=lambda g: (g.gid, g.name))
    of_gid = {g.gid: g.name for g in groups}
    lines = [f"g {g.name} {g.gid}" for g in groups]
    lines += [
        f"u {u.name} {u.uid}:{of_gid[u.gid]} {_quoted(u.gecos)} {u.home} {u.shell}" for u in users if u.gid in of_gid
    ]
    lines += [f"m {member} {g.name}" for g in groups for member in g.members]
    return entries.file(ADDITIONS, "".join(f"{line}\n" for line in lines))


def _quoted(gecos: str) -> str:
    escaped = gecos.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if gecos else "-"


def unknown_owners(tree: Tree, accounts: Accounts) -> list[Entry]:
    """Entries whose owner or group is the id of nobody, sorted by path."""
    uids, gids = accounts.uids(), accounts.gids()
    return entries.sort(e for e in tree.values() if e.uid not in uids or e.gid not in gids)
