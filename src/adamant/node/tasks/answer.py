"""Where a task's data goes: to the agent, in the frames that `task.py` describes."""

import json
import select
import socket
from collections.abc import Callable, Mapping
from typing import Any

from adamant.core import limits
from adamant.node.tasks.task import DATA, END, HEADER

Work = Callable[[Mapping[str, Any], "Answer"], Mapping[str, Any]]
"""What a task does: from the request and where data goes to the trailer."""


class GoneError(Exception):
    """The agent has hung up: nobody wants the rest."""


class Answer:
    """Where the data of a task goes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, data: bytes) -> None:
        """Send data. It waits while the agent's client takes none. Raises GoneError."""
        for at in range(0, len(data), limits.TASK_FRAME):
            self._frame(DATA, data[at : at + limits.TASK_FRAME])

    def end(self, trailer: Mapping[str, Any]) -> None:
        """Say the last word."""
        self._frame(END, json.dumps(trailer).encode())

    def gone(self) -> bool:
        """Whether the agent has hung up."""
        poll = select.poll()
        poll.register(self._connection, select.POLLRDHUP)
        return bool(poll.poll(0))

    def fileno(self) -> int:
        """The socket, to be watched for POLLRDHUP beside what else a task waits for."""
        return self._connection.fileno()

    def _frame(self, kind: bytes, data: bytes) -> None:
        try:
            self._connection.sendall(HEADER.pack(kind, len(data)) + data)
        except OSError as error:
            raise GoneError from error
