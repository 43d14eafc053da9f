"""The side of the task in the conversation that `task.py` describes. It loads neither gRPC nor protobuf."""

import json
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.node.tasks.answer import Answer, GoneError, Work


def _capture() -> Work:
    from adamant.node.tasks import capture  # noqa: PLC0415 - each task loads its own

    return capture.work


def _attest() -> Work:
    from adamant.node.tasks import attest  # noqa: PLC0415 - each task loads its own

    return attest.work


def _encryption() -> Work:
    from adamant.node.tasks import encryption  # noqa: PLC0415 - each task loads its own

    return encryption.work


TASKS: Mapping[str, Callable[[], Work]] = {"attest": _attest, "capture": _capture, "encryption": _encryption}


def serve(connection: socket.socket, work: Work) -> int:
    """Take the request, do the work, say how it ended. Returns the exit code of the process."""
    answer = Answer(connection)
    try:
        connection.settimeout(limits.TASK_REQUEST_SECONDS)
        request = _request(connection)
        connection.settimeout(None)
        try:
            trailer = work(request, answer)
        except AdamantError as error:
            trailer = {"error": _told(error)}
        answer.end(trailer)
    except (GoneError, TimeoutError):
        return 0
    except Exception:
        sys.stderr.write(f"<3>{traceback.format_exc()}")
        return 1
    return 0


def _request(connection: socket.socket) -> Mapping[str, Any]:
    data = b""
    while not data.endswith(b"\n"):
        more = connection.recv(1 << 16)
        if not more or len(data) > limits.TASK_REQUEST:
            raise GoneError
        data += more
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError("the request is no object")
    return value


def _told(error: AdamantError) -> Mapping[str, str]:
    kind = {InputError: "input", BusyError: "busy"}.get(type(error), "")
    return {
        "kind": kind,
        "reference": error.reference,
        "message": error.message,
        "context": error.context,
        "hint": error.hint,
    }


def main(arguments: list[str]) -> int:
    """The program: the task that the one argument names, for who is at standard input."""
    if len(arguments) != 1 or arguments[0] not in TASKS:
        sys.stderr.write(f"<3>usage: run.py {'|'.join(sorted(TASKS))}\n")
        return 2
    with socket.socket(fileno=0) as connection:
        return serve(connection, TASKS[arguments[0]]())
