"""/var: never shipped. What packages have there is made at boot by one tmpfiles.d file.

What stays true: each directory of a package below /var is made with its mode and owner, by the package's own
tmpfiles.d line or by ours; contents come from usr/share/factory/var. Imports model only (and `entries`, `tmpfiles`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from adamant.compose import entries, tmpfiles
from adamant.model.errors import AdamantError
from adamant.model.tree import Entry, Kind, Tree

CONF = "usr/lib/tmpfiles.d/adamant-var.conf"
FACTORY = "usr/share/factory"

BASE = (
    # The initrd's links in `/` point here.
    "d /var/home 0755 root root -",
    "d /var/opt 0755 root root -",
    "d /var/srv 0755 root root -",
    # As the script of base-files makes them.
    "d /var/mail 2775 root mail -",
    "L /var/spool/mail - - - - ../mail",
    "f /var/log/btmp 0660 root utmp -",
    "f /var/log/lastlog 0664 root utmp -",
    "f /var/log/wtmp 0664 root utmp -",
)
"""Lines of every image."""

DROPPED = (
    "var/backups",
    "var/cache/adduser",
    "var/cache/debconf",
    "var/cache/ldconfig",
    "var/lib/dpkg",
    "var/lib/pam",
    "var/lib/ucf",
    "var/lock",
    "var/run",
)
"""Folders of what is not in an image (package management), and links that systemd's own lines make."""

_MAKES = set("dDvqQLfC")


def is_dropped(path: str) -> bool:
    """Whether `path` is one of DROPPED or below it."""
    return any(path == folder or path.startswith(folder + "/") for folder in DROPPED)


def make(tree: Tree, lines: Sequence[tmpfiles.Line], further: Iterable[str]) -> list[Entry]:
    """The tmpfiles.d file for /var, and the factory copies of files that packages ship there.

    `lines` are those of the packages. `further` are lines of other mechanisms and reviewed scripts: one that a package
    has too is left out, and so are those for /etc, which are done at build. Raises AdamantError for what tmpfiles.d
    cannot make.
    """
    have = {line.path.rstrip("/") for line in lines if line.type in _MAKES and "%" not in line.path}
    known = {(line.type, line.path) for line in lines}
    made: list[Entry] = []
    out: dict[str, str] = {}
    for text in [*BASE, *further]:
        line = tmpfiles.parse_line(text, CONF)
        path = line.path.rstrip("/")
        if (line.type in _MAKES and path in have) or (line.type, line.path) in known or tmpfiles.is_static(path):
            continue
        if line.type in _MAKES:
            have.add(path)
        out.setdefault(text, path)
    for entry in entries.below(tree, "var"):
        path = f"/{entry.path}"
        if path in have or is_dropped(entry.path):
            continue
        if entry.kind is Kind.DIRECTORY:
            out[f"d {_quote(path)} {entry.mode:04o} {entry.uid} {entry.gid} -"] = path
        elif entry.kind is Kind.SYMLINK:
            out[f"L {_quote(path)} - - - - {entry.target}"] = path
        elif entry.kind is Kind.FILE:
            made.append(replace(entry, path=f"{FACTORY}/{entry.path}"))
            out[f"C {_quote(path)} {entry.mode:04o} {entry.uid} {entry.gid} - /{FACTORY}/{entry.path}"] = path
        else:
            raise AdamantError(
                "var-not-makeable",
                f"{entry.package} ships {path}, which is a {entry.kind.value}: it cannot be made at boot",
                hint="leave the package out",
            )
    # A line for a folder stands before those for what is in it.
    text = "".join(f"{line}\n" for line in sorted(out, key=lambda line: (out[line].encode(), line)))
    made.append(entries.file(CONF, f"# Made by the image build: what packages expect below /var.\n{text}"))
    return made + entries.parents(tree, made)


def _quote(path: str) -> str:
    escaped = path.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if any(c in path for c in " \t\"'\\") else escaped
