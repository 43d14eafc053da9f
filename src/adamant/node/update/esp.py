"""The folder of UKIs on the EFI system partition, which is mounted at /efi for as long as somebody needs it.

A file gets its name only when it is whole and on the disk: it is written under a name that is none of an entry, synced,
and renamed. FAT has no journal, so each step is synced before the next.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adamant.core import files
from adamant.core.source import Source
from adamant.model.errors import AdamantError
from adamant.node.update import entries
from adamant.node.update.entries import Entry

FOLDER = "EFI/Linux"
_TEMPORARY = "adamant.new"


class EspFolder:
    """The entries below the mounted ESP `esp`."""

    def __init__(self, esp: Path) -> None:
        self._folder = esp / FOLDER

    def entries(self) -> list[Entry]:
        """What is there."""
        with _writing("read the boot menu"):
            names = sorted(path.name for path in self._folder.iterdir())
        return [entry for name in names if (entry := entries.parse(name))]

    def free(self) -> int:
        """Bytes that are free."""
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def remove(self, entry: Entry) -> None:
        """As the protocol of stage.py says."""
        with _writing(f"remove {entry.name}"):
            (self._folder / entry.name).unlink()
            files.sync_folder(self._folder)

    def read(self, entry: Entry) -> Source:
        """As the protocol of stage.py says."""
        path = self._folder / entry.name
        with _writing(f"read {entry.name}"):
            size = path.stat().st_size

        def part(offset: int, length: int) -> bytes:
            with path.open("rb") as source:
                source.seek(offset)
                return source.read(length)

        return Source(entry.name, size, part)

    def put(self, entry: Entry, chunks: Iterator[bytes]) -> None:
        """As the protocol of stage.py says."""
        temporary = self._folder / _TEMPORARY
        with _writing(f"write {entry.name}"):
            with temporary.open("wb") as out:
                for chunk in chunks:
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            temporary.rename(self._folder / entry.name)
            files.sync_folder(self._folder)

    def rename(self, old: Entry, new: Entry) -> None:
        """Give an entry another counter: the one change of what boots."""
        with _writing(f"rename {old.name}"):
            (self._folder / old.name).rename(self._folder / new.name)
            files.sync_folder(self._folder)

    def tidy(self) -> None:
        """Remove what an update that was cut left."""
        (self._folder / _TEMPORARY).unlink(missing_ok=True)


@contextmanager
def _writing(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AdamantError("esp-failed", f"cannot {what}: {error.strerror or error}", context="on the ESP") from error
