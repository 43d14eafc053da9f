"""The output folder of a build: it appears whole, is replaced whole, and is known again when nothing changed.

A build writes beside the final name and renames at the end, so no half output ever stands under it. What was left is
remembered in the cache by size, time and inode of each file; an output that somebody touched is made again. There is no
fsync: an output can be made again, and after a power cut SHA256SUMS tells whether it must be.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from adamant.core import files
from adamant.model.digest import Identity, sha256


class _Left(Struct, frozen=True):
    """What a build left: the identity of the whole build, and (size, mtime in ns, inode) of each file."""

    identity: str
    files: dict[str, tuple[int, int, int]]


class Output:
    """The output folder `final`, remembered below `cache`."""

    def __init__(self, final: Path, cache: Path) -> None:
        self.final = final
        self._record = cache / "outputs" / f"{sha256(os.fsencode(final))}.json"

    def fits(self, identity: Identity) -> bool:
        """Whether the folder still is what the build of that identity left."""
        try:
            left = msgspec.json.decode(self._record.read_bytes(), type=_Left)
            return left.identity == identity and left.files == _look(self.final)
        except (OSError, msgspec.DecodeError):
            return False

    def replace(self, identity: Identity, make: Callable[[Path], None]) -> None:
        """Fill a fresh folder by `make` and put it in the place of the old one.

        Raises BusyError while another build writes the same output.
        """
        parent = self.final.parent
        with files.locked(parent / f".{self.final.name}.lock", f"the output {self.final.name}", wait=False):
            for left in parent.glob(f".{self.final.name}.new.*"):
                shutil.rmtree(left, ignore_errors=True)
            with (
                files.work_folder(parent, f"{self.final.name}.new") as folder,
                files.telling_full_disks(folder),
            ):
                made = folder / "made"
                made.mkdir()
                make(made)
                made.chmod(0o755)
                for path in made.iterdir():
                    path.chmod(0o644)
                if self.final.exists():
                    self.final.rename(folder / "old")
                made.rename(self.final)
            self._record.parent.mkdir(parents=True, exist_ok=True)
            files.write_atomic(self._record, msgspec.json.encode(_Left(identity, _look(self.final))))


def _look(folder: Path) -> dict[str, tuple[int, int, int]]:
    found: dict[str, tuple[int, int, int]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            stat = entry.stat(follow_symlinks=False)
            found[entry.name] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return found
