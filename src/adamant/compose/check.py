"""Lints of a composed tree: what would fail, or be unsafe, on the machine. One rule, one function, one reason.

What stays true: a finding with severity error fails the build. Paths are those of the running system without the first
slash, before they are moved below usr/. Imports model only (and `entries`, `accounts`, `tmpfiles`, `units`).
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from adamant.compose import entries, tmpfiles, units
from adamant.compose.accounts import Accounts, unknown_owners
from adamant.model.errors import AdamantError
from adamant.model.tree import Entry, Kind, Tree


class Severity(StrEnum):
    """What a finding means for the build."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found. `path` is below /; `message` says what is wrong with it."""

    rule: str
    severity: Severity
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Image:
    """What the rules look at. `enabled` are units that start at boot."""

    tree: Tree
    accounts: Accounts
    units: Sequence[units.Unit]
    enabled: frozenset[str]
    tmpfiles: Sequence[tmpfiles.Line]


Found = Iterator[tuple[str, str]]
"""Path and message."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A lint: its id, how bad a finding is, why it is looked for, and what looks."""

    id: str
    severity: Severity
    reason: str
    look: Callable[[Image], Found]


_RUNTIME = ("dev/", "proc/", "run/", "sys/", "tmp/", "var/", "root/", "home/", "efi/", "mnt/", "media/")
"""Places that are filled at boot: a path there is not missing."""

_EXEC = ("ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost")
_PREFIXES = "@-:+!|"
_SEARCH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin")
_PROVIDERS = {
    "/bin/sh": "dash",
    "/bin/bash": "bash",
    "/usr/bin/bash": "bash",
    "/usr/bin/env": "coreutils",
    "/usr/bin/perl": "perl-base",
}
"""Packages of interpreters that Debian has everywhere and an image has only when it asks for them."""

KNOWN_SET_ID = frozenset(
    {
        "usr/bin/chage",
        "usr/bin/chfn",
        "usr/bin/chsh",
        "usr/bin/expiry",
        "usr/bin/fusermount3",
        "usr/bin/gpasswd",
        "usr/bin/mount",
        "usr/bin/newgidmap",
        "usr/bin/newgrp",
        "usr/bin/newuidmap",
        "usr/bin/passwd",
        "usr/bin/ssh-agent",
        "usr/bin/su",
        "usr/bin/sudo",
        "usr/bin/umount",
        "usr/bin/crontab",
        "usr/lib/dbus-1.0/dbus-daemon-launch-helper",
        "usr/lib/openssh/ssh-keysign",
        "usr/sbin/mount.nfs",
        "usr/sbin/unix_chkpwd",
    }
)


def _exec_missing(image: Image, *, enabled: bool) -> Found:
    for unit in image.units:
        if (unit.name in image.enabled) != enabled or _unmet_paths(image, unit):
            continue
        for key in _EXEC:
            for value in unit.values("Service", key):
                program, optional = _program(value)
                if program is None or optional:
                    continue
                missing = _missing(image.tree, program)
                if missing:
                    yield unit.path, f"{key}= {program} cannot run: there is no {missing}"


def _unmet_paths(image: Image, unit: units.Unit) -> list[str]:
    """Paths of conditions that cannot hold in this image, so that the unit never starts."""
    wanted = unit.values("Unit", "ConditionPathExists") + unit.values("Unit", "ConditionFileIsExecutable")
    return [
        path
        for path in wanted
        if path.startswith("/")
        and not path[1:].startswith(_RUNTIME)
        and "%" not in path
        and not _exists(image.tree, path)
    ]


def _program(value: str) -> tuple[str | None, bool]:
    """Program of an Exec line and whether its failure is ignored; None when only the running system can say."""
    bare = value.lstrip(_PREFIXES)
    optional = "-" in value[: len(value) - len(bare)]
    words = bare.split()
    word = words[0].strip("\"'") if words else ""
    if not word or "%" in word or "$" in word:
        return None, optional
    return word, optional


def _missing(tree: Tree, program: str) -> str:
    """What keeps `program` from running: itself, or the interpreter of a script; empty when nothing does."""
    if not _exists(tree, program):
        return program
    paths = [program] if program.startswith("/") else [f"{folder}/{program}" for folder in _SEARCH]
    for path in paths:
        if (entry := entries.real_file(tree, path)) is not None:
            return _missing_interpreter(tree, entry)
    return ""


def _exists(tree: Tree, program: str) -> bool:
    if program.startswith("/"):
        return program[1:].startswith(_RUNTIME) or entries.resolve(tree, program) is not None
    return any(entries.resolve(tree, f"{folder}/{program}") is not None for folder in _SEARCH)


def _interpreter_missing(image: Image) -> Found:
    for entry in entries.sort(e for e in image.tree.values() if e.kind is Kind.FILE and e.mode & 0o111 and e.size > 2):
        if missing := _missing_interpreter(image.tree, entry):
            yield entry.path, f"its interpreter {missing} is not in the image"


def _missing_interpreter(tree: Tree, entry: Entry) -> str:
    """The interpreter that the script `entry` names and that is not in the tree; empty when there is none missing."""
    head = entries.read(entry, head=256)
    if not head.startswith(b"#!"):
        return ""
    words = head[2:].split(b"\n", 1)[0].decode(errors="surrogateescape").split()
    if not words or entries.resolve(tree, words[0]) is None:
        return words[0] if words else "(none)"
    name = _env_program(words) if posixpath.basename(words[0]) == "env" else ""
    return name if name and not _exists(tree, name) else ""


def _env_program(words: Sequence[str]) -> str:
    rest = [w for w in words[1:] if not w.startswith("-") and "=" not in w]
    return rest[0] if rest else ""


