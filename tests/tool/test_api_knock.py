"""A node that is still booting is reached as soon as it can be, whatever became of the first packets."""

import datetime
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from adamant.api import client, methods, pki
from adamant.api import node_pb2 as pb
from adamant.api.identity import Role
from adamant.api.knock import Knocking
from adamant.api.pki import Credentials
from adamant.model.errors import AdamantError
from adamant.node import server
from adamant.node.events import Events

_SECONDS = 60.0
NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
_MARY = pki.issue_client(CA, "mary", Role.READER, NOW)
READER = Credentials(CA.certificate, _MARY.certificate, _MARY.key)


def _nothing(_request: Any, _call: Any) -> Any:
    raise AdamantError("nothing", "this node answers nothing else")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A node that says its version."""
    table: dict[str, server.Handler] = dict.fromkeys(methods.BY_NAME, _nothing)
    table["Version"] = lambda _request, _call: pb.VersionResponse(hostname="m1")
    keys = pki.issue_node(CA, ["m1"], NOW)
    running, port = server.start(table, Events(), "127.0.0.1:0", CA.certificate, keys.certificate, keys.key)
    yield f"127.0.0.1:{port}"
    running.stop(None).wait()


class Deaf:
    """A port whose first connections are taken, as QEMU's user network takes them, and lead nowhere; later ones reach
    `target`."""

    def __init__(self, target: tuple[str, int], deaf: int) -> None:
        self.taken = 0
        self._target, self._deaf = target, deaf
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.taken += 1
            self._open.append(near)
            if self.taken > self._deaf:
                far = socket.create_connection(self._target)
                self._open.append(far)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(1 << 16):
            other.sendall(data)
    except OSError:
        pass


@contextmanager
def deaf(address: str, count: int) -> Iterator[Deaf]:
    port = Deaf(client.parse_address(address), count)
    try:
        yield port
    finally:
        port.close()


def reached(knocking: Knocking) -> client.Node:
    end = time.monotonic() + _SECONDS
    while (node := knocking.node()) is None:
        assert time.monotonic() < end, "nobody was reached"
        time.sleep(0.01)
    return node


@pytest.mark.parametrize("lost", [0, 1, 3])
def test_a_connection_that_leads_nowhere_holds_up_no_later_one(address: str, lost: int) -> None:
    with (
        deaf(address, lost) as port,
        Knocking(lambda: client.connect(port.address, READER), 0.2) as knocking,
    ):
        node = reached(knocking)
        assert node.version().hostname == "m1"
        assert knocking.node() is node
        assert port.taken > lost


def test_no_more_connections_than_eight_are_under_way() -> None:
    made: list[client.Node] = []

    def make() -> client.Node:
        made.append(client.connect(silent.address, READER))
        return made[-1]

    with deaf("127.0.0.1:1", 1000) as silent, Knocking(make, 0.0) as knocking:
        for _ in range(20):
            assert knocking.node() is None
        assert len(knocking._tries) == 8
