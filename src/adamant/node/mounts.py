"""What is mounted where, as the kernel tells it (proc_pid_mountinfo(5)).

It reads the table of PID 1: the agent itself lives in a mount namespace that systemd has made more read-only than the
machine is, and a check of that would check nothing.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from adamant.core import limits
from adamant.node.reading import read_text

TABLE = "proc/1/mountinfo"
_ESCAPE = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One mount. `device` is major:minor of the file system; `writable` says that files on it can be written here."""

    where: str
    type: str
    source: str
    device: str
    writable: bool
    options: frozenset[str]


def _plain(field: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), field)


def parse(text: str) -> list[Mount]:
    """The mounts of a mountinfo table, in its order. Lines that are not of that form are left out."""
    mounts = []
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        left, right = before.split(" "), after.split(" ")
        if not separator or len(left) < 6 or len(right) < 3:
            continue
        options = frozenset(left[5].split(","))
        # Both must allow it: this mount of the file system, and the file system itself.
        writable = "rw" in options and "rw" in right[2].split(",")
        mounts.append(Mount(_plain(left[4]), right[0], _plain(right[1]), left[2], writable, options))
    return mounts


def read(root: Path) -> list[Mount]:
    """The mounts that the whole machine sees."""
    return parse(read_text(root / TABLE, limits.SYSTEM_FILE_SIZE))


def top(mounts: Sequence[Mount], where: str) -> Mount | None:
    """The mount that is seen at the mount point `where`: the last one made there."""
    found = [mount for mount in mounts if mount.where == where]
    return found[-1] if found else None
