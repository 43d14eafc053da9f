"""A Debian binary package as a file: deb(5), format 2.x.

Owns the ar container, the compressed members and the control files. It hands out values and pieces of contents, writes
nothing and runs nothing. Whatever bytes it is given, it ends with values or with a VerificationError, in bounded
memory: every member has a cap in `core.limits`.

Members are read with xz, gzip or no compression. Debian 13 has xz throughout; zstd, which Debian's own archive does not
use, is refused by name, because Python 3.11 cannot read it and a build must not depend on which Python runs it.
"""

import hashlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adamant.core import limits
from adamant.model.digest import Sha256
from adamant.model.errors import VerificationError
from adamant.model.tree import Entry, Kind
from adamant.packages.archive import malformed, read_archive

SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")
"""Control files that dpkg or debconf would run."""

_MAGIC = b"!<arch>\n"
_HEADER = 60
_CHUNK = 256 << 10


@dataclass(frozen=True, slots=True)
class Control:
    """What the control member says.

    `fields` is the control paragraph, values with their continuation lines. `scripts` is the text of each script by
    name; one that is not UTF-8 stands as a line with its SHA-256. `conffiles` are paths of the tree. `triggers` are the
    lines of the triggers file (deb-triggers(5)) without comments.
    """

    fields: dict[str, str]
    scripts: dict[str, str]
    conffiles: tuple[str, ...]
    triggers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deb:
    """An open package. `data` can be read once, as long as the file is open."""

    control: Control
    data: Iterator[tuple[Entry, Iterator[bytes]]]


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of the ar container: `size` bytes at `offset` of the file."""

    name: str
    offset: int
    size: int


@contextmanager
def open_deb(path: Path, sha256: Sha256) -> Iterator[Deb]:
    """The package at `path`, whose SHA-256 must be `sha256`.

    Raises VerificationError (archive-malformed, deb-digest, deb-compression).
    """
    what = path.name
    with path.open("rb") as file:
        _check_digest(file, sha256, what)
        members = _members(file, what)
        _check_format(file, members, what)
        control = _control(_member(file, members, "control.tar", limits.DEB_CONTROL_SIZE, what), what)
        data = _member(file, members, "data.tar", limits.DEB_DATA_SIZE, what)
        yield Deb(control, read_archive(data, what))


def _check_digest(file: io.BufferedReader, sha256: Sha256, what: str) -> None:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        raise VerificationError(
            "deb-digest",
            f"{what} is not the package that is locked",
            context=f"locked: {sha256}\nthere:  {digest}",
            hint="delete the file and fetch it again",
        )
    file.seek(0)


def _members(file: io.BufferedReader, what: str) -> list[_Member]:
    """The first three ar members (deb(5)); others may follow and mean nothing."""
    total = file.seek(0, io.SEEK_END)
    if total > limits.DEB_SIZE:
        raise malformed(what, f"larger than {limits.DEB_SIZE} bytes")
    file.seek(0)
    if file.read(len(_MAGIC)) != _MAGIC:
        raise malformed(what, "it does not begin as an ar archive")
    members: list[_Member] = []
    position = len(_MAGIC)
    while position < total and len(members) < 3:
        file.seek(position)
        header = file.read(_HEADER)
        digits = header[48:58].rstrip(b" ")
        if len(header) != _HEADER or header[58:60] != b"`\n" or not digits.isdigit():
            raise malformed(what, "a member's header is broken")
        size = int(digits)
        position += _HEADER
        if position + size > total:
            raise malformed(what, "a member ends beyond the file")
        name = header[:16].rstrip(b" ").removesuffix(b"/").decode("ascii", "replace")
        members.append(_Member(name, position, size))
        position += size + size % 2
    return members


def _check_format(file: io.BufferedReader, members: list[_Member], what: str) -> None:
    if not members or members[0].name != "debian-binary" or members[0].size > 64:
        raise malformed(what, "its first member is not debian-binary")
    file.seek(members[0].offset)
    if not file.read(members[0].size).startswith(b"2."):
        raise malformed(what, "its format is not 2.x")


def _member(file: io.BufferedReader, members: list[_Member], stem: str, limit: int, what: str) -> io.BufferedReader:
    """The uncompressed stream of the control or data member."""
    index = {"control.tar": 1, "data.tar": 2}[stem]
    member = members[index] if len(members) > index else _Member("nothing", 0, 0)
    engines: dict[str, Callable[[], _Engine] | None] = {"": None, ".xz": _xz, ".gz": _Gzip}
    suffix = member.name.removeprefix(stem)
    if not member.name.startswith(stem):
        raise malformed(what, f"{member.name!r} stands where {stem} must be")
    if suffix not in engines:
        raise VerificationError(
            "deb-compression",
            f"{what} is compressed in a way that is not read here: {member.name!r}",
            hint="xz, gz and none are read; ask its maker for one of them (dpkg-deb -Zxz)",
        )
    return io.BufferedReader(_Inflated(file, member, engines[suffix], limit, what), _CHUNK)


class _Engine(Protocol):
    """A decompressor in steps, as lzma.LZMADecompressor."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _xz() -> _Engine:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.XZ_MEMORY)


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self._tail = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._tail and not self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._tail + data, max_length)
        self._tail = self._inner.unconsumed_tail
        return out


