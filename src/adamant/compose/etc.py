"""What scripts leave in /etc, as tables: which file is a copy of which, which link points where, and os-release.

What stays true: /etc is complete before PID 1 starts, since nothing can be written there afterwards; nothing in it
belongs to one machine. Imports model only (and `entries`).
"""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from adamant.compose import entries
from adamant.model.errors import AdamantError
from adamant.model.tree import Entry, Kind, Tree

COPIES = (
    ("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf"),
    ("usr/share/base-files/profile", "etc/profile"),
    ("usr/share/base-files/motd", "etc/motd"),
)
"""Files that a maintainer script copies when there is none yet: from, to."""

LINKS = (
    ("etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf", "usr/lib/systemd/systemd-resolved"),
    ("etc/mtab", "../proc/self/mounts", ""),
    ("etc/localtime", "/usr/share/zoneinfo/Etc/UTC", "usr/share/zoneinfo/Etc/UTC"),
    ("etc/dpkg/origins/default", "debian", "etc/dpkg/origins/debian"),
)
"""Links: path, target, and the path that must be in the tree for the link to be made (empty: always)."""

HOSTS = """127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
"""

ABSENT = ("etc/hostname", "etc/fstab", "etc/adjtime", "etc/alternatives", "etc/.pwd.lock")
"""What belongs to one machine, or has no use in an image."""

_KEPT_FROM_DEBIAN = ("VERSION_CODENAME", "DEBIAN_VERSION_FULL")


@dataclass(frozen=True, slots=True)
class Release:
    """What os-release says of an image: its name and version (os-release(5): IMAGE_ID, IMAGE_VERSION)."""

    name: str
    version: str


def complete(tree: Tree, shells: Sequence[str] = ()) -> list[Entry]:
    """Files and links of /etc that no package ships and a script would have made. What a package ships stays.

    `shells` are login shells that scripts add to /etc/shells.
    """
    made: list[Entry] = []
    for source, path in COPIES:
        if path not in tree and (entry := entries.real_file(tree, source)) is not None:
            made.append(
                Entry(
                    path,
                    Kind.FILE,
                    0o644,
                    size=entry.size,
                    sha256=entry.sha256,
                    content=entry.content,
                    extent=entry.extent,
                )
            )
    made += [entries.link(path, to) for path, to, needs in LINKS if path not in tree and (not needs or needs in tree)]
    if "etc/hosts" not in tree:
        made.append(entries.file("etc/hosts", HOSTS))
    if "etc/environment" not in tree:
        made.append(entries.file("etc/environment", ""))
    made.append(entries.file("etc/machine-id", b"", 0o444))
    made += _shells(tree, shells)
    return made


def _shells(tree: Tree, added: Sequence[str]) -> list[Entry]:
    """/etc/shells(5) as update-shells(8) makes it: Debian's template, the fragments of packages (shells.d) and what
    scripts add, each by the name given and by the one with the links of its folder followed.
    """
    if "etc/shells" in tree:
        return []
    head = "# /etc/shells: valid login shells\n"
    names: list[str] = []
    template = [e for e in [tree.get("usr/share/debianutils/shells")] if e is not None]
    for fragment in [*template, *entries.inside(tree, "usr/share/debianutils/shells.d")]:
        if (entry := entries.real_file(tree, fragment.path)) is not None:
            names += [line for line in entries.text(entry).splitlines() if line.startswith("/")]
    listed: list[str] = []
    for name in [*names, *added]:
        folder = entries.resolve(tree, posixpath.dirname(name))
        if folder is not None and entries.resolve(tree, name) is not None:
            listed += [name, f"/{folder}/{posixpath.basename(name)}"]
    return [entries.file("etc/shells", head + "".join(f"{name}\n" for name in dict.fromkeys(listed)))]


def os_release(tree: Tree, release: Release) -> list[Entry]:
    """usr/lib/os-release of ours, made from Debian's, and the link to it in /etc.

    Raises AdamantError when the package base-files is not in the image.
    """
    debian = entries.real_file(tree, "usr/lib/os-release")
    if debian is None:
        raise AdamantError("base-files-missing", "the image has no package base-files")
    theirs = parse_os_release(entries.text(debian))
    ours = {
        "PRETTY_NAME": f"{release.name} {release.version} (Adamant)",
        "NAME": "Adamant",
        "ID": "adamant",
        "ID_LIKE": theirs.get("ID", "debian"),
        "VERSION_ID": release.version,
        "VERSION": release.version,
        "IMAGE_ID": release.name,
        "IMAGE_VERSION": release.version,
        "DEBIAN_VERSION_ID": theirs.get("VERSION_ID", ""),
    }
    ours |= {name: theirs[name] for name in _KEPT_FROM_DEBIAN if name in theirs}
    lines = "".join(f"{name}={_quote(value)}\n" for name, value in ours.items() if value)
    made = [entries.file("usr/lib/os-release", lines)]
    if "etc/os-release" not in tree:
        made.append(entries.link("etc/os-release", "../usr/lib/os-release"))
    return made


def parse_os_release(text: str) -> dict[str, str]:
    """Fields of an os-release(5) file, quotes taken off. Lines that are no assignment are passed over."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#") or not name.replace("_", "").isalnum():
            continue
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[name] = value
    return found


def _quote(value: str) -> str:
    if value.replace(".", "").replace("-", "").replace("_", "").isalnum():
        return value
    escaped = "".join("\\" + c if c in '"\\$`' else c for c in value)
    return f'"{escaped}"'
