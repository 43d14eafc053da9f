"""The picture of a view: pure, for a terminal of any size. What nodes say is shown as plain text, never as commands."""

from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adamant.api.logs import LogEntry
from adamant.api.types import CheckState
from adamant.cli.node.dashboard.snapshot import Gauge, Pane, Service, Snapshot, View
from adamant.machine import console

_STYLES = {"ok": "green", "waiting": "yellow", "failing": "bold red", "down": "bold red", "asking": "dim"}
_WORST_FIRST = {CheckState.FAILING: 0, CheckState.WAITING: 1, CheckState.UNSPECIFIED: 2, CheckState.OK: 3}
_EVENT_STYLES = {"health": "yellow", "call": "cyan", "config": "magenta", "power": "bold red", "keys": "magenta"}
_WIDE = 100
"""From how many columns on health and load stand side by side."""
_LEAST_LOWER = 5
_ERROR_LINES = 3
_ABOUT_LINES = 6
_BAR = 14
_KEYS = "q quit   ↑ ↓ tab machine   e events   l logs"


def safe(text: str) -> str:
    """Text of a node on one line, without anything that a terminal would obey."""
    return " ".join(console.plain(text.encode("utf-8", "replace")))


def picture(view: View, width: int, height: int) -> RenderableType:
    """The whole screen."""
    node = view.nodes[view.selected]
    top = min(len(view.nodes), max(1, height // 4)) + 3
    room = height - top - 1
    beside = width >= _WIDE
    health, load = _health(node), _load(node)
    checks = (len(node.health.checks) if node.health else 1) + (_ERROR_LINES if node.error else 0)
    loads = len(node.gauges) + min(len(node.services), 8) or _ABOUT_LINES
    middle = (max(checks, loads) if beside else checks + 2 + loads) + 2
    middle = max(3, min(middle, room - _LEAST_LOWER))
    layout = Layout()
    parts = [Layout(_nodes(view, top - 3), size=top)]
    if room - middle >= _LEAST_LOWER:
        across = Layout(size=middle)
        if beside:
            across.split_row(Layout(health, ratio=3), Layout(load, ratio=2))
        else:
            across.split_column(Layout(health, size=min(checks + 2, middle - 3)), Layout(load))
        parts.append(across)
    parts += [Layout(_lower(view, node, max(1, room - middle - 2))), Layout(Text(f" {_KEYS}", style="dim"), size=1)]
    layout.split_column(*parts)
    return layout


def state(node: Snapshot) -> str:
    """One word for a node."""
    if node.error:
        return "down"
    return node.health.overall.value if node.health else "asking"


def _ago(seconds: float) -> str:
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"


def _nodes(view: View, room: int) -> RenderableType:
    """The list of nodes; where not all have room, those around the selected one."""
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    for name, ratio in (("", None), ("machine", 3), ("state", 2), ("image", 3), ("slot", 2), ("what it says", 8)):
        table.add_column(name, ratio=ratio, width=1 if ratio is None else None, no_wrap=True, overflow="ellipsis")
    begin = max(0, min(view.selected - room // 2, len(view.nodes) - room))
    for number, node in list(enumerate(view.nodes))[begin : begin + room]:
        chosen = number == view.selected
        word = state(node)
        version, boot = node.version, node.boot
        posture = f" {version.posture.value}" if version and version.posture else ""
        image = safe(f"{version.image} {version.image_version}{posture}") if version else ""
        table.add_row(
            Text("▶" if chosen else " "),
            Text(safe(node.name), style="bold" if chosen else ""),
            Text(word, style=_STYLES.get(word, "")),
            Text(image, style="dim" if node.error else ""),
            Text(safe(boot.slot) if boot else "", style="dim" if node.error else ""),
            _said(node, view.now),
        )
    return Panel(table, title="machines", title_align="left", border_style="dim")


def _said(node: Snapshot, now: float) -> Text:
    if node.error:
        return Text(f"for {_ago(now - node.error_since)}: {safe(node.error)}", style="red")
    if node.health is None:
        return Text(f"asking {safe(node.address)}", style="dim")
    wrong = [safe(check.name) for check in node.health.checks if check.state is not CheckState.OK]
    if wrong:
        return Text(", ".join(wrong), style="yellow")
    return Text(f"{len(node.health.checks)} checks hold, at {safe(node.address)}", style="dim")


def _health(node: Snapshot) -> RenderableType:
    error = [Text(safe(node.error), style="bold red")] if node.error else []
    if node.health is None:
        return _panel("health", Group(*error, Text("not known yet", style="dim")), node)
    table = Table(box=None, show_header=False, expand=True, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for check in sorted(node.health.checks, key=lambda check: _WORST_FIRST[check.state]):
        style = _STYLES.get(check.state.value, "")
        table.add_row(Text(safe(check.name)), Text(check.state.value, style=style), Text(safe(check.message)))
    return _panel("health", Group(*error, table), node)


def _load(node: Snapshot) -> RenderableType:
    parts: list[RenderableType] = [_gauge(gauge) for gauge in node.gauges]
    parts += [_service(service) for service in sorted(node.services, key=lambda s: (not s.failed, s.name))]
    return _panel("load and services", Group(*parts) if parts else _about(node), node)


def _about(node: Snapshot) -> RenderableType:
    """What is known of a node that tells nothing of its load."""
    version, boot = node.version, node.boot
    rows = [("kernel", version.kernel), ("adamant", version.adamant)] if version else []
    if boot:
        rows += [("verity", boot.verity.value), ("secure boot", boot.secure_boot.value), ("UKI", boot.uki)]
        rows.append(("booted in", f"{boot.total_usec / 1e6:.1f} s, until its API answered"))
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows:
        table.add_row(Text(name, style="dim"), Text(safe(value)))
    return table if rows else Text("not known yet", style="dim")


def _gauge(gauge: Gauge) -> Text:
    part = min(max(gauge.part, 0.0), 1.0)
    filled = round(part * _BAR)
    style = "bold red" if part > 0.9 else "yellow" if part > 0.7 else "green"
    return Text.assemble(
        f"{safe(gauge.name):<10.10} ",
        ("█" * filled, style),
        ("░" * (_BAR - filled), "dim"),
        f" {safe(gauge.text)}",
        no_wrap=True,
        overflow="ellipsis",
    )


def _service(service: Service) -> Text:
    style = "bold red" if service.failed else "green"
    return Text.assemble((f"{safe(service.state):<10.10} ", style), safe(service.name), no_wrap=True)


def _lower(view: View, node: Snapshot, room: int) -> RenderableType:
    """The last events or log lines, newest at the bottom."""
    lines = [_event(event) for event in node.events] if view.pane is Pane.EVENTS else [_entry(e) for e in node.log]
    if not lines:
        what = "no event" if view.pane is Pane.EVENTS else "nothing of the log"
        lines = [Text(f"{what} yet", style="dim")]
    return _panel(view.pane.value, Group(*lines[-room:]), node)


def _clock(usec: int) -> str:
    try:
        return datetime.fromtimestamp(usec / 1e6, UTC).strftime("%H:%M:%S")
    except (OverflowError, OSError, ValueError):  # a node says any number
        return "--:--:--"


def _entry(entry: LogEntry) -> Text:
    style = "bold red" if entry.priority <= 3 else "yellow" if entry.priority == 4 else ""
    who = safe(entry.identifier or entry.unit or "?")
    return Text.assemble(
        (_clock(entry.time_usec), "dim"),
        (f"  {who}", "cyan"),
        (f"  {safe(entry.message)}", style),
        no_wrap=True,
        overflow="ellipsis",
    )


def _event(event: Any) -> Text:
    fields = "".join(f" {name}={value}" for name, value in sorted(event.fields.items()) if value)
    kind = event.kind.value
    return Text.assemble(
        (_clock(event.time_usec), "dim"),
        (f"  {kind:<8}", _EVENT_STYLES.get(kind, "green")),
        f"  {safe(event.message)}",
        (safe(fields) and f"  {safe(fields).strip()}", "dim"),
        no_wrap=True,
        overflow="ellipsis",
    )


def _panel(title: str, inside: RenderableType, node: Snapshot) -> Panel:
    """A frame that says whose data it holds, and that they are old when the node is down."""
    old = " (as it last was)" if node.error and node.health else ""
    return Panel(
        inside,
        title=Text(f"{title} of {safe(node.name)}{old}", style="dim" if old else ""),
        title_align="left",
        border_style="red" if node.error else "dim",
        style="dim" if old else "",
    )