class _Inflated(io.RawIOBase):
    """A member's bytes, decompressed as they are read: at most `limit`."""

    def __init__(
        self, file: io.BufferedReader, member: _Member, make: Callable[[], _Engine] | None, limit: int, what: str
    ) -> None:
        self._file = file
        self._offset = member.offset
        self._left = member.size
        self._make = make
        self._engine = make() if make else None
        self._room = limit
        self._what = what

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray", /) -> int:  # type: ignore[override]
        data = self._next(len(buffer))
        self._room -= len(data)
        if self._room < 0:
            raise malformed(self._what, "a member is larger than is allowed once it is unpacked")
        buffer[: len(data)] = data
        return len(data)

    def _next(self, size: int) -> bytes:
        if self._engine is None or self._make is None:
            return self._input(size)
        try:
            while True:
                if self._engine.eof:
                    rest = self._engine.unused_data or self._input(_CHUNK)
                    if not rest:
                        return b""
                    self._engine = self._make()
                    data = self._engine.decompress(rest, size)
                else:
                    starved = self._engine.needs_input
                    more = self._input(_CHUNK) if starved else b""
                    data = self._engine.decompress(more, size)
                    if starved and not more and not data and not self._engine.eof:
                        raise malformed(self._what, "a member's compressed data ends too early")
                if data:
                    return data
        except (lzma.LZMAError, zlib.error) as error:
            raise malformed(self._what, f"a member cannot be decompressed: {error}") from error

    def _input(self, size: int) -> bytes:
        self._file.seek(self._offset)
        data = self._file.read(min(size, self._left))
        self._offset += len(data)
        self._left -= len(data)
        return data


def _control(source: io.BufferedReader, what: str) -> Control:
    kept: dict[str, bytes] = {}
    for entry, contents in read_archive(source, what):
        if entry.path not in {"control", "conffiles", "triggers", *SCRIPTS}:
            continue
        if entry.kind is not Kind.FILE or entry.size > limits.SCRIPT_SIZE:
            raise malformed(what, f"its control file {entry.path} is not a file of at most {limits.SCRIPT_SIZE} bytes")
        kept[entry.path] = b"".join(contents)
    if "control" not in kept:
        raise malformed(what, "it has no control file")
    return Control(
        fields=_paragraph(_lines(kept["control"], what), what),
        scripts={name: _script(kept[name]) for name in SCRIPTS if name in kept},
        conffiles=tuple(_conffiles(_lines(kept.get("conffiles", b""), what), what)),
        triggers=tuple(
            " ".join(words)
            for line in _lines(kept.get("triggers", b""), what)
            if (words := line.split("#", 1)[0].split())
        ),
    )


def _lines(data: bytes, what: str) -> list[str]:
    try:
        return data.decode().split("\n")
    except UnicodeDecodeError as error:
        raise malformed(what, "a control file is not UTF-8") from error


def _script(data: bytes) -> str:
    """A script's text. What is not text becomes a line that no reviewer takes for a comment or a known snippet."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"not-text sha256:{hashlib.sha256(data).hexdigest()}\n"


def _paragraph(lines: list[str], what: str) -> dict[str, str]:
    """Fields of a control file (Debian Policy 5.1): one paragraph."""
    fields: dict[str, str] = {}
    last = ""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    for line in lines:
        if line.startswith((" ", "\t")) and last:
            fields[last] += "\n" + line
            continue
        last, colon, value = line.partition(":")
        if not colon or not last.isascii() or not last.isprintable() or " " in last or last in fields:
            raise malformed(what, f"its control file has a line {line[:80]!r}")
        fields[last] = value.strip()
    for name in ("Package", "Version", "Architecture"):
        if name not in fields:
            raise malformed(what, f"its control file has no {name}")
    return fields


def _conffiles(lines: list[str], what: str) -> Iterator[str]:
    """Paths of deb-conffiles(5). A `remove-on-upgrade` path is not part of the package."""
    for line in lines:
        path = line.rstrip()
        if not path or path.startswith("remove-on-upgrade "):
            continue
        if not path.startswith("/") or ".." in path.split("/"):
            raise malformed(what, f"it lists {path[:80]!r} as a configuration file")
        yield path.lstrip("/")
