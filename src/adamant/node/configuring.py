"""The agent's hold on the config: opens it when the state partition is there, and looks after it from then on.

It is loaded with the agent and loads nothing: the room `config` comes with the first thing that there is to do.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamant.core import files, limits
from adamant.model.errors import BusyError
from adamant.node.calls import Call
from adamant.node.events import Events

if TYPE_CHECKING:
    from adamant.model.machine.document import Machine
    from adamant.node.config.service import Service

METHODS = ("Config", "ConfigHistory", "ConfigStatus", "ConfigPlan", "ConfigApply", "ConfigConfirm")
CREDENTIAL = "adamant.config"
_STATE = "state"
_JOURNAL = "state/adamant/config/journal.json"
_BOOTED = "run/adamant/config/booted"
_LOOK_SECONDS = 1.0


class Configuring:
    """The config of the machine below `root`. `passed` says that the machine got one with its credentials."""

    def __init__(self, root: Path, events: Events, *, passed: bool) -> None:
        self._root = root
        self._events = events
        self._passed = passed
        self._service: Service | None = None
        self._lock = threading.Lock()
        self._woken = threading.Event()

    def handlers(self) -> dict[str, Callable[[Any, Call], Any]]:
        """What answers the methods of the config."""

        def make(name: str) -> Callable[[Any, Call], Any]:
            def answer(request: Any, call: Call) -> Any:
                return self._opened().handler(name)(request, call)

            return answer

        return {name: make(name) for name in METHODS}

    def start(self, changed: Callable[[], None] = lambda: None) -> None:
        """Begin to look after the config. `changed` is called when there is one, and when it is another one."""
        threading.Thread(target=self._run, args=(changed,), name="config", daemon=True).start()

    def machine(self) -> "Machine | None":
        """The config that belongs on the machine now, for rooms that read theirs from it; None when it has none.

        It is decoded anew at each call.
        """
        with self._lock:
            return self._service.machine() if self._service else None

    def _mounted(self) -> bool:
        """Whether the state partition is there, as this process sees it."""
        try:
            return (self._root / _STATE).stat().st_dev != self._root.stat().st_dev
        except OSError:
            return False

    def _has_config(self) -> bool:
        return self._passed or (self._root / _JOURNAL).exists()

    def _open(self) -> "Service":
        from adamant.node.config import service  # noqa: PLC0415 - loads the types of documents

        made = service.Service(self._root, self._events, self._woken.set)
        # An agent that is started again in this boot has nothing to wait for.
        booted = self._root / _BOOTED
        booted.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomic(booted, b"", durable=False)
        return made

    def _opened(self) -> "Service":
        """The service over the open store. Raises BusyError `config-not-ready`."""
        with self._lock:
            if self._service is None:
                if not self._mounted() or self._has_config():
                    raise BusyError(
                        "config-not-ready",
                        "the machine's state is not there yet",
                        hint="try again in a moment: adamant node health says when",
                    )
                self._service = self._open()
                self._service.resume()
            return self._service

    def _run(self, changed: Callable[[], None]) -> None:
        while not self._mounted():
            time.sleep(_LOOK_SECONDS)
        if self._has_config():
            until = time.monotonic() + limits.CONFIG_BOOT_SECONDS
            while not (self._root / _BOOTED).exists() and time.monotonic() < until:
                time.sleep(_LOOK_SECONDS)
            with self._lock:
                made = self._service = self._open()
            made.resume()
        seen: int | None = None
        while True:
            # Before the first wait too: a trial may have begun before this process did.
            seconds = self._service.tend() if self._service else None
            if self._service is not None and self._service.generation() != seen:
                seen = self._service.generation()
                changed()
            self._woken.wait(seconds)
            self._woken.clear()
