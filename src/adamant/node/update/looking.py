"""Looks for a release by the schedule of the config: asks the program that updates, and remembers what came of it."""

import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from adamant.api.events_pb2 import EVENT_KIND_UPDATE
from adamant.core import files
from adamant.model.errors import AdamantError
from adamant.model.machine.document import Update
from adamant.model.machine.measures import bytes_of
from adamant.node.events import Events
from adamant.node.systemd import Systemd
from adamant.node.update import asking, schedule, state

_FINAL = frozenset({"no-update", "release-failed-here"})
"""References that answer the question: asking again sooner would change nothing."""
_BUSY = frozenset({"update-running", "locked"})


class Looking:
    """The looks of one agent."""

    def __init__(
        self,
        root: Path,
        events: Events,
        connect: Callable[[], Systemd] = Systemd,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._events = events
        self._connect = connect
        self._clock = clock
        self._monotonic = monotonic
        self._of: tuple[str, ...] = ()
        self._not_before = 0.0

    def left(self, update: Update) -> float:
        """Seconds until a look is due, by the config `update`, which names a repository."""
        every, seed = schedule.interval(update.check), self._seed()
        of = _of(update)
        now, passed = self._clock(), self._monotonic()
        if of != self._of:
            self._of = of
            self._not_before = passed + schedule.quiet(every, seed)
        last = state.read_look(self._root)
        when = last.when_usec / 1_000_000 if (last.repository, last.channel, last.action) == of else 0.0
        due = schedule.next_look(when, last.failures, every, seed, now)
        return max(due - now, self._not_before - passed, 0.0)

    def look(self, update: Update) -> bool:
        """Look now, keep what came of it, and tell what is new. False when another update is under way."""
        before = state.read_look(self._root)
        same = (before.repository, before.channel, before.action) == _of(update)
        found = self._look(update, before.failures if same else 0)
        if found is None:
            return False
        state.write_look(self._root, found)
        if _news(found) != _news(before):
            self._tell(found)
        return True

    def _look(self, update: Update, failures: int) -> state.Look | None:
        repository, channel, action = _of(update)
        request = state.Request(
            action="stage" if update.automatic else "estimate",
            repository=repository,
            channel=channel,
            bandwidth=bytes_of(update.bandwidth) if update.bandwidth else 0,
        )
        made = state.Look(repository=repository, channel=channel, action=action)
        try:
            asking.begin(self._root, request, self._connect)
            last = state.Progress("running")
            for seen in asking.follow(self._root, lambda: True, self._connect):
                last = seen
        except AdamantError as error:
            if error.reference in _BUSY:
                return None
            final = error.reference in _FINAL
            result = "none" if error.reference == "no-update" else "refused" if final else "failed"
            made = replace(
                made,
                result=result,
                reference=error.reference,
                message=error.message,
                failures=0 if final else failures + 1,
            )
        else:
            made = replace(
                made, result="staged" if update.automatic else "waits", version=last.version, message=last.message
            )
        return replace(made, when_usec=int(self._clock() * 1_000_000))

    def _tell(self, found: state.Look) -> None:
        fields = {"action": found.action}
        match found.result:
            case "staged":
                self._events.publish(EVENT_KIND_UPDATE, found.message, {**fields, "version": found.version})
            case "waits":
                text = f"a release waits, and updates are not automatic here: {found.message}"
                self._events.publish(EVENT_KIND_UPDATE, text, {**fields, "version": found.version})
            case "refused" | "failed":
                text = f"the look for an update failed: {found.message}"
                self._events.publish(EVENT_KIND_UPDATE, text, {**fields, "reference": found.reference})

    def _seed(self) -> int:
        kept = state.read(self._root).seed
        if kept >= 0:
            return kept
        with files.locked(self._root / state.LOCK, "the update of this machine", wait=False):
            return state.seed(self._root)


def _of(update: Update) -> tuple[str, str, str]:
    """What a look is at: another repository, channel or action makes the last look one at something else."""
    return update.repository or "", update.channel, "stage" if update.automatic else "estimate"


def _news(look: state.Look) -> tuple[str, ...]:
    """What makes a look worth an event when it differs from the one before."""
    return look.result, look.version, look.reference, look.message if look.result in {"refused", "failed"} else ""
