"""The machine's time zone, as a clock on its wall follows it."""

from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo


def read(root: Path) -> tzinfo:
    """The zone of localtime(5); UTC when there is none that can be read."""
    try:
        with (root / "etc/localtime").open("rb") as source:
            return ZoneInfo.from_file(source)
    except (OSError, ValueError):
        return UTC
