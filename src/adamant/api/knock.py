"""Reach a node that is still booting, as soon as it can be reached.

A connection whose first packet comes while the machine has no address yet is only tried again after seconds (RFC 6298
begins with one and doubles it; QEMU's user network waits six). So one more connection begins every now and then, none
is broken off, and the first that comes about is taken: a handshake with a slow machine has all the time it needs.
"""

import time
import types
from collections.abc import Callable
from typing import NamedTuple

import grpc

from adamant.api.client import Node

_MOST = 8
"""Connections under way at once."""


class _Try(NamedTuple):
    node: Node
    ready: "grpc.Future[None]"


class Knocking:
    """Connections to one node that does not answer yet. Close it, or use it as a context manager.

    `make` makes a connection, which nothing has been sent over; `seconds` lie between two of them.
    """

    def __init__(self, make: Callable[[], Node], seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._make, self._seconds, self._clock = make, seconds, clock
        self._tries: list[_Try] = []
        self._began = 0.0
        self._found: Node | None = None

    def __enter__(self) -> "Knocking":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.close()

    def node(self) -> Node | None:
        """The node once a connection has come about, which stays the same from then on; None before.

        It does not wait: call it again and again.
        """
        if self._found is None:
            self._found = next((each.node for each in self._tries if each.ready.done()), None)
            if self._found is not None:
                self._drop(*(each for each in self._tries if each.node is not self._found))
                self._tries = []
            elif not self._tries or self._clock() - self._began >= self._seconds:
                self._begin()
        return self._found

    def close(self) -> None:
        """End every connection."""
        self._drop(*self._tries)
        self._tries = []
        if self._found is not None:
            self._found.close()

    def _begin(self) -> None:
        self._began = self._clock()
        node = self._make()
        self._tries.append(_Try(node, node.connecting()))
        while len(self._tries) > _MOST:
            self._drop(self._tries.pop(0))

    @staticmethod
    def _drop(*tries: _Try) -> None:
        for each in tries:
            each.ready.cancel()
            each.node.close()
