"""A tar archive, read as a stream of entries: strictly, in bounded memory, whoever wrote it.

Reads POSIX.1-1988 (ustar) and POSIX.1-2001 (pax) headers and GNU's long names, which is what dpkg-deb and our own
recordings write. Nothing is extracted: an entry is a value, and its contents are handed over in pieces. What stays true
of every entry that leaves this module: its path is relative, plain (no empty, `.` or `..` part) and seen once; a hard
link points to a regular file that came before it; a symbolic link does not climb above the root; nothing lies below an
earlier entry that is not a directory.

Must not import anything of the build above packages.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn, Protocol

from adamant.core import limits
from adamant.model.errors import VerificationError
from adamant.model.tree import Entry, Kind

BLOCK = 512
"""Bytes of a tar block."""

_CHUNK = 1 << 20
_ZERO = bytes(BLOCK)
_KINDS = {
    b"\0": Kind.FILE,
    b"0": Kind.FILE,
    b"7": Kind.FILE,
    b"1": Kind.HARDLINK,
    b"2": Kind.SYMLINK,
    b"3": Kind.CHARACTER,
    b"4": Kind.BLOCK,
    b"5": Kind.DIRECTORY,
    b"6": Kind.FIFO,
}
_XATTR = "SCHILY.xattr."
_IGNORED = frozenset({"atime", "ctime", "mtime", "gname", "uname", "comment"})
"""Records that say nothing about an entry as we know it."""


class Source(Protocol):
    """Bytes in order. `read` gives as many as asked for, fewer only at the end."""

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes."""


def malformed(what: str, why: str) -> VerificationError:
    """The error for an archive that is not what its format says; `what` names the archive."""
    return VerificationError(
        "archive-malformed",
        f"{what} is not a sound archive: {why}",
        hint="delete the file and fetch it again; if that does not help, its maker must be told",
    )


def read_archive(source: Source, what: str) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """Entries of a tar stream with their contents, in its order; `what` names the archive in errors.

    Contents that the caller leaves are passed over. The root itself (`./`) is not an entry. Raises VerificationError.
    """
    return _Reader(source, what).entries()


