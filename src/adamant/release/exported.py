"""An exported release as a person carries it: a folder, or a tar archive of one, of which ranges are read.

The contents are vouched for by nothing here: a machine verifies what it is given. What is guarded is the computer of
who carries it: only regular files of the folder or archive are read, by names below `metadata/` and
`targets/`. No archive is unpacked; its headers are read once, and then only the ranges that are asked for.
"""

import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from adamant.core import files, limits
from adamant.model.errors import AdamantError, InputError

METADATA = "metadata"
TARGET_FILES = "targets"
"""The folders of a repository."""
ARCHIVE = ".tar"
"""How the name of an export ends that is an archive."""
_TIMESTAMP = f"{METADATA}/timestamp.json"
_CHUNK = 256 << 10


class Exported(Protocol):
    """Gives ranges of the files of an export."""

    def size(self, path: str) -> int:
        """Bytes of the file at `path`. Raises FileNotFoundError, also for what is none of a repository's files."""
        ...

    def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
        """`size` bytes from `first` on, in pieces of up to 256 KiB. Raises as `size`, or AdamantError `export-read`."""
        ...


def open_export(path: Path) -> Exported:
    """The export at `path`. Raises InputError `export-unreadable` when it is none."""
    found: Exported = _Folder(path) if path.is_dir() else _Archive(path)
    try:
        found.size(_TIMESTAMP)
    except FileNotFoundError as error:
        raise _not_one(path, f"it has no {_TIMESTAMP}") from error
    return found


def write_archive(sources: Sequence[tuple[Path, Path]], out: Path) -> None:
    """Write files, each with its name in it, as the new tar archive `out`; owners and times are left out."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with (
            files.telling_full_disks(out.parent),
            tarfile.open(temporary, "x:", format=tarfile.USTAR_FORMAT) as archive,
        ):
            for source, name in sources:
                member = tarfile.TarInfo(str(name))
                with source.open("rb") as data:
                    member.size = os.fstat(data.fileno()).st_size
                    archive.addfile(member, data)
        temporary.rename(out)
    finally:
        temporary.unlink(missing_ok=True)


class _Folder:
    """An export as a folder, or a whole repository."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def size(self, path: str) -> int:
        return self._place(path).stat().st_size

    def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
        try:
            place = self._place(path)
            if first + size > place.stat().st_size:
                raise _unread(path, "it ends too early")
            yield from _range(place, first, size, path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unread(path, str(error.strerror)) from error

    def _place(self, path: str) -> Path:
        place = self._folder / _checked(path)
        if not place.resolve().is_relative_to(self._folder) or not place.is_file():
            raise FileNotFoundError(path)
        return place


class _Member(NamedTuple):
    """Where the bytes of a file lie in the archive."""

    at: int
    size: int


class _Archive:
    """An export as a tar archive, not compressed. All may be below one folder, as `tar -c FOLDER` makes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members = _members(path)

    def size(self, path: str) -> int:
        return self._member(path).size

    def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
        try:
            member = self._member(path)
            if first + size > member.size:
                raise _unread(path, "it ends too early")
            yield from _range(self._path, member.at + first, size, path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unread(path, str(error.strerror)) from error

    def _member(self, path: str) -> _Member:
        found = self._members.get(_checked(path))
        if found is None:
            raise FileNotFoundError(path)
        return found


def _checked(path: str) -> str:
    """The path, when it may be one of a repository's files. Raises FileNotFoundError."""
    parts = path.split("/")
    if len(parts) < 2 or parts[0] not in {METADATA, TARGET_FILES} or "\0" in path:
        raise FileNotFoundError(path)
    if any(part.startswith(".") or not part for part in parts):
        raise FileNotFoundError(path)
    return path


def _members(path: Path) -> dict[str, _Member]:
    """The regular files of an archive by their names in the repository."""
    found: dict[str, _Member] = {}
    try:
        if not path.is_file():  # opening a pipe would wait
            raise _not_one(path, "it is neither a file nor a folder")
        with path.open("rb") as source:
            end = os.fstat(source.fileno()).st_size
            with tarfile.open(fileobj=source, mode="r:") as archive:
                for count, member in enumerate(archive):
                    if count >= limits.EXPORT_ENTRIES:
                        raise _not_one(path, f"it has more than {limits.EXPORT_ENTRIES} entries")
                    if member.isdir():
                        continue
                    name = _member_name(path, member)
                    if name in found:
                        raise _not_one(path, f"it has {name[:200]!r} twice")
                    if member.offset_data + member.size > end:
                        raise _not_one(path, f"it ends in the middle of {name[:200]!r}")
                    found[name] = _Member(member.offset_data, member.size)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _not_one(path, f"it is no tar archive, or only a part of one: {error}") from error
    except OSError as error:
        raise _not_one(path, f"it cannot be read: {error.strerror}") from error
    prefixes = [name.removesuffix(_TIMESTAMP) for name in found if f"/{name}".endswith(f"/{_TIMESTAMP}")]
    if len(prefixes) != 1:
        raise _not_one(path, f"it has {len(prefixes)} files {_TIMESTAMP}, and one is expected")
    return {name.removeprefix(prefixes[0]): at for name, at in found.items() if name.startswith(prefixes[0])}


def _member_name(path: Path, member: tarfile.TarInfo) -> str:
    """The name of an entry, which is a plain file inside of the archive."""
    if not member.isreg() or member.issparse():
        raise _not_one(path, f"{member.name[:200]!r} in it is no plain file")
    name = member.name.removeprefix("./")
    if any(part in {"", ".", ".."} for part in name.split("/")):
        raise _not_one(path, f"{member.name[:200]!r} in it is no name of a file inside of it")
    return name


def _range(place: Path, first: int, size: int, path: str) -> Iterator[bytes]:
    with place.open("rb") as source:
        source.seek(first)
        while size:
            data = source.read(min(size, _CHUNK))
            if not data:
                raise _unread(path, "it ends too early")
            size -= len(data)
            yield data


def _unread(path: str, why: str) -> AdamantError:
    return AdamantError("export-read", f"{path[:200]} cannot be read: {why}")


def _not_one(path: Path, why: str) -> InputError:
    return InputError(
        "export-unreadable",
        f"{path} is no exported release: {why}",
        hint="adamant repo export REPO PRODUCT VERSION --out FILE.tar makes one; a compressed one is to be unpacked",
    )
