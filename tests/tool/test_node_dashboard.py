"""The dashboard on a real terminal, with nodes that come and go: it shows them, and leaves the terminal as it was."""

import contextlib
import datetime
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adamant.api import events_pb2, logs_pb2, methods, pki, resources_pb2
from adamant.api import node_pb2 as pb
from adamant.api.identity import Role
from adamant.core import files
from adamant.node import server
from adamant.node.calls import Call
from adamant.node.events import Events

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
READER = pki.issue_client(CA, "mary", Role.READER, NOW)

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


@dataclass
class Machine:
    """A node of this test: its name, where it serves, and how it is."""

    name: str
    port: int
    bus: Events = field(default_factory=Events)
    healthy: bool = True
    running: Any = None

    def start(self) -> None:
        handlers: dict[str, Any] = dict.fromkeys(methods.BY_NAME, self._nothing)
        handlers |= {
            "Version": lambda _request, _call: pb.VersionResponse(image=f"image-of-{self.name}", image_version="1"),
            "Boot": lambda _request, _call: pb.BootResponse(slot="usr-a"),
            "Health": self._health,
            "Events": self._events,
            "Logs": self._logs,
            "Get": self._get,
        }
        pair = pki.issue_node(CA, [self.name], NOW)
        address = f"127.0.0.1:{self.port}"
        self.running, self.port = server.start(handlers, self.bus, address, CA.certificate, pair.certificate, pair.key)

    def stop(self) -> None:
        if self.running is not None:
            self.running.stop(None).wait()
            self.running = None

    def _nothing(self, _request: Any, _call: Call) -> Any:
        raise AssertionError("the dashboard asked for what this test does not answer")

    def _get(self, request: pb.GetRequest, _call: Call) -> pb.GetResponse:
        found = []
        if request.kind == "memory":
            memory = resources_pb2.Memory(total_bytes=2 << 30, available_bytes=512 << 20)
            found = [pb.Resource(name="memory", actual=pb.Spec(memory=memory))]
        return pb.GetResponse(kind=pb.Kind(name=request.kind), resources=found)

    def _health(self, _request: pb.HealthRequest, _call: Call) -> pb.HealthResponse:
        state = pb.CHECK_STATE_OK if self.healthy else pb.CHECK_STATE_FAILING
        check = pb.HealthCheck(name="network", state=state, message=f"{self.name} was looked at")
        return pb.HealthResponse(overall=state, checks=[check])

    def _logs(self, request: logs_pb2.LogsRequest, _call: Call) -> Iterator[logs_pb2.LogEntry]:
        if not request.after_cursor:
            yield logs_pb2.LogEntry(message=f"what {self.name} wrote down", identifier="x", cursor="1")

    def _events(self, request: events_pb2.EventsRequest, call: Call) -> Iterator[events_pb2.Event]:
        return self.bus.follow(0, (), request.last, wait=request.follow, alive=call.alive)


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Machine]]:
    """Two nodes that serve, and a context for each in a config folder of this test."""
    monkeypatch.setenv("ADAMANT_CONFIG", str(tmp_path))
    for name, data in (("ca", CA.certificate), ("crt", READER.certificate), ("key", READER.key)):
        files.write_atomic(tmp_path / name, data)
    found = [Machine("alpha", 0), Machine("beta", 0)]
    lines = ["contexts:\n"]
    for machine in found:
        machine.start()
        lines.append(f"  {machine.name}: {{address: '127.0.0.1:{machine.port}', ca: ca, certificate: crt, key: key}}\n")
    files.write_atomic(tmp_path / "config.yaml", "".join(lines).encode())
    yield found
    for machine in found:
        machine.stop()


def _environment() -> dict[str, str]:
    """That of the tests, without a size of theirs: the terminal's own counts."""
    return {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}


