"""Files of keys and values, one a line, as /proc, /sys, /run and udev write them."""

from pathlib import Path

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.reading import read_line, read_text


def pairs(content: str, separator: str = "=") -> dict[str, str]:
    """Keys and values of lines of the form KEY=VALUE; other lines are left out, the last of two equal keys counts."""
    found = {}
    for line in content.splitlines():
        key, between, value = line.partition(separator)
        if between and key.strip():
            found[key.strip()] = value.strip()
    return found


def read(path: Path, separator: str = "=") -> dict[str, str]:
    """Keys and values of a file; none when it cannot be read."""
    try:
        return pairs(read_text(path, limits.SYSTEM_FILE_SIZE), separator)
    except AdamantError:
        return {}


def text(path: Path) -> str:
    """Text of a file; empty when it cannot be read."""
    try:
        return read_text(path, limits.SYSTEM_FILE_SIZE)
    except AdamantError:
        return ""


def number(content: str) -> int:
    """A number in decimal digits with white space around it; 0 when it is none, or too long to be one."""
    content = content.strip()
    return int(content) if content.isascii() and content.isdigit() and len(content) <= 20 else 0


def count(content: str) -> int:
    """A number as `number` reads it, that fits into 64 bits without sign."""
    return min(number(content), (1 << 64) - 1)


def small(content: str) -> int:
    """A number as `number` reads it, that fits into 32 bits without sign."""
    return min(number(content), (1 << 32) - 1)


def read_count(path: Path) -> int:
    """The number in a file; 0 when there is none."""
    return count(read_line(path))
