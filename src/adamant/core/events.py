"""What work reports while it runs. The engine does not know who watches: a terminal, JSON lines, or nobody."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """A step begins. `total` counts `unit` (files, bytes, packages), or is 0 when it is not known."""

    step: str
    total: int = 0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Advanced:
    """`done` of a step's total is done. `detail` names what is at hand."""

    step: str
    done: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """A step ended. `reason` says why it was done or could be reused; `seconds` is how long it took."""

    step: str
    reused: bool
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Noted:
    """Something a person should know."""

    message: str


Event = Started | Advanced | Finished | Noted
Watch = Callable[[Event], None]


def silent(_event: Event) -> None:
    """Watch nothing."""


class Recorder:
    """A watch that keeps what finished, and passes every event on."""

    def __init__(self, watch: Watch = silent) -> None:
        self._watch = watch
        self.finished: list[Finished] = []

    def __call__(self, event: Event) -> None:
        """Take one event. Threads may call it at the same time."""
        if isinstance(event, Finished):
            self.finished.append(event)
        self._watch(event)


@contextmanager
def timed(watch: Watch, step: str, reason: str) -> Iterator[None]:
    """Report a step that is done each time, with how long it took."""
    watch(Started(step))
    begin = time.monotonic()
    yield
    watch(Finished(step, False, reason, time.monotonic() - begin))
