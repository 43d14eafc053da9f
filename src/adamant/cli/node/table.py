"""Tables of resources: sizes and times as people read them, columns lined up, lines no wider than the terminal."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from adamant.api.resources import Column, Format, Kind, Resource, at

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_DIGEST = 12
_RIGHT = (Format.BYTES, Format.DURATION, Format.PERCENT)
_GAP = "  "


def size(number: int) -> str:
    """Bytes in the largest unit that leaves a number above 1: 1.5 MiB."""
    value, unit = float(number), 0
    while abs(value) >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{number} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def duration(usec: int) -> str:
    """A time span above 0: 12ms, 3.4s, 2m03s, 5h07m, 12d4h."""
    seconds = usec // 1_000_000
    if seconds < 1:
        return f"{max(1, usec // 1000)}ms"
    if seconds < 60:
        return f"{usec / 1e6:.1f}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02}s"
    if seconds < 86400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"
    return f"{seconds // 86400}d{seconds % 86400 // 3600}h"


def moment(usec: int) -> str:
    """A time in UTC; one that no calendar has is shown as its number."""
    try:
        return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=usec)).strftime("%Y-%m-%d %H:%M:%S")
    except OverflowError:
        return str(usec)


def cell(value: Any, form: Format) -> str:
    """A value as its column shows it; what is not there is a dash."""
    if value is None or value in ("", []):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(cell(inner, form) for inner in value)
    if isinstance(value, dict):
        return ",".join(f"{name}={cell(inner, form)}" for name, inner in value.items())
    if isinstance(value, int):
        if value == 0 and form is not Format.UNSPECIFIED:
            return "-"
        if form is Format.TIME:
            return moment(value)
        if form is Format.BYTES:
            return size(value)
        if form is Format.DURATION:
            return duration(value)
    if isinstance(value, float):
        return f"{value:.1f}%" if form is Format.PERCENT else f"{value:.2f}"
    text = "".join(character if character.isprintable() else " " for character in str(value))
    return text.removeprefix("sha256:")[:_DIGEST] if form is Format.DIGEST else text


def row(columns: Sequence[Column], resource: Resource) -> list[str]:
    """The cells of a resource: its name, then one for each column."""
    return [resource.name, *(cell(at(resource.actual, column.field), column.format) for column in columns)]


def lines(kind: Kind, resources: Sequence[Resource], width: int = 0) -> list[str]:
    """The table of resources: headings, then a line each. `width` cuts lines off; 0 leaves them as they are.

    What differs from what should be says why in a column of its own.
    """
    if not resources:
        return [f"no {kind.name}"]
    columns = list(kind.columns)
    rows = [["NAME", *(column.title for column in columns)], *(row(columns, resource) for resource in resources)]
    right = [False, *(column.format in _RIGHT or _numbers(column, resources) for column in columns)]
    if any(resource.reason for resource in resources):
        rows[0].append("REASON")
        right.append(False)
        for cells, resource in zip(rows[1:], resources, strict=True):
            cells.append(resource.reason or "-")
    return [cut(line, width) for line in aligned(rows, right)]


def _numbers(column: Column, resources: Iterable[Resource]) -> bool:
    if column.format is Format.TIME:
        return False
    values = [at(resource.actual, column.field) for resource in resources if resource.actual is not None]
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Rows of equal length as lines, each column as wide as its widest cell; `right` are those set to the right."""
    widths = [max(len(cells[index]) for cells in rows) for index in range(len(right))]
    if right[-1] is False:
        widths[-1] = 0
    return [
        _GAP.join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(cells, widths, right, strict=True)
        ).rstrip()
        for cells in rows
    ]


def cut(line: str, width: int) -> str:
    """A line of at most `width` characters; any length when that is 0."""
    return line if not width or len(line) <= width else line[: width - 1] + "…"
