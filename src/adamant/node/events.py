"""Events: what happens on this node, numbered, kept in a ring, and sent to whoever follows.

Nobody who follows can hold back who publishes: a follower that falls behind the ring is told how many it missed. What
must outlast the agent stands in the journal as well; each event is one line there.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping

from adamant.api import events_pb2 as pb
from adamant.core import limits

_WAIT_SECONDS = 1.0
"""How soon a follower that has nothing to send notices that its client has gone."""


class Events:
    """The ring. Threads may publish and follow at the same time."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._ring: deque[pb.Event] = deque(maxlen=limits.EVENTS_KEPT)
        self._sequence = 0
        self._changed = threading.Condition()
        self.agent_id = os.urandom(16).hex()  # `secrets` costs a twentieth of the agent's start

    def publish(self, kind: pb.EventKind, message: str, fields: Mapping[str, str] | None = None) -> None:
        """Keep an event, write it to the journal, and wake who follows."""
        with self._changed:
            self._sequence += 1
            self._ring.append(
                pb.Event(
                    sequence=self._sequence,
                    time_usec=int(self._clock() * 1_000_000),
                    kind=kind,
                    message=message,
                    fields=fields or {},
                    agent_id=self.agent_id,
                )
            )
            self._changed.notify_all()
        words = "".join(f" {name}={value}" for name, value in (fields or {}).items())
        line = f"{message}{words}".replace("\n", " ")
        sys.stderr.write(f"<6>{line}\n")

    def follow(
        self, after: int, kinds: Collection[int], last: int, *, wait: bool, alive: Callable[[], bool]
    ) -> Iterator[pb.Event]:
        """Kept events with a number above `after`, and with `wait` those that come, while `alive`.

        `kinds` chooses kinds (all, when empty); `last` only the last so many of the kept ones (all, when 0).
        """
        kept = self._since(after)
        sent = kept[-1].sequence if kept else max(after, 0)
        expected = after + 1
        chosen = [event for event in kept if not kinds or event.kind in kinds]
        if last:
            chosen, expected = chosen[-last:], 0
        for event in chosen:
            yield _after(event, expected, kept)
            expected = 0
        while wait and alive():
            with self._changed:
                if self._sequence <= sent:
                    self._changed.wait(_WAIT_SECONDS)
            kept = self._since(sent)
            expected = sent + 1
            for event in kept:
                if not kinds or event.kind in kinds:
                    yield _after(event, expected, kept)
                    expected = 0
            sent = kept[-1].sequence if kept else sent

    def _since(self, after: int) -> list[pb.Event]:
        with self._changed:
            return [event for event in self._ring if event.sequence > after]


def _after(event: pb.Event, expected: int, kept: list[pb.Event]) -> pb.Event:
    """The event, saying how many between `expected` (0: nothing was expected) and the first kept one are gone."""
    missed = max(0, kept[0].sequence - expected) if expected else 0
    if not missed:
        return event
    told = pb.Event()
    told.CopyFrom(event)
    told.missed = missed
    return told
