"""What the dashboard knows of each node, as values; and what a key does to what is shown."""

from dataclasses import dataclass, replace
from enum import Enum

from adamant.api.logs import LogEntry
from adamant.api.types import Boot, Event, Health, Version
from adamant.cli.node.dashboard.keys import Key


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of something is used: `part` from 0 to 1, `text` for a person."""

    name: str
    part: float
    text: str


@dataclass(frozen=True, slots=True)
class Service:
    """A service and its state as systemd names it."""

    name: str
    state: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One node as it last answered. What it did not answer yet is None or empty; texts are as the node sent them.

    `error` says why it does not answer now, since `error_since`; the rest is then what it said before. Times are
    seconds since the Unix epoch.
    """

    name: str
    address: str
    at: float = 0.0
    error: str = ""
    error_since: float = 0.0
    version: Version | None = None
    health: Health | None = None
    boot: Boot | None = None
    events: tuple[Event, ...] = ()
    gauges: tuple[Gauge, ...] = ()
    services: tuple[Service, ...] = ()
    log: tuple[LogEntry, ...] = ()


class Pane(Enum):
    """What the lower part shows."""

    EVENTS = "events"
    LOGS = "logs"


@dataclass(frozen=True, slots=True)
class View:
    """All that is shown. `selected` counts from 0; `now` is in seconds since the Unix epoch."""

    nodes: tuple[Snapshot, ...]
    selected: int = 0
    pane: Pane = Pane.EVENTS
    now: float = 0.0


def after(view: View, key: Key) -> View:
    """The view once `key` was pressed. Selecting goes round at both ends."""
    match key:
        case Key.NEXT:
            return replace(view, selected=(view.selected + 1) % len(view.nodes))
        case Key.PREVIOUS:
            return replace(view, selected=(view.selected - 1) % len(view.nodes))
        case Key.LOGS:
            return replace(view, pane=Pane.LOGS)
        case Key.EVENTS:
            return replace(view, pane=Pane.EVENTS)
        case Key.QUIT:
            return view
