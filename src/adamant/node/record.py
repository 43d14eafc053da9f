"""What /init handed over: `/run/adamant/boot.json`, written once by the initrd's program."""

from pathlib import Path
from typing import Any, NamedTuple

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.reading import read_text

FILE = "run/adamant/boot.json"
STEPS = ("modules", "slot", "verity", "handover")
"""The steps of /init in their order. The time of each says when it ended."""


class BootRecord(NamedTuple):
    """The slot that /init chose, the disk it lies on, and when /init began and ended each of STEPS.

    Times are microseconds after the start of the kernel; steps without a time are left out.
    """

    slot: str
    disk: str
    begin_usec: int
    ends_usec: tuple[tuple[str, int], ...]


def parse(text: str) -> BootRecord:
    """The record in its JSON. Raises AdamantError `boot-record` when it is not one."""
    import json  # noqa: PLC0415 - only Boot asks for it

    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AdamantError("boot-record", f"the record of the boot cannot be read: {error}") from error
    times = value.get("times") if isinstance(value, dict) else None
    if not isinstance(times, dict) or not all(_is_time(number) for number in times.values()):
        raise AdamantError("boot-record", "the record of the boot is not of its form")
    slot, disk = value.get("slot"), value.get("disk")
    if not isinstance(slot, str) or not isinstance(disk, str):
        raise AdamantError("boot-record", "the record of the boot names no slot")
    ends = tuple((step, times[step] * 1000) for step in STEPS if step in times)
    return BootRecord(slot, disk, times.get("init", 0) * 1000, ends)


def _is_time(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 40


def read(root: Path) -> BootRecord:
    """The record of this boot."""
    return parse(read_text(root / FILE, limits.BOOT_RECORD_SIZE))
