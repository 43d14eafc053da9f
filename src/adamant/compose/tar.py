"""The one way a tree becomes bytes: a sorted tar stream (POSIX.1-2001, pax), the same for the same tree.

Sorted by the UTF-8 bytes of the path, so that a folder comes before what is in it. No time, no names of accounts. An
extended header only where ustar has no room: a name or link above 100 bytes, a number too large, an attribute. Contents
are sent from where they lie.
"""

import os
from collections import OrderedDict
from types import TracebackType

from adamant.model.errors import AdamantError, VerificationError
from adamant.model.tree import Entry, Extent, Kind, Tree

_BLOCK = 512
_GATHER = 1 << 20
"""Bytes written at once, of headers and small contents."""

_SMALL = 64 << 10
"""Contents up to this are read and gathered; larger ones are sent by the kernel."""

_OPEN = 128
_TYPES = {
    Kind.FILE: b"0",
    Kind.HARDLINK: b"1",
    Kind.SYMLINK: b"2",
    Kind.CHARACTER: b"3",
    Kind.BLOCK: b"4",
    Kind.DIRECTORY: b"5",
    Kind.FIFO: b"6",
}
_XATTR = "SCHILY.xattr."
_OCTAL_7 = 0o7777777
_OCTAL_11 = 0o77777777777
_EXTENDED = b"pax"
"""Name of every extended header: no process id, no path."""


def write_tar(tree: Tree, fd: int) -> None:
    """Write `tree` to the file descriptor `fd`, with the root itself (0755, root) first.

    Paths stand in the stream as they stand in the tree. A hard link must point to a smaller path (`merge.relink`).
    Raises VerificationError (segment-truncated) when contents are shorter than the tree says.
    """
    with _Writer(fd) as writer:
        writer.entry(Entry("", Kind.DIRECTORY, 0o755))
        for entry in sorted(tree.values(), key=_by_path):
            writer.entry(entry)
        writer.end()


def _by_path(entry: Entry) -> bytes:
    return entry.path.encode("utf-8", "surrogateescape")


class _Writer:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._parts: list[bytes] = []
        self._size = 0
        self._total = 0
        self._files: OrderedDict[str, int] = OrderedDict()
        self._written: set[str] = set()

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for fd in self._files.values():
            os.close(fd)

    def entry(self, entry: Entry) -> None:
        if entry.kind is Kind.HARDLINK and entry.target not in self._written:
            raise AdamantError(
                "hard-link-order", f"/{entry.path} is a hard link to /{entry.target}, which is not before it"
            )
        self._put(_headers(entry))
        if entry.kind is not Kind.FILE:
            return
        self._written.add(entry.path)
        if entry.content is not None:
            if len(entry.content) != entry.size:
                raise AdamantError("content-size", f"/{entry.path} has {len(entry.content)} bytes, not {entry.size}")
            self._put(entry.content)
        elif entry.size:
            if entry.extent is None:
                raise AdamantError("content-missing", f"/{entry.path} has no contents")
            self._extent(entry, entry.extent)
        self._put(bytes(-entry.size % _BLOCK))

    def end(self) -> None:
        self._put(bytes(2 * _BLOCK))
        self._flush()

    def _extent(self, entry: Entry, extent: Extent) -> None:
        source = self._open(extent.path)
        if entry.size <= _SMALL:
            data = os.pread(source, entry.size, extent.offset)
            if len(data) != entry.size:
                raise _truncated(entry)
            self._put(data)
            return
        self._flush()
        position, left = extent.offset, entry.size
        while left:
            done = os.sendfile(self._fd, source, position, left)
            if done == 0:
                raise _truncated(entry)
            position += done
            left -= done

    def _open(self, path: str) -> int:
        fd = self._files.get(path)
        if fd is None:
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise VerificationError(
                    "segment-missing",
                    f"cannot read contents that the build cache should hold: {error.strerror}",
                    context=path,
                    hint="run the build again: what is missing is made again",
                ) from error
            self._files[path] = fd
            if len(self._files) > _OPEN:
                os.close(self._files.popitem(last=False)[1])
        else:
            self._files.move_to_end(path)
        return fd

    def _put(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size >= _GATHER:
            self._flush()

    def _flush(self) -> None:
        data = memoryview(b"".join(self._parts))
        self._parts, self._size = [], 0
        while data:
            data = data[os.write(self._fd, data) :]


def _truncated(entry: Entry) -> VerificationError:
    return VerificationError(
        "segment-truncated",
        f"the contents of /{entry.path} are cut short in the build cache",
        context=entry.extent.path if entry.extent else "",
        hint="delete that file and run the build again",
    )


def _headers(entry: Entry) -> bytes:
    path = entry.path.encode("utf-8", "surrogateescape") or b"./"
    if entry.kind is Kind.DIRECTORY and entry.path:
        path += b"/"
    target = entry.target.encode("utf-8", "surrogateescape")
    records = b""
    if len(path) > 100:
        records += _record("path", path)
    if len(target) > 100:
        records += _record("linkpath", target)
    uid, gid, size = entry.uid, entry.gid, entry.size
    if size > _OCTAL_11:
        records += _record("size", b"%d" % size)
        size = 0
    if uid > _OCTAL_7:
        records += _record("uid", b"%d" % uid)
        uid = 0
    if gid > _OCTAL_7:
        records += _record("gid", b"%d" % gid)
        gid = 0
    for name, value in sorted(entry.xattrs):
        records += _record(_XATTR + name, value)
    header = _ustar(path[:100], _TYPES[entry.kind], target[:100], (entry.mode, uid, gid, size), entry.device)
    if not records:
        return header
    extended = _ustar(_EXTENDED, b"x", b"", (0o644, 0, 0, len(records)), (0, 0))
    return extended + records + bytes(-len(records) % _BLOCK) + header


def _record(key: str, value: bytes) -> bytes:
    """A record of an extended header: its own length in decimal, a space, key=value, a newline."""
    rest = b" " + key.encode() + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length += 1
    return b"%d" % length + rest


def _ustar(
    path: bytes, kind: bytes, target: bytes, numbers: tuple[int, int, int, int], device: tuple[int, int]
) -> bytes:
    """A header; `numbers` are mode, uid, gid and size."""
    head = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (path.ljust(100, b"\0"), *numbers, 0)
    tail = b"%b%bustar\00000%b%07o\0%07o\0" % (kind, target.ljust(100, b"\0"), bytes(64), *device)
    total = sum(head) + sum(tail) + 8 * 0x20
    return (head + b"%06o\0 " % total + tail).ljust(_BLOCK, b"\0")
