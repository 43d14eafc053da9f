"""The control channel of QEMU: a strict client of the QEMU Machine Protocol (qmp-spec), one short session a call.

What QEMU says is checked and capped: a line, the number of events before an answer, and the time in all.
"""

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from adamant.core import limits
from adamant.model.errors import AdamantError, UnreachableError

_CHUNK = 64 << 10


@contextmanager
def unix_socket(path: Path, seconds: float) -> Iterator[socket.socket]:
    """A connection to the Unix socket `path`, however long that is: the kernel takes 107 bytes only.

    Raises UnreachableError machine-silent.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                connection.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
        except OSError as error:
            raise _silent(error.strerror or str(error)) from error
        yield connection


class Qmp:
    """A session with the machine whose QMP socket is `path`. All of it must be done within `seconds`."""

    def __init__(self, path: Path, seconds: float = limits.QMP_SECONDS) -> None:
        self._deadline = time.monotonic() + seconds
        self._context = unix_socket(path, seconds)
        self._buffer = b""
        self._count = 0

    def __enter__(self) -> "Qmp":
        self._socket = self._context.__enter__()
        try:
            greeting = self._message()
            if not isinstance(greeting.get("QMP"), dict):
                raise _malformed("no greeting")
            self.execute("qmp_capabilities")
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def execute(self, command: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Run a command and give what it returns.

        Raises UnreachableError machine-silent (deadline, closed connection), AdamantError qmp-malformed, qmp-refused.
        """
        self._count += 1
        request: dict[str, Any] = {"execute": command, "id": self._count}
        if arguments:
            request["arguments"] = dict(arguments)
        self._wait()
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise _silent(error.strerror or str(error)) from error
        for _ in range(limits.QMP_MESSAGES):
            message = self._message()
            if message.get("id") != self._count:
                continue  # an event
            if "return" in message:
                return message["return"]
            refusal = message.get("error")
            text = refusal.get("desc") if isinstance(refusal, dict) else None
            raise AdamantError("qmp-refused", f"the machine refuses {command}: {text}")
        raise _malformed(f"no answer to {command} among {limits.QMP_MESSAGES} messages")

    def _message(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            if len(self._buffer) > limits.QMP_LINE:
                raise _malformed("a line without an end")
            self._wait()
            try:
                data = self._socket.recv(_CHUNK)
            except OSError as error:
                raise _silent(error.strerror or str(error)) from error
            if not data:
                raise _silent("it closed the connection")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _malformed("not JSON") from error
        if not isinstance(message, dict):
            raise _malformed("not an object")
        return message

    def _wait(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _silent("no answer in time")
        self._socket.settimeout(left)


def _silent(why: str) -> UnreachableError:
    return UnreachableError("machine-silent", f"the machine does not answer: {why}")


def _malformed(why: str) -> AdamantError:
    return AdamantError("qmp-malformed", f"the machine's control channel does not speak QMP: {why}")
