"""How much room a mounted file system has (statvfs(3)). One that does not answer has none to tell of."""

import os
from pathlib import Path
from typing import NamedTuple


class Space(NamedTuple):
    """Bytes and files: all, used, and those bytes that programs can still have."""

    size: int
    used: int
    free: int
    files: int
    files_used: int


def read(root: Path, where: str) -> Space | None:
    """The room of the file system mounted at `where`, or None."""
    try:
        system = os.statvfs(root / where.lstrip("/"))
    except OSError:
        return None
    unit = max(0, system.f_frsize)  # numbers that do not fit, and those of efivarfs, come out negative
    return Space(
        size=max(0, system.f_blocks) * unit,
        used=max(0, system.f_blocks - system.f_bfree) * unit,
        free=max(0, system.f_bavail) * unit,
        files=max(0, system.f_files),
        files_used=max(0, system.f_files - system.f_ffree),
    )
