"""Files of the EFI system partition, the UKIs above all. It is mounted at /efi for as long as somebody needs it.

A file gets its name only when it is whole and on the disk: it is written under a name that is none of an entry, synced,
and renamed. FAT has no journal, so each step is synced before the next. And a file's size and place are part of its
name's entry: Linux writes a new name with neither (vfat_add_entry), and adds them when it writes the file's inode. So a
file is synced after it was renamed too, and before its folder: else power that goes then leaves an empty file.

One sync writes a file's entry, its blocks in the table and what it holds, in any order. A name whose blocks are not
marked as used is the worst that can be left: it loses its contents to the next file, and Linux makes the ESP read-only
when it is removed. So the table is synced before a new file, and a name is gone before its blocks are freed. What a cut
leaves are blocks without a name: room that is lost.

Power that goes between the two leaves both names on the disk, for one file, when they are in different sectors of the
folder; of the old one perhaps its short name alone (`HOST_2~1.EFI`). To remove one of them would free the blocks of the
other, so it is hidden instead: renamed to what nobody reads.
"""

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

from adamant.core import files
from adamant.core.source import Source
from adamant.model.errors import AdamantError, BusyError
from adamant.node.systemd import Systemd
from adamant.node.update import entries
from adamant.node.update.entries import Entry

FOLDER = "EFI/Linux"
_TEMPORARY = "adamant.new"
_TWIN = "adamant.twin"
_SHORT = re.compile(r"[^.]{1,6}~[0-9]\.efi", re.IGNORECASE)


def mount() -> None:
    """Have the ESP mounted at /efi: no boot waits for that. Raises AdamantError of systemd."""
    with Systemd() as systemd:
        systemd.act("start", "efi.mount")


class EspFolder:
    """The entries below the mounted ESP `esp`."""

    def __init__(self, esp: Path) -> None:
        self._folder = esp / FOLDER

    def entries(self) -> list[Entry]:
        """What is there."""
        with _writing("read the boot menu"):
            names = sorted(path.name for path in self._folder.iterdir())
        return [entry for name in names if (entry := entries.parse(name))]

    def free(self, without: Sequence[Entry] = ()) -> int:
        """Bytes that are free once the entries of `without` are gone, and what an update that was cut has left."""
        with _writing("see how much is free"):
            found = os.statvfs(self._folder)
            leaving = [self._path(entry) for entry in without]
            if (self._folder / _TEMPORARY).exists():
                leaving.append(self._folder / _TEMPORARY)
            return found.f_bavail * found.f_frsize + sum(path.stat().st_size for path in leaving)

    def remove(self, entry: Entry) -> None:
        """As the protocol of stage.py says."""
        with _writing(f"remove {entry.name}"):
            path = self._path(entry)
            if any(other._replace(left=None, done=0) == entry._replace(left=None, done=0) for other in self._but(path)):
                self._hide(path)
            else:
                _unlink(path)

    def read(self, entry: Entry) -> Source:
        """As the protocol of stage.py says."""
        with _writing(f"read {entry.name}"):
            path = self._path(entry)
            size = path.stat().st_size

        def part(offset: int, length: int) -> bytes:
            with _writing(f"read {entry.name}"), path.open("rb") as source:
                source.seek(offset)
                return source.read(length)

        return Source(entry.name, size, part)

    def started(self, name: str) -> Entry | None:
        """The entry, as it is named now, of the UKI that was started under the file name `name`."""
        return next((e for e in self.entries() if e._replace(left=None, done=0).name == name), None)

    def put(self, entry: Entry, chunks: Iterator[bytes]) -> None:
        """As the protocol of stage.py says."""
        with _new(self._folder, entry.name, chunks) as temporary:
            self._rename(temporary, entry.name)

    def rename(self, old: Entry, new: Entry) -> None:
        """Give an entry another counter: the one change of what boots."""
        with _writing(f"rename {old.name}"):
            if self._path(new).exists():
                self._hide(self._path(old))
            else:
                self._rename(self._path(old), new.name)

    def _rename(self, old: Path, name: str) -> None:
        new = old.rename(self._folder / name)
        with new.open("rb") as file:
            os.fsync(file.fileno())
        files.sync_folder(self._folder)

    def tidy(self) -> None:
        """Remove what an update that was cut left."""
        with _writing("remove what an update left"):
            found = [self._path(entry) for entry in self.entries()]
            for path in sorted(self._folder.iterdir()):
                if path.name != _TEMPORARY and not _SHORT.fullmatch(path.name):
                    continue
                if any(_same(path, entry) for entry in found):
                    self._hide(path)
                elif path.name == _TEMPORARY:
                    _unlink(path)

    def _hide(self, path: Path) -> None:
        """Take a name that another one of the same file stays beside. Its blocks are not freed, now or ever."""
        names = (f"{_TWIN}{number}" for number in count())
        self._rename(path, next(name for name in names if not (self._folder / name).exists()))

    def _but(self, path: Path) -> list[Entry]:
        """The entries of other names than that of `path`."""
        return [found for other in self._folder.iterdir() if other != path and (found := entries.parse(other.name))]

    def _path(self, entry: Entry) -> Path:
        """The file of the entry. A counter may be written in several ways (+3, +03), and sd-boot counts them all."""
        names = (path for path in self._folder.iterdir() if entries.parse(path.name) == entry)
        return next(names, self._folder / entry.name)


def replace(path: Path, data: bytes) -> None:
    """Have the file at `path` hold `data`: at each moment it holds all of the old bytes or all of the new ones.

    What was written is read back from the disk before it gets the name. Raises AdamantError esp-failed, BusyError
    esp-full.
    """
    with _writing(f"make the folder of {path.name}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _new(path.parent, path.name, iter([data])) as temporary, ExitStack() as old:
        if _from_disk(temporary) != data:
            raise AdamantError("esp-failed", f"the ESP does not give back what was written for {path.name}")
        if path.exists():
            old.enter_context(path.open("rb"))  # its blocks are freed at the end, as in _unlink
        new = temporary.rename(path)
        # The temporary name goes first: two names of one file would lose it when one of them is removed. Then the new
        # size and place, which are one sector.
        files.sync_folder(path.parent)
        with new.open("rb") as file:
            os.fsync(file.fileno())
        files.sync_folder(path.parent)
    with _writing(f"write {path.name}"):
        files.sync_folder(path.parent)


def _unlink(path: Path) -> None:
    """Remove a file. FAT frees the blocks of a name that is gone once nobody has the file open."""
    with path.open("rb"):
        path.unlink()
        files.sync_folder(path.parent)
    files.sync_folder(path.parent)


def _same(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()


def _from_disk(path: Path) -> bytes:
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return file.read()


@contextmanager
def _new(folder: Path, name: str, chunks: Iterator[bytes]) -> Iterator[Path]:
    """A file with the bytes `chunks`, on the disk, that is to be renamed to `name`; gone at the end if it was not."""
    temporary = folder / _TEMPORARY
    try:
        with _writing(f"write {name}"):
            if temporary.is_file():
                _unlink(temporary)
            with temporary.open("wb") as out:
                for chunk in chunks:
                    out.write(chunk)
                out.flush()
                files.sync_folder(folder)
                os.fsync(out.fileno())
        with _writing(f"write {name}"):
            yield temporary
    finally:
        with suppress(OSError):  # what stays is removed before the next update
            _unlink(temporary)


@contextmanager
def _writing(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise BusyError(
                "esp-full", f"cannot {what}: the ESP is full", hint="remove what else lies on the ESP"
            ) from error
        raise AdamantError("esp-failed", f"cannot {what}: {error.strerror or error}", context="on the ESP") from error