def _dangling(image: Image) -> Found:
    for entry in entries.sort(image.tree.values()):
        if entry.kind is not Kind.SYMLINK or not entry.path.startswith(("usr/", "etc/")):
            continue
        folder = posixpath.dirname(entry.path)
        target = posixpath.normpath(entry.target if entry.target.startswith("/") else f"/{folder}/{entry.target}")
        if target == "/dev/null" or target[1:].startswith(_RUNTIME) or entries.resolve(image.tree, entry.path):
            continue
        yield entry.path, f"points to {entry.target}, which is not in the image"


def _world_writable(image: Image) -> Found:
    for entry in entries.sort(image.tree.values()):
        if entry.path.startswith(("usr/", "etc/")) and entry.kind is not Kind.SYMLINK and entry.mode & 0o002:
            yield entry.path, f"anyone may write to it (mode {entry.mode:04o})"


def _set_id(image: Image) -> Found:
    for entry in entries.sort(image.tree.values()):
        if entry.kind is Kind.FILE and entry.mode & 0o6000 and entry.path not in KNOWN_SET_ID:
            yield entry.path, f"runs with the rights of its owner or group (mode {entry.mode:04o})"


def _owners(image: Image) -> Found:
    for entry in unknown_owners(image.tree, image.accounts):
        yield entry.path, f"belongs to {entry.uid}:{entry.gid}, and nobody has that id"


def _unit_users(image: Image) -> Found:
    for unit in image.units:
        if unit.last("Service", "DynamicUser") in {"yes", "true", "1", "on"}:
            continue
        for section in ("Service", "Socket", "Mount"):
            for key, known in (
                ("User", image.accounts.users),
                ("SocketUser", image.accounts.users),
                ("Group", image.accounts.groups),
                ("SocketGroup", image.accounts.groups),
                ("SupplementaryGroups", image.accounts.groups),
            ):
                for name in unit.words(section, key):
                    if "%" not in name and not name.isdecimal() and name not in known:
                        yield unit.path, f"{key}={name}: there is no such account"


def _tmpfiles_users(image: Image) -> Found:
    for user, group, where in tmpfiles.users_and_groups(image.tmpfiles):
        for name, known in ((user, image.accounts.users), (group, image.accounts.groups)):
            if name and not name.isdecimal() and "%" not in name and name not in known:
                yield where, f"names the account {name}, which there is not"


def _devices(image: Image) -> Found:
    for entry in entries.sort(image.tree.values()):
        if entry.kind in {Kind.CHARACTER, Kind.BLOCK, Kind.FIFO}:
            yield entry.path, f"is a {entry.kind.value}: /usr is mounted nodev"


_OUTSIDE_OK = re.compile(r"(usr|etc|var|boot|dev|home|media|mnt|opt|proc|root|run|srv|sys|tmp|bin|sbin|lib|lib64)(/|$)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _names(image: Image) -> Found:
    for path in sorted(image.tree, key=lambda p: p.encode(errors="surrogateescape")):
        if not _OUTSIDE_OK.match(path):
            yield path, "lies in a folder that no system has"
        elif _CONTROL.search(path):
            yield path, "has a control character in its name"


RULES = (
    Rule(
        "unit-program-enabled",
        Severity.ERROR,
        "a unit that starts at boot and whose program is missing fails at every boot",
        lambda image: _exec_missing(image, enabled=True),
    ),
    Rule(
        "unit-program",
        Severity.NOTE,
        "a unit whose program is missing fails when something starts it",
        lambda image: _exec_missing(image, enabled=False),
    ),
    Rule("unit-account", Severity.ERROR, "systemd starts no unit whose user does not exist", _unit_users),
    Rule("tmpfiles-account", Severity.ERROR, "systemd-tmpfiles fails on an unknown owner", _tmpfiles_users),
    Rule("file-owner", Severity.ERROR, "a file of nobody goes to whoever gets the id next", _owners),
    Rule("script-interpreter", Severity.NOTE, "a script without its interpreter cannot run", _interpreter_missing),
    Rule("link-dangling", Severity.NOTE, "a link to nothing is a sign of a missing package", _dangling),
    Rule("world-writable", Severity.ERROR, "nothing in an image is for everyone to write", _world_writable),
    Rule("set-id", Severity.WARNING, "each program with more rights than its caller is a way up", _set_id),
    Rule("device-node", Severity.ERROR, "devices are made by the kernel and udev", _devices),
    Rule("path-name", Severity.ERROR, "names that hide what they are", _names),
)
"""All lints, in the order in which findings are listed."""


def check(tree: Tree, accounts: Accounts, known: units.Units, enabled: Sequence[str]) -> list[Finding]:
    """What the rules find in the tree."""
    loaded = [unit for name in known.names() if not known.is_masked(name) and (unit := known.load(name)) is not None]
    image = Image(tree, accounts, loaded, frozenset(enabled), tmpfiles.read(tree))
    return [Finding(rule.id, rule.severity, path, message) for rule in RULES for path, message in rule.look(image)]


def raise_errors(findings: Sequence[Finding]) -> None:
    """Raise AdamantError (`image-unsound`) that lists the findings that are errors."""
    errors = [f for f in findings if f.severity is Severity.ERROR]
    if errors:
        packages = sorted(
            {package for f in errors for name, package in _PROVIDERS.items() if name in f.message.split()}
        )
        raise AdamantError(
            "image-unsound",
            f"the image would not work as composed: {len(errors)} findings",
            context="\n".join(f"/{f.path}: {f.message} [{f.rule}]" for f in errors[:40]),
            hint=f"add to packages: {', '.join(packages)}"
            if packages
            else "add the package that has what is missing, switch the unit off, or leave out what needs it",
        )