class _Reader:
    def __init__(self, source: Source, what: str) -> None:
        self._source = source
        self._what = what
        self._left = 0
        """Bytes of the contents at hand that were not read yet."""
        self._padding = 0
        self._names = 0
        self._seen: dict[str, Kind] = {}
        self._origins: dict[str, str] = {}
        """The file that a hard link is a name of."""

    def entries(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        long: dict[str, str] = {}
        xattrs: tuple[tuple[str, bytes], ...] = ()
        while (header := self._exactly(BLOCK)) != _ZERO:
            if int.from_bytes(header[148:149]) == 0 or _checksum(header) != self._number(header[148:156]):
                self._fail("a header's checksum is wrong")
            kind = header[156:157]
            if kind in b"LK":
                key = "path" if kind == b"L" else "linkpath"
                if key in long:
                    self._fail("two long names for one entry")
                data = self._extension(header, limits.PATH_LENGTH + 1)
                long[key] = self._text(data.split(b"\0", 1)[0])
                continue
            if kind == b"x":
                if long:
                    self._fail("two extended headers for one entry")
                long, xattrs = self._pax(self._extension(header, limits.TAR_EXTENSION_SIZE))
                continue
            entry = self._entry(header, long, xattrs)
            long, xattrs = {}, ()
            self._left = entry.size
            self._padding = -entry.size % BLOCK
            if entry.path:
                if entry.kind is Kind.HARDLINK:
                    entry = replace(entry, target=self._origins.get(entry.target, entry.target))
                    self._origins[entry.path] = entry.target
                self._admit(entry)
                yield entry, self._contents()
            self._skip()
        if long:
            self._fail("an extended header without an entry")
        while rest := self._source.read(_CHUNK):
            if rest.count(0) != len(rest):
                self._fail("data after its end")

    def _contents(self) -> Iterator[bytes]:
        while self._left:
            size = min(self._left, _CHUNK)
            self._left -= size
            yield self._exactly(size)

    def _skip(self) -> None:
        for _ in self._contents():
            pass
        self._exactly(self._padding)

    def _exactly(self, size: int) -> bytes:
        data = self._source.read(size)
        if len(data) != size:
            self._fail("it ends too early")
        return data

    def _extension(self, header: bytes, limit: int) -> bytes:
        size = self._number(header[124:136])
        if size > limit:
            self._fail(f"an extended header of {size} bytes, more than {limit}")
        data = self._exactly(size)
        self._exactly(-size % BLOCK)
        return data

    def _pax(self, data: bytes) -> tuple[dict[str, str], tuple[tuple[str, bytes], ...]]:
        """Records of an extended header (POSIX.1-2001, pax, 'pax Extended Header')."""
        values: dict[str, str] = {}
        xattrs: dict[str, bytes] = {}
        position = 0
        while position < len(data):
            space = data.find(b" ", position, position + 8)
            digits = data[position:space]
            if space < 0 or not digits.isdigit():
                self._fail("an extended header's length is not a number")
            end = position + int(digits)
            key_bytes, equals, value = data[space + 1 : end - 1].partition(b"=")
            if end > len(data) or end <= space + 1 or data[end - 1 : end] != b"\n" or not equals:
                self._fail("an extended header's record is cut")
            position = end
            key = self._text(key_bytes)
            if key.startswith(_XATTR):
                if key in xattrs:
                    self._fail(f"the attribute {key!r} is given twice")
                xattrs[key[len(_XATTR) :]] = value
            elif key in {"path", "linkpath", "size", "uid", "gid"}:
                values[key] = self._text(value)
            elif key not in _IGNORED:
                self._fail(f"an extended header with {key!r}, which is not known")
        return values, tuple(sorted(xattrs.items()))

    def _entry(self, header: bytes, long: dict[str, str], xattrs: tuple[tuple[str, bytes], ...]) -> Entry:
        kind = _KINDS.get(header[156:157])
        if kind is None:
            self._fail(f"an entry of type {header[156:157]!r}, which is not known")
        path = long.get("path")
        if path is None:
            path = self._text(header[:100].split(b"\0", 1)[0])
            prefix = header[345:500].split(b"\0", 1)[0]
            if prefix and header[257:263] == b"ustar\0":
                path = f"{self._text(prefix)}/{path}"
        size = self._value(long, "size", header[124:136])
        if kind is not Kind.FILE:
            if size and kind is not Kind.HARDLINK:
                self._fail(f"{path!r} has contents, but is a {kind}")
            size = 0
        target = ""
        if kind in {Kind.SYMLINK, Kind.HARDLINK}:
            target = long.get("linkpath") or self._text(header[157:257].split(b"\0", 1)[0])
        device = (0, 0)
        if kind in {Kind.CHARACTER, Kind.BLOCK}:
            device = (self._number(header[329:337]), self._number(header[337:345]))
        path = self._plain(path, directory=kind is Kind.DIRECTORY)
        if kind is Kind.HARDLINK:
            target = self._plain(target, directory=False)
        return Entry(
            path=path,
            kind=kind,
            mode=self._number(header[100:108]) & 0o7777,
            uid=self._value(long, "uid", header[108:116]),
            gid=self._value(long, "gid", header[116:124]),
            target=target,
            size=size,
            device=device,
            xattrs=xattrs,
        )

    def _admit(self, entry: Entry) -> None:
        """Check an entry against those before it."""
        path, target = entry.path, entry.target
        if path in self._seen:
            self._fail(f"{path!r} is there twice")
        folder = path.rpartition("/")[0]
        while folder and self._seen.get(folder) is not Kind.DIRECTORY:
            if folder in self._seen:
                self._fail(f"{path!r} lies below {folder!r}, which is a {self._seen[folder]}")
            folder = folder.rpartition("/")[0]
        if entry.kind is Kind.HARDLINK and self._seen.get(target) is not Kind.FILE:
            self._fail(f"{path!r} is a hard link to {target!r}, which no file before it is")
        if entry.kind is Kind.SYMLINK and (not target or "\0" in target or climbs_out(path, target)):
            self._fail(f"{path!r} is a link to {target!r}, outside of the tree")
        self._names += 200 + len(path) + len(target) + sum(len(n) + len(v) for n, v in entry.xattrs)
        self._seen[path] = entry.kind
        if len(self._seen) > limits.DEB_ENTRIES or self._names > limits.DEB_NAMES_SIZE:
            self._fail(f"more than {limits.DEB_ENTRIES} entries, or names of more than {limits.DEB_NAMES_SIZE} bytes")

    def _plain(self, path: str, *, directory: bool) -> str:
        """The path without a leading `./`; anything else that is not plain is refused. Empty for the root."""
        plain = path.removeprefix("./")
        if directory:
            plain = plain.removesuffix("/")
            if plain in {"", "."}:
                return ""
        parts = plain.split("/")
        if not plain or "" in parts or "." in parts or ".." in parts or len(path) > limits.PATH_LENGTH or "\0" in path:
            self._fail(f"the path {path[:200]!r} is not a plain path below its root")
        if any(len(part) > 255 for part in parts):
            self._fail(f"the path {path[:200]!r} has a part longer than 255 characters")
        return plain

    def _value(self, long: dict[str, str], key: str, field: bytes) -> int:
        text = long.get(key)
        if text is None:
            return self._number(field)
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            self._fail(f"{key} is {text[:40]!r}, not a number")
        return int(text)

    def _number(self, field: bytes) -> int:
        """A number of a header: octal digits, or GNU's base 256."""
        if field[0] & 0x80:
            value = int.from_bytes(field) & ~(0x80 << 8 * (len(field) - 1))
            if value >> 62:
                self._fail("a number in a header is negative or too large")
            return value
        text = field.split(b"\0", 1)[0].strip(b" ")
        try:
            return int(text, 8) if text else 0
        except ValueError:
            self._fail(f"{text!r} in a header is not an octal number")

    def _text(self, data: bytes) -> str:
        return data.decode("utf-8", "surrogateescape")

    def _fail(self, why: str) -> NoReturn:
        raise malformed(self._what, why)


def _checksum(header: bytes) -> int:
    """Sum of the header's bytes, its own field counted as spaces (POSIX.1-1988, ustar)."""
    return sum(header) - sum(header[148:156]) + 8 * 0x20


def climbs_out(path: str, target: str) -> bool:
    """Whether a symbolic link at `path` names a place above the root. An absolute target starts at the root."""
    depth = 0 if target.startswith("/") else path.count("/")
    for part in target.split("/"):
        if part == "..":
            depth -= 1
            if depth < 0:
                return not target.startswith("/")
        elif part not in {"", "."}:
            depth += 1
    return False
