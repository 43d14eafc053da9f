"""The lookout: publishes what changes on this machine while nobody asks, health checks and services that fail.

Services: PID 1 tells each connection to its own socket of each unit whose state changes, so that a service which
crashes and is started again at once is seen too, and nothing runs while nothing changes. A service that crashes again
and again is told of once, and again after it was well at a look. One that was started again before the first look is
told of with the number of PID 1's, which does not say whether it failed or ended.

Health: no check tells of itself (a full disk, a network that went, a page of the config's that answers no more), so one
is made each LOOKOUT_SECONDS, unless somebody else has asked meanwhile: the console does, where a machine has one. That
is one question to PID 1, some files of /proc, and the checks of the config: some milliseconds of a processor. Whoever
asks, a change is published where it is found (`telling`).

Nothing is looked at in the first seconds: the boot goes first. Imports of this project: api, core, and of node what
the agent has loaded anyway.
"""

import threading
from collections.abc import Callable
from typing import Any

from adamant.api.events_pb2 import EVENT_KIND_HEALTH, EVENT_KIND_SERVICE
from adamant.api.node_pb2 import CheckState
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.events import Events
from adamant.node.health import FAILING, Check, Health
from adamant.node.systemd import Systemd, Unit

FIRST_SECONDS = 15.0
"""From serving to the first look."""


def telling(events: Events) -> "Callable[[Check, CheckState | None], None]":
    """What publishes that a check has another state than before (None: it was never made)."""

    def tell(check: Check, before: "CheckState | None") -> None:
        if before is None and check.state != FAILING:
            return  # a machine that starts is no news, but one that is found broken is
        fields = {
            "check": check.name,
            "state": _word(check.state),
            "before": "" if before is None else _word(before),
            "message": check.message,
        }
        events.publish(EVENT_KIND_HEALTH, f"{check.name} is {fields['state']}", fields)

    return tell


def _word(state: CheckState) -> str:
    return CheckState.Name(state).removeprefix("CHECK_STATE_").lower()


class Lookout:
    """Looks at health and services until `ended`, in a thread of its own."""

    def __init__(
        self,
        events: Events,
        health: Health,
        ended: threading.Event,
        connect: Callable[[], Systemd] = Systemd,
        seconds: float = limits.LOOKOUT_SECONDS,
    ) -> None:
        self._events = events
        self._health = health
        self._ended = ended
        self._connect = connect
        self._seconds = seconds
        self._failed: set[str] = set()
        """Units that were told to have failed, and not to be well again."""

    def start(self, first: float = FIRST_SECONDS) -> None:
        """Begin in `first` seconds."""
        threading.Thread(target=self._run, args=(first,), name="lookout", daemon=True).start()

    def _run(self, first: float) -> None:
        self._ended.wait(first)
        restarts_told = False
        while not self._ended.is_set():
            try:
                with self._connect() as listening:  # before the look, so that nothing is lost between them
                    if not restarts_told:
                        self._tell_of_restarts()
                        restarts_told = True
                    self._look_at_units()
                    self._look_at_health()
                    while not self._ended.is_set():
                        for unit, changed in listening.changes(self._seconds):
                            if changed.get("ActiveState") == "failed":
                                self._has_failed(unit, changed)
                        self._look_at_units()
                        self._look_at_health()
            except AdamantError:  # PID 1 does not answer, or has begun anew; health says so
                self._look_at_health()
                self._ended.wait(self._seconds)

    def _look_at_health(self) -> None:
        if self._health.age() >= self._seconds:
            self._health.answer()

    def _tell_of_restarts(self) -> None:
        with self._connect() as systemd:
            services = systemd.units([], ["*.service"])
            counts = systemd.get([(service.path, "Service", "NRestarts") for service in services])
        for service, count in zip(services, counts, strict=True):
            if count:
                fields = {"unit": service.name, "state": service.active, "restarts": str(count)}
                times = "once" if count == 1 else f"{count} times"
                message = f"{service.name} was started again {times}: adamant node logs {service.name} says more"
                self._events.publish(EVENT_KIND_SERVICE, message, fields)

    def _look_at_units(self) -> None:
        """Tell of units that had failed before anybody listened, and of those that are well again."""
        with self._connect() as systemd:
            units = {unit.name: unit for unit in systemd.units([] if self._failed else ["failed"], [])}
        for unit in units.values():
            if unit.active == "failed":
                self._has_failed(unit.name, {})
        for name in sorted(self._failed):
            found = units.get(name)
            if found is None or found.active not in {"failed", "activating"}:
                self._failed.discard(name)
                self._is_back(name, found)

    def _has_failed(self, unit: str, changed: dict[str, Any]) -> None:
        if unit not in self._failed:
            self._failed.add(unit)
            fields = {"unit": unit, "state": "failed", **({"result": changed["Result"]} if "Result" in changed else {})}
            self._events.publish(EVENT_KIND_SERVICE, f"{unit} failed: adamant node logs {unit} says more", fields)

    def _is_back(self, name: str, found: Unit | None) -> None:
        state = found.active if found else "inactive"
        self._events.publish(
            EVENT_KIND_SERVICE, f"{name} is {state} after it had failed", {"unit": name, "state": state}
        )
