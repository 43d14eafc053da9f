"""The agent's thread that keeps the machine up to date by the config's `update`: it looks, stages and reboots.

It waits for the next moment at which something is due, and costs nothing until then. There is none on a machine whose
config names no repository (node.updating).
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from adamant.api.events_pb2 import EVENT_KIND_UPDATE
from adamant.model.errors import AdamantError
from adamant.model.machine.document import Machine, Update
from adamant.node.events import Events
from adamant.node.systemd import Systemd
from adamant.node.update import schedule, trial
from adamant.node.update.looking import Looking
from adamant.node.update.rebooting import Rebooting

_REST_SECONDS = 900.0
"""The longest wait: somebody may set the clock."""
_TRIAL_SECONDS = 15.0
_BUSY_SECONDS = 60.0


class Caretaker:
    """Looks after updates of the machine below `root`. `config` is the config that belongs on the machine now."""

    def __init__(
        self,
        root: Path,
        events: Events,
        config: Callable[[], Machine | None],
        connect: Callable[[], Systemd] = Systemd,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._events = events
        self._config = config
        self._connect = connect
        self._clock = clock
        self._looking = Looking(root, events, connect, clock, monotonic)
        self._rebooting = Rebooting(root, events, connect, clock, monotonic)
        self._woken = threading.Event()
        self._good = False
        self._failures = 0
        self._said = ""
        self.next_look = 0.0
        """When it looks for a release next, in seconds since the Unix epoch; 0 when it does not."""

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="updates", daemon=True).start()

    def wake(self) -> None:
        """The config may be another one."""
        self._woken.set()

    def _run(self) -> None:
        while True:
            seconds = self.tend()
            self._woken.wait(seconds)
            self._woken.clear()

    def tend(self) -> float | None:
        """Do what is due. Returns the seconds until something is due again; None when only a config can change that."""
        try:
            config = self._config()
            update = config.update if config else Update()
            if update.repository is None:
                self.next_look = 0.0
                return None
            left = self._tend(update)
        except (AdamantError, OSError) as error:
            self._failures += 1
            self._say(str(error))
            return schedule.backoff(self._failures, _REST_SECONDS)
        self._failures, self._said = 0, ""
        return min(left, _REST_SECONDS)

    def _tend(self, update: Update) -> float:
        if not self._good:
            self._good = trial.found_good(self._root, self._connect)
            if not self._good:
                return _TRIAL_SECONDS
        reboot = self._rebooting.tend(update)  # first: it gives a lock back, for which other machines wait
        if self._rebooting.going:
            return reboot
        left = self._looking.left(update)
        if left <= 0:
            left = self._looking.left(update) if self._looking.look(update) else _BUSY_SECONDS
            reboot = self._rebooting.tend(update)
        self.next_look = self._clock() + left
        return min(left, reboot)

    def _say(self, message: str) -> None:
        if message != self._said:
            self._said = message
            self._events.publish(EVENT_KIND_UPDATE, f"updates cannot be looked after: {message}", {})
