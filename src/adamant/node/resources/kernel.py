"""Which kernel runs."""

from pathlib import Path

from adamant.node.reading import read_line

RELEASE = "proc/sys/kernel/osrelease"


def release(root: Path) -> str:
    """What `uname -r` prints; empty when the kernel does not say."""
    found = read_line(root / RELEASE)
    return "" if "/" in found else found
