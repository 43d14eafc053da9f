"""The agent under load: 200 callers at once lose nothing and its memory stays flat; a slow way to it is a way too."""

import contextlib
import datetime
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from adamant.api import client, keys_pb2, pki
from adamant.api import types as events
from adamant.api.identity import Role
from adamant.api.pki import Credentials
from adamant.api.resources import Change, Watched
from adamant.model.errors import AdamantError
from adamant.node.identity import CREDENTIALS
from benchmarks import callers
from benchmarks.measure import memory

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)
_PAIR = pki.issue_client(CA, "mary", Role.READER, NOW)
READER = Credentials(CA.certificate, _PAIR.certificate, _PAIR.key)

_PAIR = pki.issue_client(CA, "john", Role.READER, NOW)
FOLLOWER = Credentials(CA.certificate, _PAIR.certificate, _PAIR.key)

CALLERS = 200
FOLLOWERS = 4
WATCHERS = 4
SECONDS = 60.0
FLAT = 4 << 20
"""By how much the second half may take more than the first: a call that kept 1 KiB would take more."""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A real agent on this computer that serves: its process id and its port."""
    keys = tmp_path / "keys"
    keys.mkdir()
    for name, data in zip(CREDENTIALS, (CA.certificate, NODE.certificate, NODE.key), strict=True):
        (keys / name).write_bytes(data)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "CREDENTIALS_DIRECTORY": str(keys),
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "MALLOC_ARENA_MAX": "2",  # as its unit has it
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        command = [sys.executable, "-m", "adamant.node.agent", "--address", f"127.0.0.1:{port}"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
            try:
                assert manager.recv(100) == b"READY=1"
                yield process.pid, port
            finally:
                process.kill()


def _services() -> str:
    """The kind that systemd is asked for; on a computer without systemd, one that the kernel tells."""
    return "services" if Path("/proc/1/comm").read_text() == "systemd\n" else "mounts"


class _Open:
    """Streams that are read as long as the test lasts: what came, and what ended them."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def read(self, stream: Generator[Any], keep: Callable[[Any], object]) -> None:
        def run() -> None:
            try:
                for found in stream:
                    keep(found)
                self.ended.append("the node")
            except Exception as error:
                self.ended.append(repr(error))

        threading.Thread(target=run, daemon=True).start()


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_200_callers_at_once_for_a_minute_lose_nothing_and_the_memory_stays_flat(agent: tuple[int, int]) -> None:
    pid, port = agent
    address = f"127.0.0.1:{port}"
    kind = _services()
    asked = itertools.count()
    questions: tuple[Callable[[client.Node], object], ...] = (
        lambda node: node.version(),
        lambda node: node.health(),
        lambda node: node.get(kind),
    )

    def ask(node: client.Node) -> None:
        assert questions[next(asked) % len(questions)](node)

    open_ = _Open()
    heard: list[list[events.Event]] = [[] for _ in range(FOLLOWERS)]
    ready: list[int] = []
    seen: list[set[str]] = [set() for _ in range(WATCHERS)]
    with contextlib.ExitStack() as connections:

        def connect() -> client.Node:
            return connections.enter_context(client.connect(address, FOLLOWER))

        for each in heard:
            open_.read(connect().events(follow=True, kinds=[events.EventKind.CALL]), each.append)
        for names in seen:

            def keep(change: Watched, names: set[str] = names) -> None:
                if change.change is Change.READY:
                    ready.append(1)
                elif change.resource is not None:
                    names.add(change.resource.name)

            open_.read(connect().watch("sockets"), keep)
        _until(lambda: len(ready) == WATCHERS, "the watches begin")
        # Threads, connections and modules come with the first callers and stay: that is no growth.
        callers.many(address, READER, CALLERS, 5.0, ask)

        samples: list[tuple[float, int]] = []
        refused = 0
        ended = threading.Event()

        def look() -> None:
            nonlocal refused
            with client.connect(address, FOLLOWER) as node:
                while not ended.wait(0.2):
                    samples.append((time.monotonic(), memory(pid).resident))
                    if len(samples) % 5 == 0:  # what a reader may not do is an event
                        with pytest.raises(AdamantError, match="not-authorised"):
                            node.call("NewKey", keys_pb2.NewKeyRequest())
                        refused += 1

        looker = threading.Thread(target=look)
        looker.start()
        begin = time.monotonic()
        try:
            got = callers.many(address, READER, CALLERS, SECONDS, ask)
        finally:
            ended.set()
            looker.join()
        assert not got.errors
        assert got.answered >= 2 * CALLERS
        first = max(size for at, size in samples if at - begin <= SECONDS / 2)
        second = max(size for at, size in samples if at - begin > SECONDS / 2)
        assert second - first <= FLAT, f"{first} bytes became {second} over {got.answered} calls"

        # Streams that were open all the time have missed nothing, and go on.
        assert refused > 5
        _until(lambda: all(len(each) >= refused for each in heard), "every event reaches every follower")
        for each in heard:
            numbers = [event.sequence for event in each]
            assert numbers == sorted(set(numbers))
            assert not any(event.missed for event in each)
        with socket.create_server(("127.0.0.1", 0)) as new:
            name = f"127.0.0.1:{new.getsockname()[1]}"
            _until(lambda: all(any(name in one for one in names.copy()) for names in seen), "watches see a new socket")
        assert open_.ended == []
        with client.connect(address, READER) as node:
            assert node.version().kernel == os.uname().release


@contextlib.contextmanager
def _slow_way(port: int, seconds: float) -> Iterator[str]:
    """An address that leads to `port`, on which each connection waits for `seconds` before anything passes."""
    with socket.create_server(("127.0.0.1", 0)) as entrance:

        def pipe(source: socket.socket, sink: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(1 << 16):
                    sink.sendall(data)
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    near, _ = entrance.accept()
                    time.sleep(seconds)
                    far = socket.create_connection(("127.0.0.1", port))
                    for pair in ((near, far), (far, near)):
                        threading.Thread(target=pipe, args=pair, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{entrance.getsockname()[1]}"
        entrance.shutdown(socket.SHUT_RDWR)


def test_a_node_at_the_end_of_a_slow_way_is_reached_at_the_first_call(agent: tuple[int, int]) -> None:
    with _slow_way(agent[1], 1.5) as address, client.connect(address, READER) as node:
        assert node.version().kernel == os.uname().release
