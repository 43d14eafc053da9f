"""Results as text, as JSON and as the page docs/benchmarks.md."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.measure import Series
from benchmarks.result import Result, Table, Unit

_HEAD = """\
<!-- Made by benchmarks/run --markdown: do not edit. -->
# Benchmarks

Adamant and mkosi side by side on one machine, in one run, in turn, with the same packages. "Packages downloaded" means
that no side uses the network: Adamant has the .debs in its cache and its tools tree unpacked, mkosi has its package
cache. Figures are medians, with the smallest and the largest in brackets. A ratio is rival over Adamant: above 1 is in
Adamant's favour. Run it with `benchmarks/run`.
"""


def text(conditions: Mapping[str, str], results: Iterable[Result]) -> str:
    """For a terminal."""
    width = max(len(name) for name in conditions)
    lines = [f"{name:{width}}  {value}" for name, value in conditions.items()]
    for result in results:
        lines += ["", f"{result.title}: {_verdict(result)}  (aim: {result.aim.text})"]
        lines.append(f"  adamant  {_figure(result.ours, result.unit)}")
        if result.rival is not None:
            lines.append(f"  rival    {_figure(result.rival, result.unit)}  {result.rival_name}")
        if result.ratio is not None:
            lines.append(f"  ratio    {result.ratio:.2f}")
        lines += [f"  {note}" for note in result.notes]
        for table in result.tables:
            lines += ["", f"  {table.title}", *(f"    {line}" for line in _columns(table))]
    return "\n".join(lines) + "\n"


def markdown(conditions: Mapping[str, str], results: Sequence[Result]) -> str:
    """The page docs/benchmarks.md."""
    lines = [_HEAD, "## Conditions\n", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in conditions.items()]
    lines += ["", "## Results\n", "| work | Adamant | rival | ratio | aim | met |", "|---|---|---|---|---|---|"]
    for result in results:
        rival = "" if result.rival is None else f"{_figure(result.rival, result.unit)}: {result.rival_name}"
        ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
        ours = _figure(result.ours, result.unit)
        lines.append(f"| {result.title} | {ours} | {rival} | {ratio} | {result.aim.text} | {_verdict(result)} |")
    for result in results:
        if result.notes or result.tables:
            lines += ["", f"### {result.title}", ""]
        lines += [f"- {note}" for note in result.notes]
        for table in result.tables:
            lines += ["", f"{table.title}:", "", f"| {' | '.join(table.header)} |", "|---" * len(table.header) + "|"]
            lines += [f"| {' | '.join(cells)} |" for cells in table.rows]
    return "\n".join(lines) + "\n"


def as_json(conditions: Mapping[str, str], results: Iterable[Result]) -> str:
    """One object: conditions, and the rows with all their samples."""
    return json.dumps({"conditions": dict(conditions), "rows": [_row(result) for result in results]}, indent=1) + "\n"


def _row(result: Result) -> dict[str, Any]:
    return {
        "row": result.row,
        "title": result.title,
        "unit": result.unit.value,
        "adamant": list(result.ours.samples),
        "rival": None if result.rival is None else list(result.rival.samples),
        "rival_name": result.rival_name,
        "ratio": result.ratio,
        "aim": result.aim.text,
        "met": result.met,
        "notes": list(result.notes),
        "tables": [{"title": t.title, "header": t.header, "rows": t.rows} for t in result.tables],
    }


def _verdict(result: Result) -> str:
    return {True: "yes", False: "no", None: "rival not run"}[result.met]


def _figure(series: Series, unit: Unit) -> str:
    if unit is Unit.TRUTH:
        return "yes" if series.least else "no"
    if len(series.samples) == 1:
        return _one(series.median, unit)
    return f"{_one(series.median, unit)} ({_one(series.least, unit)} to {_one(series.most, unit)})"


def _one(value: float, unit: Unit) -> str:
    if unit is Unit.BYTES:
        return f"{value / 1e6:.1f} MB"
    if unit is Unit.COUNT:
        return f"{value:.0f}"
    if value < 0.01:
        return f"{value * 1e3:.2f} ms"
    return f"{value:.3f} s" if value < 1 else f"{value:.1f} s"


def _columns(table: Table) -> list[str]:
    rows = [table.header, *table.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.header))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
