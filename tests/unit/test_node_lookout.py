"""The lookout's words about services, told by a stand-in for PID 1."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adamant.api.events_pb2 import EVENT_KIND_SERVICE
from adamant.node.events import Events
from adamant.node.health import Health
from adamant.node.lookout import Lookout
from adamant.node.systemd import Unit

SHAKY = "shaky.service"


class Pid1:
    """One service that was started again before the first look, fails during it, and is well again after it."""

    def __init__(self, restarts: int) -> None:
        self.restarts = restarts
        self.changed = iter([{"ActiveState": "failed", "Result": "exit-code"}])

    def __enter__(self) -> "Pid1":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def units(self, states: Sequence[str], _patterns: Sequence[str]) -> list[Unit]:
        return [] if states == ["failed"] else [Unit(SHAKY, "loaded", "active", "running", "/shaky")]

    def get(self, wanted: Sequence[tuple[str, str, str]]) -> list[Any]:
        assert wanted == [("/shaky", "Service", "NRestarts")]
        return [self.restarts]

    def changes(self, _seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
        for change in self.changed:
            yield SHAKY, change
        time.sleep(0.01)


def _told(pid1: Pid1, folder: Path, until: str) -> list[dict[str, str]]:
    events, ended = Events(), threading.Event()
    Lookout(events, Health(folder), ended, connect=lambda: pid1, seconds=0.01).start(first=0)  # type: ignore[arg-type,return-value]
    told: list[dict[str, str]] = []
    for event in events.follow(0, [EVENT_KIND_SERVICE], 0, wait=True, alive=lambda: not ended.is_set()):
        told.append(dict(event.fields))
        if event.fields["state"] == until and "restarts" not in event.fields:
            ended.set()
            break
    return told


def test_a_service_that_fails_and_is_started_again_at_once_is_told_of_twice(tmp_path: Path) -> None:
    failed = {"unit": SHAKY, "state": "failed", "result": "exit-code"}
    assert _told(Pid1(0), tmp_path, "active") == [failed, {"unit": SHAKY, "state": "active"}]


def test_a_service_that_was_started_again_before_anybody_listened_is_told_of_once(tmp_path: Path) -> None:
    told = _told(Pid1(2), tmp_path, "active")
    assert told[0] == {"unit": SHAKY, "state": "active", "restarts": "2"}
    assert [fields["state"] for fields in told[1:]] == ["failed", "active"]
