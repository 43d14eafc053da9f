"""Reads of the system's own small files: /proc, /sys, /run, /usr/lib. Bounded, as text, with no error for bad bytes."""

import shlex
from pathlib import Path

from adamant.core import limits
from adamant.model.errors import AdamantError

RELEASE = "usr/lib/os-release"
BOOT_ID = "proc/sys/kernel/random/boot_id"


def read_text(path: Path, limit: int) -> str:
    """The text of a file of at most `limit` bytes. Raises AdamantError `system-file` when it cannot be read."""
    try:
        with path.open("rb") as source:
            data = source.read(limit + 1)
    except OSError as error:
        raise AdamantError("system-file", f"cannot read {path}: {error.strerror}") from error
    if len(data) > limit:
        raise AdamantError("system-file", f"{path} is larger than {limit} bytes")
    return data.decode("utf-8", "replace")


def read_line(path: Path, limit: int = 4096) -> str:
    """The first line of a file, without white space around it; empty when there is no such file."""
    try:
        with path.open("rb") as source:
            return source.read(limit).partition(b"\n")[0].decode("utf-8", "replace").strip()
    except OSError:
        return ""


def read_release(root: Path) -> dict[str, str]:
    """The fields of os-release(5); none when it cannot be read."""
    try:
        return parse_release(read_text(root / RELEASE, limits.SYSTEM_FILE_SIZE))
    except AdamantError:
        return {}


def parse_release(text: str) -> dict[str, str]:
    """The fields of os-release(5)."""
    fields = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and name and not name.startswith("#"):
            try:
                words = shlex.split(value)
            except ValueError:
                continue
            fields[name] = words[0] if words else ""
    return fields


def boot_id(root: Path) -> str:
    """The id of this boot, 32 hexadecimal digits."""
    return read_line(root / BOOT_ID).replace("-", "")
