"""The table of handlers: what answers each method of the API on this machine.

A room is imported at its first call, so that the agent serves before it has loaded what no boot waits for, and keeps in
memory what somebody asks for. No handler says who may call it: that is for `adamant.api.methods`.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from adamant.model.errors import AdamantError
from adamant.node.configuring import Configuring
from adamant.node.events import Events
from adamant.node.health import Check, Health
from adamant.node.identity import Keys
from adamant.node.server import Handler

if TYPE_CHECKING:
    from adamant.node.debug.service import Debug
    from adamant.node.reset.service import Reset
    from adamant.node.resources.answers import Resources

_REVOKED_SECONDS = 2.0
"""How long a list of revoked certificates is taken from before the config is looked at again."""


class Machine(NamedTuple):
    """What handlers answer for: the machine below `root`."""

    root: Path
    state: Path
    """Where the state partition is mounted."""
    events: Events
    health: Health
    configuring: Configuring
    keys: Callable[[], Keys]
    served: Callable[[], tuple[int, int]]
    """When the agent's process began and when it served, in microseconds of the monotonic clock."""
    next_look: Callable[[], float]
    """When the next look for a release is, in seconds since the Unix epoch; 0 when there is none."""


def table(machine: Machine) -> dict[str, Handler]:
    """The handlers that look at the machine and act on it, by the names of their methods."""
    root, events = machine.root, machine.events
    shown = _resources(machine)
    late = _Late(root, events)
    return {
        "Version": lambda _request, _call: _version(root),
        "Health": lambda _request, _call: machine.health.answer(),
        "Boot": lambda _request, _call: _boot(machine),
        "Events": lambda request, call: events.follow(
            request.after, request.kinds, request.last, wait=request.follow, alive=call.alive
        ),
        "Logs": _logs,
        "List": lambda request, _call: _files().list_(request, root),
        "Read": lambda request, _call: _files().read(request, root),
        "Drift": lambda _request, _call: _drift(root),
        "DriftText": lambda request, _call: _drift_text(request, root),
        "Attest": lambda request, _call: _attesting().attest(request),
        "Activate": lambda request, _call: _attesting().activate(request),
        "Encryption": lambda _request, _call: _encrypting().volumes(root),
        "RecoveryKey": lambda request, _call: _encrypting().recovery_key(request, root),
        "Reseal": lambda request, _call: _encrypting().reseal(request, root),
        "Recover": lambda request, call: _recover(root, events, request, call),
        "Capture": _capture,
        "Crashes": lambda _request, _call: _crash().list_(machine.state),
        "Crash": lambda request, _call: _crash().show(request, machine.state),
        "Kinds": lambda _request, _call: shown().kinds(),
        "Get": lambda request, _call: shown().get(request),
        "Watch": lambda request, call: shown().watch(request, call.alive),
        "Service": lambda request, call: _service(events, request, call),
        "Reboot": lambda request, call: _power().reboot(root, events, request, call),
        "Shutdown": lambda request, call: _power().shutdown(root, events, request, call),
        "ResetPreview": lambda request, call: late.reset().preview(request, call),
        "Reset": lambda request, call: late.reset().reset(request, call),
        "Debug": lambda requests, call: late.debug().answer(requests, call),
        "Upgrade": lambda request, call: _upgrade().answer(request, call, root, events),
        "UpgradeFrom": lambda requests, call: _upgrade().answer_from(requests, call, root, events),
        **machine.configuring.handlers(),
    }


def configured(configuring: Configuring, root: Path) -> Callable[[], Sequence[Check]]:
    """The health checks of the config, made anew at each call; none while there is no config."""

    def run() -> Sequence[Check]:
        config = configuring.machine()
        if config is None or not config.health:
            return ()
        from adamant.node import probes  # noqa: PLC0415 - few machines have such checks

        return probes.run(config.health, root)

    return run


def certificate_names(configuring: Configuring) -> Callable[[], Sequence[str]]:
    """The names and addresses that the config adds to the node's next certificate."""

    def names() -> Sequence[str]:
        config = configuring.machine()
        return config.certificates.names if config else ()

    return names