class Terminal:
    """A program on a pseudo terminal. `text` is all it wrote, `shown` what stands there now, without colours."""

    def __init__(self, *arguments: str, columns: int = 120, rows: int = 36) -> None:
        self._master, self._slave = os.openpty()
        termios.tcsetwinsize(self._master, (rows, columns))
        self.before = termios.tcgetattr(self._slave)
        self.text = ""
        self.program = subprocess.Popen(
            [sys.executable, "-m", "adamant.cli.main", *arguments],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**_environment(), "TERM": "xterm-256color"},
            start_new_session=True,
        )

    def read(self, seconds: float = 0.1) -> None:
        while select.select([self._master], [], [], seconds)[0]:
            self.text += os.read(self._master, 1 << 16).decode(errors="replace")

    def until(self, holds: Callable[[str], object]) -> None:
        """Wait until the last picture is one for which `holds`."""
        deadline = time.monotonic() + 60
        while not holds(self.shown):
            assert time.monotonic() < deadline, f"it never came to hold:\n{self.shown}"
            assert self.program.poll() is None, f"it ended:\n{self.text}"
            self.read()

    @property
    def shown(self) -> str:
        last = self.text.rpartition("\x1b[H")[2]
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", last)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def resize(self, columns: int, rows: int) -> None:
        termios.tcsetwinsize(self._master, (rows, columns))
        self.program.send_signal(signal.SIGWINCH)  # the kernel tells only who has it as controlling terminal

    def end(self) -> int:
        """The exit code. The terminal must be as it was."""
        deadline = time.monotonic() + 60
        while (code := self.program.poll()) is None:  # a full terminal would keep it from writing its last picture
            assert time.monotonic() < deadline, f"it did not end:\n{self.shown}"
            self.read()
        self.read()
        assert self.text.count(ENTER) == self.text.count(LEAVE) == 1
        assert self.text.rindex(LEAVE) > self.text.rindex(ENTER)
        assert self.text.rindex(SHOW) > self.text.rindex(HIDE)
        assert termios.tcgetattr(self._slave) == self.before
        return code

    def close(self) -> None:
        self.program.kill()
        self.program.wait()
        for end in (self._master, self._slave):
            os.close(end)


@contextlib.contextmanager
def terminal(machines: list[str], arguments: Iterable[str] = ()) -> Iterator[Terminal]:
    opened = Terminal("node", *machines, "dashboard", *arguments)
    try:
        yield opened
    finally:
        opened.close()


def test_machines_are_watched_and_chosen_and_one_that_went_away_comes_back(machines: list[Machine]) -> None:
    beta = machines[1]
    with terminal(["--all"], ["--interval", "1"]) as screen:
        screen.until(lambda text: "image-of-alpha" in text and "image-of-beta" in text and "alpha was looked" in text)
        screen.type(b"\x1b[B")
        screen.until(lambda text: "health of beta" in text and "beta was looked at" in text)
        screen.until(lambda text: "1.5 GiB of 2.0 GiB" in text)
        beta.bus.publish(events_pb2.EVENT_KIND_CONFIG, "generation 7 was applied")
        screen.until(lambda text: "generation 7 was applied" in text)
        screen.type(b"l")
        screen.until(lambda text: "logs of beta" in text and "what beta wrote down" in text)
        beta.healthy = False
        screen.until(lambda text: re.search(r"beta +failing", text))
        beta.stop()
        screen.until(lambda text: re.search(r"beta +down", text) and "[node-unreachable]" in text)
        assert re.search(r"alpha +ok", screen.shown)
        beta.healthy = True
        beta.start()
        screen.until(lambda text: re.search(r"beta +ok", text))
        screen.type(b"\t")
        screen.until(lambda text: "health of alpha" in text)
        screen.type(b"q")
        assert screen.end() == 0


def _size(text: str) -> tuple[int, int]:
    lines = text.splitlines()
    return max(map(len, lines), default=0), len(lines)


def test_it_follows_the_size_of_the_terminal(machines: list[Machine]) -> None:
    with terminal(["-c", "alpha"]) as screen:
        screen.until(lambda text: _size(text) == (120, 36) and "alpha was looked at" in text)
        screen.resize(60, 20)
        screen.until(lambda text: _size(text) == (60, 20))
        screen.type(b"q")
        assert screen.end() == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 128 + 15), (signal.SIGHUP, 128 + 1), (signal.SIGINT, 130)]
)
def test_the_terminal_is_as_it_was_however_it_ends(machines: list[Machine], number: signal.Signals, code: int) -> None:
    assert machines
    with terminal(["-c", "alpha"]) as screen:
        screen.until(lambda text: "alpha was looked at" in text)
        screen.program.send_signal(number)
        assert screen.end() == code


@pytest.mark.parametrize("without", ["terminal", "TERM"])
def test_without_a_terminal_it_says_what_to_use_instead(without: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb" if without == "TERM" else "xterm")
    command = [sys.executable, "-m", "adamant.cli.main", "node", "dashboard"]
    master, slave = os.openpty()
    try:
        plain: Any = subprocess.DEVNULL if without == "terminal" else slave
        answer = subprocess.run(command, stdin=plain, stdout=plain, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(master)
        os.close(slave)
    assert answer.returncode == 2
    assert "[terminal-missing]" in answer.stderr
    assert "adamant node health --json" in answer.stderr
