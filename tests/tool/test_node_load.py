"""The agent under load: 200 callers at once lose nothing and its memory stays flat; a slow way to it is a way too."""

import contextlib
import datetime
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adamant.api import client, pki
from adamant.api.identity import Role
from adamant.api.pki import Credentials
from adamant.node.identity import CREDENTIALS
from benchmarks import callers
from benchmarks.measure import memory

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)
_PAIR = pki.issue_client(CA, "mary", Role.READER, NOW)
READER = Credentials(CA.certificate, _PAIR.certificate, _PAIR.key)

CALLERS = 200
SECONDS = 15.0
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


def test_200_callers_at_once_lose_nothing_and_the_memory_stays_flat(agent: tuple[int, int]) -> None:
    pid, port = agent
    address = f"127.0.0.1:{port}"
    # Threads and connections come with the first callers and stay: that is no growth.
    callers.many(address, READER, CALLERS, 3.0, lambda node: node.version())
    samples: list[tuple[float, int]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            samples.append((time.monotonic(), memory(pid).resident))

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin = time.monotonic()
    try:
        got = callers.many(address, READER, CALLERS, SECONDS, lambda node: node.version())
    finally:
        ended.set()
        watcher.join()
    assert not got.errors
    assert got.answered >= CALLERS
    first = max(size for at, size in samples if at - begin <= SECONDS / 2)
    second = max(size for at, size in samples if at - begin > SECONDS / 2)
    assert second - first <= FLAT, f"{first} bytes became {second} over {got.answered} calls"
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
