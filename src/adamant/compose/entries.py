"""Entries of a tree: reading their contents, and making the ones that compose adds.

What stays true: contents that are read are those that the digest of the entry says; what is made is owned by root and
has `package` empty. Links are followed as the kernel would with the tree as root. Imports model and core only.
"""

import posixpath
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from adamant.core import files, limits
from adamant.model.digest import sha256
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.tree import Entry, Extent, Kind, Tree

_LINKS = 40
"""Links followed on the way to one path, as many as Linux follows (path_resolution(7))."""


def read(entry: Entry, limit: int = limits.COMPOSE_READ_SIZE, *, head: int | None = None) -> bytes:
    """Contents of a regular file of at most `limit` bytes; with `head`, only that many from its start.

    Raises VerificationError when the contents are shorter than the entry says.
    """
    if entry.kind is not Kind.FILE:
        raise AdamantError("not-a-file", f"{entry.path} is a {entry.kind.value}, not a file")
    wanted = entry.size if head is None else min(head, entry.size)
    if wanted > limit:
        raise AdamantError("entry-too-large", f"{entry.path} is larger than {limit} bytes")
    data = entry.content[:wanted] if entry.content is not None else _read_extent(entry, wanted)
    if len(data) != wanted:
        raise VerificationError("layer-truncated", f"the contents of {entry.path} end early", hint="delete the cache")
    return data


def _read_extent(entry: Entry, wanted: int) -> bytes:
    if entry.extent is None:
        raise AdamantError("contents-missing", f"{entry.path} has no contents")
    try:
        with open(entry.extent.path, "rb", buffering=0) as source:  # noqa: PTH123  -- a Path costs as much as the read
            source.seek(entry.extent.offset)
            data = source.read(wanted)
            while len(data) < wanted and (more := source.read(wanted - len(data))):
                data += more
    except OSError as error:
        raise AdamantError("layer-unreadable", f"cannot read {entry.path}: {error.strerror}") from error
    return data


def text(entry: Entry) -> str:
    """Contents of a regular file as UTF-8, other bytes as surrogates."""
    return read(entry).decode(errors="surrogateescape")


def file(path: str, data: bytes | str, mode: int = 0o644, *, uid: int = 0, gid: int = 0) -> Entry:
    """A regular file with contents in memory."""
    content = data.encode(errors="surrogateescape") if isinstance(data, str) else data
    return Entry(path, Kind.FILE, mode, uid, gid, size=len(content), sha256=sha256(content), content=content)


def stored(path: str, made: Path, mode: int = 0o644) -> Entry:
    """A regular file whose contents are the file `made` of a finished step."""
    return Entry(
        path, Kind.FILE, mode, size=made.stat().st_size, sha256=files.sha256_file(made), extent=Extent(str(made), 0)
    )


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, Kind.SYMLINK, 0o777, target=target)


def directory(path: str, mode: int = 0o755, *, uid: int = 0, gid: int = 0) -> Entry:
    """A directory."""
    return Entry(path, Kind.DIRECTORY, mode, uid, gid)


def below(tree: Tree, folder: str, suffix: str = "") -> list[Entry]:
    """Entries anywhere below `folder` whose path ends with `suffix`, sorted by the bytes of the path."""
    start = folder + "/"
    return sort(e for p, e in tree.items() if p.startswith(start) and p.endswith(suffix))


def inside(tree: Tree, folder: str, suffix: str = "") -> list[Entry]:
    """Entries directly in `folder` whose name ends with `suffix`, sorted by the bytes of the path."""
    return [e for e in below(tree, folder, suffix) if "/" not in e.path[len(folder) + 1 :]]


def sort(found: Iterable[Entry]) -> list[Entry]:
    """Entries by the UTF-8 bytes of their paths."""
    return sorted(found, key=lambda e: e.path.encode(errors="surrogateescape"))


def matches(path: str, pattern: str) -> bool:
    """Whether a shell's pattern (fnmatch) is one of `path`, folder by folder: `*` stands for no slash."""
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)


def parents(tree: Tree, made: Iterable[Entry]) -> list[Entry]:
    """Directories (root, 0755) above the entries `made` that neither the tree nor `made` has."""
    made = list(made)
    have = {e.path for e in made}
    missing: dict[str, Entry] = {}
    for entry in made:
        folder = posixpath.dirname(entry.path)
        while folder and folder not in tree and folder not in have and folder not in missing:
            missing[folder] = directory(folder)
            folder = posixpath.dirname(folder)
    return list(missing.values())


_ALIASES = {name: link(name, f"usr/{name}") for name in ("bin", "sbin", "lib", "lib64")}
"""Links that the initrd makes in `/`, whether a package ships them or not."""


def resolve(tree: Tree, path: str) -> str | None:
    """Path that `path` leads to when every link on the way is followed inside the tree.

    None when it leads out of the tree, in a circle, or when a part of it does not exist. A hard link counts as a file.
    """
    todo = [part for part in reversed(path.split("/")) if part not in {"", "."}]
    at: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            if at:
                at.pop()
            continue
        here = "/".join([*at, part])
        entry = tree.get(here) or _ALIASES.get(here)
        if entry is None:
            return None
        if entry.kind is not Kind.SYMLINK:
            at.append(part)
            continue
        links += 1
        if links > _LINKS:
            return None
        if entry.target.startswith("/"):
            at = []
        todo.extend(p for p in reversed(entry.target.split("/")) if p not in {"", "."})
    return "/".join(at)


def links_to(tree: Tree, dropped: Collection[str]) -> set[str]:
    """Links that lead to what is dropped, directly or by other links, and are not of it."""
    lost = set(dropped)
    while True:
        more = {e.path for e in tree.values() if e.kind is Kind.SYMLINK and e.path not in lost and _leads(e) in lost}
        if not more:
            return lost - set(dropped)
        lost |= more


def _leads(link: Entry) -> str:
    """The path that a link names, with the folders that Debian aliases into /usr where they are."""
    path = posixpath.normpath(posixpath.join("/", posixpath.dirname(link.path), link.target)).lstrip("/")
    return f"usr/{path}" if path.split("/")[0] in ("bin", "sbin", "lib", "lib64") else path


def real_file(tree: Tree, path: str) -> Entry | None:
    """The regular file that `path` leads to, links and hard links followed, or None."""
    final = resolve(tree, path)
    entry = tree.get(final) if final else None
    if entry is not None and entry.kind is Kind.HARDLINK:
        entry = tree.get(entry.target)
    return entry if entry is not None and entry.kind is Kind.FILE else None
