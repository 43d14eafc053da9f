"""A task: a short-lived process with rights of its own, that systemd starts when the agent connects to its socket.

The agent has few rights, and they stay few. What needs others (raw packets, another root, a disk) is a task: a socket
unit `adamant-NAME.socket` with `Accept=yes`, and a template `adamant-NAME@.service` that has just the rights of that
one job, its own memory and its own end. It costs nothing until it is asked for. To add one:

1. a module `node/tasks/NAME.py` with `work(request, send) -> trailer`, and its line in the table of `serve.py`;
2. both units below `data/every`: `ListenStream=/run/adamant/tasks/NAME`, `SocketMode=0600`, `MaxConnections=`,
   `StandardInput=socket`, `RuntimeMaxSec=`, and the smallest sandbox that it works in;
3. the socket's line in `house.STARTED`.

The conversation: the agent sends one line of JSON, the request, and keeps its side open. The task answers with frames:
a byte for the kind, four for the length (big endian), then as many bytes. `D` is data, `E` the end: a JSON object, the
trailer, or `{"error": {...}}` with the parts of an AdamantError. A task that ends without `E` has failed. When the
agent closes its side, the task ends: `send` raises, and a task that has nothing to send watches with `gone`.
"""

import json
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError

FOLDER = Path("/run/adamant/tasks")
DATA = b"D"
END = b"E"
HEADER = struct.Struct(">cI")
_ERRORS = {"input": InputError, "busy": BusyError}


class Task:
    """A task that runs. Iterate over it for its data; `trailer` is what it said at its end.

    `close` ends it, from any thread and as often as one likes; so does leaving it as a context manager.
    """

    def __init__(self, connection: socket.socket, name: str) -> None:
        self.trailer: Mapping[str, Any] = {}
        self._connection = connection
        self._name = name

    def __enter__(self) -> "Task":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._connection.close()

    def close(self) -> None:
        """Hang up: the task sees the end of its socket, and who reads here sees it as well."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has hung up before

    def __iter__(self) -> Iterator[bytes]:
        """Data of the task, as it comes.

        Raises the error that the task told, AdamantError `task-failed`, or BusyError `task-busy` when it has begun
        nothing, since no more of its kind may run.
        """
        while True:
            kind, size = HEADER.unpack(self._exactly(HEADER.size))
            if size > limits.TASK_FRAME or kind not in {DATA, END}:
                raise self._failed("it sent what is no answer")
            data = self._exactly(size)
            if kind == DATA:
                yield data
                continue
            self.trailer = self._end(data)
            return

    def _end(self, data: bytes) -> Mapping[str, Any]:
        try:
            trailer = json.loads(data)
        except (ValueError, RecursionError):
            trailer = None
        if not isinstance(trailer, dict):
            raise self._failed("it sent what is no answer")
        told = trailer.get("error")
        if told is None:
            return trailer
        if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
            raise self._failed("it sent what is no answer")
        kind = _ERRORS.get(told.get("kind", ""), AdamantError)
        raise kind(
            told.get("reference", "task-failed"),
            told.get("message", ""),
            context=told.get("context", ""),
            hint=told.get("hint", ""),
        )

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            try:
                data = self._connection.recv(min(size, 1 << 16))
            except TimeoutError as error:
                raise self._failed(f"it said nothing for {limits.TASK_SILENCE_SECONDS:.0f} s") from error
            except ConnectionResetError as error:
                raise _busy(self._name) from error  # what was asked was not read
            except OSError as error:
                raise self._failed(error.strerror or str(error)) from error
            if not data:
                raise self._failed("it ended before it was done")
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def _failed(self, why: str) -> AdamantError:
        return AdamantError(
            "task-failed",
            f"the task {self._name} failed: {why}",
            hint=f"the log of adamant-{self._name}@*.service says more",
        )


def start(
    name: str,
    request: Mapping[str, Any],
    *,
    folder: Path = FOLDER,
    silence: float = limits.TASK_SILENCE_SECONDS,
) -> Task:
    """Start the task `name` with `request`. It may say nothing for `silence` seconds, not more.

    Raises BusyError `task-busy` when no more of its kind may run, AdamantError `task-missing` when it is not there.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(silence)
        connection.connect(str(folder / name))
        connection.sendall(json.dumps(request).encode() + b"\n")
    except (BrokenPipeError, ConnectionResetError) as error:
        connection.close()
        raise _busy(name) from error
    except OSError as error:
        connection.close()
        raise AdamantError(
            "task-missing",
            f"the task {name} cannot be started: {error.strerror}",
            hint=f"the log of adamant-{name}.socket says why",
        ) from error
    return Task(connection, name)


def _busy(name: str) -> BusyError:
    """systemd accepts one too many and hangs up: before the request is sent, or before it is read."""
    return BusyError("task-busy", f"too many tasks of the kind {name} run", hint="wait until one has ended")
