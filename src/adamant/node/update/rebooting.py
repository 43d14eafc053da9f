"""Reboots into a staged release: in the window of the config, and when the FleetLock server, if there is one, agrees.

It reboots for a release in the boot that staged it and in no later one (state.waiting), so a release that does not come
up is tried by the boot loader alone, and the machine never reboots in a circle.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from adamant.api.events_pb2 import EVENT_KIND_UPDATE
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.model.machine import document
from adamant.model.machine.document import Update
from adamant.node import power
from adamant.node.config import wanted
from adamant.node.events import Events
from adamant.node.reading import read_line
from adamant.node.systemd import Systemd
from adamant.node.update import asking, schedule, state

if TYPE_CHECKING:
    from adamant.node.update.fleetlock import FleetLock

_BY = "update"
_BUSY_SECONDS = 60.0
_GOING_SECONDS = 600.0
"""What going down may take. A machine that is still there then has not gone down."""


class Rebooting:
    """What one agent does about reboots for updates."""

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
        self._not_before = 0.0
        self._failures = 0
        self._said = ""
        self._lock: document.FleetLock | None = None
        self._returned: document.FleetLock | None = None
        """The server that knows that this machine is well."""
        self._going = False

    @property
    def going(self) -> bool:
        """Whether the machine is on its way down."""
        return self._going and self._monotonic() < self._not_before

    def tend(self, update: Update) -> float:
        """Do what is due, in a boot that was found good. Returns the seconds until something may be due again.

        What fails is told in events, and tried again.
        """
        if update.fleet_lock != self._lock and not self.going:  # what failed before says nothing of another server
            self._lock, self._failures, self._not_before = update.fleet_lock, 0, 0.0
        left = self._not_before - self._monotonic()
        if left > 0:
            return left
        self._going = False
        try:
            self._give_back(update.fleet_lock)
            left = self._left(update)
            if left > 0:
                return left
            if asking.running(self._connect) or wanted.on_trial(self._root):
                return self._later(_BUSY_SECONDS)
            self._go(update.fleet_lock)
        except AdamantError as error:
            self._failures += 1
            self._say(f"{error.message}: it is tried again", error.reference)
            return self._later(schedule.backoff(self._failures, limits.FLEET_LOCK_RETRY_SECONDS))
        self._failures, self._going = 0, True
        return self._later(_GOING_SECONDS)

    def _left(self, update: Update) -> float:
        """Seconds until this machine reboots; infinite when nothing waits for that, or nobody wants it."""
        record = state.read(self._root)
        if not update.automatic or not state.waiting(self._root, record):
            return math.inf
        from adamant.node import timezone  # noqa: PLC0415 - few boots come to this

        now = self._clock()
        return schedule.reboot_at(update.window, timezone.read(self._root), max(record.seed, 0), now) - now

    def _give_back(self, lock: document.FleetLock | None) -> None:
        """Say that this machine is well, once to each server that the config names."""
        if lock is None or lock == self._returned:
            return
        self._server(lock).steady_state()
        self._returned, self._failures, self._said = lock, 0, ""

    def _go(self, lock: document.FleetLock | None) -> None:
        release = state.read(self._root).staged
        if lock is not None:
            self._server(lock).pre_reboot()
            self._returned = None  # when the machine does not go down, the lock is given back first
        power.go_down("reboot.target", self._events, _BY, f"{release} is staged", "reboots", self._connect)

    def _server(self, lock: document.FleetLock) -> "FleetLock":
        from adamant.node.update.fleetlock import FleetLock, client_id  # noqa: PLC0415 - few machines have one

        return FleetLock(lock.url, lock.group, client_id(read_line(self._root / "etc/machine-id")))

    def _later(self, seconds: float) -> float:
        self._not_before = self._monotonic() + seconds
        return seconds

    def _say(self, message: str, reference: str) -> None:
        if message != self._said:
            self._said = message
            self._events.publish(EVENT_KIND_UPDATE, message, {"action": "reboot", "reference": reference})
