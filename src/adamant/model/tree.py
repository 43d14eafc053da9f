"""A tree of files as plain values: what a package holds, what compose makes of them, what an image gets.

Paths are relative to the root of the system, without a leading slash (`usr/bin/bash`), in UTF-8 with surrogates for
other bytes. Contents are never in memory as a whole: an `Extent` says where they lie.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from adamant.model.digest import Sha256


class Kind(StrEnum):
    """Type of an entry."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    CHARACTER = "character"
    BLOCK = "block"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True)
class Extent:
    """Contents of a file: `Entry.size` bytes at `offset` of the file at `path` (an absolute path on this computer)."""

    path: str
    offset: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree.

    `mode` is the permission bits with setuid, setgid and sticky (0o7777). `target` is the target of a symbolic link, or
    the path of the file a hard link points to. `size` and `sha256` describe a regular file's contents, which are
    `content` (small, generated) or in `extent` (of a layer or the store).
    `package` names the Debian package that ships it, or is empty for what compose made.
    """

    path: str
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    target: str = ""
    size: int = 0
    sha256: Sha256 | None = None
    content: bytes | None = None
    extent: Extent | None = None
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[str, bytes], ...] = ()
    package: str = ""

    def moved(self, path: str) -> "Entry":
        """The same entry at another path."""
        return replace(self, path=path)


Tree = dict[str, Entry]
"""Entries by path. Order means nothing; writers sort by the UTF-8 bytes of the path."""