class Revoked:
    """Fingerprints of certificates that the config revokes, as the server asks for them at each call."""

    def __init__(self, configuring: Configuring, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._configuring = configuring
        self._monotonic = monotonic
        self._until = 0.0
        self._listed: Collection[str] = frozenset()

    def __call__(self) -> Collection[str]:
        """The list, at most two seconds old."""
        if self._monotonic() >= self._until:
            with contextlib.suppress(AdamantError):  # a config that cannot be read revokes what it revoked before
                config = self._configuring.machine()
                self._listed = frozenset(r.fingerprint for r in config.certificates.revoked) if config else frozenset()
            self._until = self._monotonic() + _REVOKED_SECONDS
        return self._listed


def _version(root: Path) -> Any:
    from adamant.node import version  # noqa: PLC0415 - nobody waits for it at boot

    return version.answer(root)


def _boot(machine: Machine) -> Any:
    from adamant.node import boot  # noqa: PLC0415 - nobody waits for it at boot

    return boot.answer(machine.root, boot.Served(*machine.served()), time.monotonic_ns() // 1000)


def _logs(request: Any, call: Any) -> Any:
    from adamant.node import journal  # noqa: PLC0415 - nobody waits for it at boot

    return journal.answer(request, call)


def _resources(machine: Machine) -> "Callable[[], Resources]":
    """What shows resources, made when it is asked for the first time."""
    lock = threading.Lock()
    made: list[Resources] = []

    def trusted() -> dict[str, bytes]:
        keys = machine.keys()
        return {"node": keys.certificate, "authority": keys.ca}

    def shown() -> "Resources":
        with lock:
            if not made:
                from adamant.node.resources import answers, found  # noqa: PLC0415 - nobody waits for it at boot

                sources = found.Sources(
                    machine.root,
                    lambda: _boot(machine),
                    machine.health.answer,
                    trusted,
                    next_look=machine.next_look,
                )
                made.append(answers.Resources(sources))
            return made[0]

    return shown


def _upgrade() -> Any:
    from adamant.node import upgrade  # noqa: PLC0415 - nobody waits for it at boot

    return upgrade


def _files() -> Any:
    from adamant.node import files  # noqa: PLC0415 - nobody waits for it at boot

    return files


def _drift(root: Path) -> Any:
    from adamant.node.drift import service  # noqa: PLC0415 - nobody waits for it at boot

    return service.answer(root)


def _drift_text(request: Any, root: Path) -> Any:
    from adamant.node.drift import text  # noqa: PLC0415 - nobody waits for it at boot

    return text.answer(request, root)


def _capture(request: Any, call: Any) -> Any:
    from adamant.node import capture  # noqa: PLC0415 - nobody waits for it at boot

    return capture.answer(request, call)


def _attesting() -> Any:
    from adamant.node import attesting  # noqa: PLC0415 - nobody waits for it at boot

    return attesting


def _encrypting() -> Any:
    from adamant.node import encrypting  # noqa: PLC0415 - nobody waits for it at boot

    return encrypting


def _recover(root: Path, events: Events, request: Any, call: Any) -> Any:
    return _encrypting().recover(request, root, lambda: _power().after_recovery(events, call.who.name))


def _crash() -> Any:
    from adamant.node import crash  # noqa: PLC0415 - nobody waits for it at boot

    return crash


def _service(events: Events, request: Any, call: Any) -> Any:
    from adamant.node import services  # noqa: PLC0415 - nobody waits for it at boot

    return services.act(events, request, call)


def _power() -> Any:
    from adamant.node import power  # noqa: PLC0415 - nobody waits for it at boot

    return power


class _Late:
    """What is made when it is first asked for, and kept: it knows something from one call to the next."""

    def __init__(self, root: Path, events: Events) -> None:
        self._given = root, events
        self._lock = threading.Lock()
        self._reset: Reset | None = None
        self._debug: Debug | None = None

    def reset(self) -> "Reset":
        with self._lock:
            if self._reset is None:
                from adamant.node.reset.service import Reset  # noqa: PLC0415 - nobody waits for it at boot

                self._reset = Reset(*self._given)
            return self._reset

    def debug(self) -> "Debug":
        with self._lock:
            if self._debug is None:
                from adamant.node.debug.service import Debug  # noqa: PLC0415 - nobody waits for it at boot

                self._debug = Debug(*self._given)
            return self._debug
