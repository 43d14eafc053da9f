"""What udev knows of devices, from its database in /run/udev/data. No device is opened."""

import re
from pathlib import Path

from adamant.node.reading import read_line
from adamant.node.resources import keyed

FOLDER = "run/udev/data"
_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")


def properties(content: str) -> dict[str, str]:
    """Properties in a file of the database: its lines `E:NAME=VALUE`, with \\xNN for bytes that are not plain."""
    lines = (line[2:] for line in content.splitlines() if line.startswith("E:"))
    return {name: _plain(value) for name, value in keyed.pairs("\n".join(lines)).items()}


def _plain(value: str) -> str:
    """The value without escapes, each of which stands for a byte of UTF-8."""
    data = value.encode("utf-8", "replace")
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), data).decode("utf-8", "replace")


def of_block(root: Path, folder: Path) -> dict[str, str]:
    """Properties of the block device with this folder in /sys."""
    number = read_line(folder / "dev")
    return properties(keyed.text(root / FOLDER / f"b{number}")) if re.fullmatch(r"[0-9]+:[0-9]+", number) else {}
