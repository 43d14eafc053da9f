"""PID 1 as far as updates are concerned: a program that runs when it is started, and a machine that goes down."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from adamant.model.errors import AdamantError
from adamant.node.systemd import Systemd, Unit, Verb
from adamant.node.update import asking, state, trial

Program = Callable[[Path, state.Request], state.Progress]


class Pid1:
    """What systemd would know of the machine below `root`. `program` is the program that updates."""

    def __init__(self, root: Path, program: Program) -> None:
        self.root = root
        self.program = program
        self.requests: list[state.Request] = []
        self.downs: list[str] = []
        self.running = False
        self.silent = False
        self.healthy = Unit(trial.UNIT, "loaded", "active", "running", "/healthy")
        self.ended = (0, 0)
        """When the judge of the release ended, and with which status."""

    def connect(self) -> Systemd:
        """A connection."""
        return _Connection(self)


class _Connection(Systemd):
    def __init__(self, machine: Pid1) -> None:
        if machine.silent:
            raise AdamantError("systemd-silent", "systemd cannot be asked")
        self._machine = machine

    def __exit__(self, *_: object) -> None:
        pass

    def units(self, _states: Sequence[str], patterns: Sequence[str]) -> list[Unit]:
        if list(patterns) == [trial.UNIT]:
            return [self._machine.healthy]
        assert list(patterns) == [asking.UNIT]
        return [Unit(asking.UNIT, "loaded", "active", "running", "/update")] if self._machine.running else []

    def get(self, wanted: Sequence[tuple[str, str, str]]) -> list[Any]:
        assert {path for path, _, _ in wanted} == {"/healthy"}
        return list(self._machine.ended)

    def manager(self, *_names: str) -> list[Any]:
        return ["running"]

    def act(self, verb: Verb, unit: str) -> None:
        assert (verb, unit) == ("start", asking.UNIT)
        request = state.read_request(self._machine.root)
        self._machine.requests.append(request)
        state.tell(self._machine.root, self._machine.program(self._machine.root, request))

    def enqueue(self, verb: Verb, unit: str, mode: str) -> None:
        assert (verb, mode) == ("start", "replace-irreversibly")
        self._machine.downs.append(unit)
