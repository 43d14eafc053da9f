"""Asks one node again and again, in a thread of its own, and keeps the last snapshot of it.

A node that does not answer is asked again; its keys are read anew each time, because a machine that was made again has
others. Nothing here raises to the caller: what went wrong stands in the snapshot.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol

from adamant.api.logs import LogEntry
from adamant.api.resources import Resources
from adamant.api.types import Boot, Event, Health, Version
from adamant.cli.node.dashboard import load
from adamant.cli.node.dashboard.snapshot import Gauge, Service, Snapshot
from adamant.model.errors import AdamantError

_SILENT = ("method-unknown", "not-authorised", "program-failed", "program-not-started")
"""Errors of a node that gives no log, or none to this client: the rest is shown all the same."""
_NOT_TOLD = ("method-unknown", "not-authorised", "resource-kind", "resource-unreadable")
"""Errors of a node that does not tell of its load, or not to this client: the rest is shown all the same."""
_SLOW_ROUNDS = 5
"""What costs a node more, and changes less, is asked for once in so many rounds."""

EVENTS = 200
"""Events of a node that are kept."""
LOG = 200
"""Entries of its log."""

ReadLog = Callable[[Any, str], Sequence[LogEntry]]
"""Entries of a node's log behind a cursor; the last ones, when it is empty."""


class Asked(Protocol):
    """What the poller asks a node for; `api.client.Node` is one."""

    def version(self) -> Version:
        """What runs there."""
        ...

    def health(self) -> Health:
        """Every check."""
        ...

    def boot(self) -> Boot:
        """How it was booted."""
        ...

    def events(self, *, last: int = 0) -> Iterable[Event]:
        """The `last` events, oldest first."""
        ...

    def get(self, kind: str) -> Resources:
        """The resources of a kind."""
        ...


class Poller:
    """Polls the node that `connect` opens, every `seconds`. Its thread calls `changed` at each new snapshot."""

    def __init__(
        self,
        name: str,
        address: str,
        connect: Callable[[], AbstractContextManager[Asked]],
        changed: Callable[[], object],
        seconds: float,
        read_log: ReadLog,
    ) -> None:
        self._connect = connect
        self._changed = changed
        self._seconds = seconds
        self._read_log = read_log
        self._log_wanted = False
        self._ended = False
        self._turn = threading.Event()
        self._snapshot = Snapshot(name, address)
        self._thread = threading.Thread(target=self._run, name=f"poll {name}", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def end(self) -> None:
        """Poll no more. A question under way is not waited for."""
        self._ended = True
        self._turn.set()

    def want_log(self, wanted: bool) -> None:
        """Ask for the log as well, from now on, or no more: it costs a node a process each time."""
        if wanted and not self._log_wanted:
            self._turn.set()
        self._log_wanted = wanted

    def snapshot(self) -> Snapshot:
        """The node as it last answered."""
        return self._snapshot

    def _run(self) -> None:
        while not self._ended:
            try:
                with self._connect() as node:
                    self._follow(node)
            except AdamantError as error:
                self._failed(f"{error.message} [{error.reference}]")
            except Exception as error:  # a thread that died unseen would show an old picture for ever
                self._failed(f"a bug of the dashboard: {type(error).__name__}: {error}")
            self._wait()

    def _follow(self, node: Asked) -> None:
        """Ask until it fails. What cannot change while an agent runs is asked once for each connection and boot."""
        version, boot = node.version(), node.boot()
        burden = _Load(node)
        while not self._ended:
            health = node.health()
            newest = tuple(node.events(last=1))
            if newest != self._snapshot.events[-1:]:
                if newest and self._snapshot.events[-1:] and newest[0].agent_id != self._snapshot.events[-1].agent_id:
                    version, boot = node.version(), node.boot()
                newest = tuple(node.events(last=EVENTS))
            else:
                newest = self._snapshot.events
            self._put(
                replace(
                    self._snapshot,
                    at=time.time(),
                    error="",
                    error_since=0.0,
                    version=version,
                    boot=boot,
                    health=health,
                    events=newest,
                )
            )
            # What takes a node longer keeps nobody from seeing how it is.
            self._put(replace(self._snapshot, log=self._log(node), **burden.ask()))
            self._wait()

    def _log(self, node: Asked) -> tuple[LogEntry, ...]:
        known = self._snapshot.log
        if not self._log_wanted:
            return known
        try:
            found = self._read_log(node, known[-1].cursor if known else "")
        except AdamantError as error:
            if error.reference not in _SILENT:
                raise
            return ()
        return (*known, *found)[-LOG:]

    def _wait(self) -> None:
        self._turn.wait(self._seconds)
        if not self._ended:
            self._turn.clear()

    def _failed(self, error: str) -> None:
        since = self._snapshot.error_since or time.time()
        self._put(replace(self._snapshot, error=error, error_since=since))

    def _put(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._changed()


class _Load:
    """The load of a node over one connection: some of it is what changed since the answer before."""

    def __init__(self, node: Asked) -> None:
        self._node = node
        self._told = True
        self._round = 0
        self._cpu: load.Values = {}
        self._disks: list[Gauge] = []
        self._services: tuple[Service, ...] = ()

    def ask(self) -> dict[str, Any]:
        """Fields of a snapshot; none when the node does not tell."""
        try:
            return self._ask() if self._told else {}
        except AdamantError as error:
            if error.reference not in _NOT_TOLD:
                raise
            self._told = False
            return {"gauges": (), "services": ()}

    def _ask(self) -> dict[str, Any]:
        if self._round % _SLOW_ROUNDS == 0:
            self._disks = load.disks(self._node.get("disk-usage").resources)
            self._services = load.services(self._node.get("services").resources)
        self._round += 1
        before, self._cpu = self._cpu, load.actual(self._node.get("cpu").resources, "all")
        memory = load.memory(load.actual(self._node.get("memory").resources, "memory"))
        gauges = (load.processors(before, self._cpu), memory, load.pressure(self._node.get("pressure").resources))
        return {"gauges": (*filter(None, gauges), *self._disks), "services": self._services}
