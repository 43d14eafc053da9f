"""The table of handlers: what answers each method of the API on this machine.

A room is imported at its first call, so that the agent serves before it has loaded what no boot waits for, and keeps in
memory what somebody asks for. No handler says who may call it: that is for `adamant.api.methods`.
"""

import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from adamant.node.configuring import Configuring
from adamant.node.events import Events
from adamant.node.health import Health
from adamant.node.identity import Keys
from adamant.node.server import Handler

if TYPE_CHECKING:
    from adamant.node.resources.answers import Resources

_REVOKED_SECONDS = 2.0
"""How long a list of revoked certificates is taken from before the config is looked at again."""


class Machine(NamedTuple):
    """What handlers answer for: the machine below `root`."""

    root: Path
    events: Events
    health: Health
    configuring: Configuring
    keys: Callable[[], Keys]
    served: Callable[[], tuple[int, int]]
    """When the agent's process began and when it served, in microseconds of the monotonic clock."""


def table(machine: Machine) -> dict[str, Handler]:
    """The handlers that look at the machine and act on it, by the names of their methods."""
    root, events = machine.root, machine.events
    shown = _resources(machine)
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
        "Kinds": lambda _request, _call: shown().kinds(),
        "Get": lambda request, _call: shown().get(request),
        "Watch": lambda request, call: shown().watch(request, call.alive),
        "Upgrade": lambda request, call: _upgrade(request, call, root, events),
        **machine.configuring.handlers(),
    }


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

                sources = found.Sources(machine.root, lambda: _boot(machine), machine.health.answer, trusted)
                made.append(answers.Resources(sources))
            return made[0]

    return shown


def _upgrade(request: Any, call: Any, root: Path, events: Events) -> Any:
    from adamant.node import upgrade  # noqa: PLC0415 - nobody waits for it at boot

    return upgrade.answer(request, call, root, events)


def _files() -> Any:
    from adamant.node import files  # noqa: PLC0415 - nobody waits for it at boot

    return files
