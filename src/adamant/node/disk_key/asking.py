"""One question to a tang server, over HTTP: nothing of it is secret, and each answer is checked by who has asked."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from adamant.core import limits
from adamant.model.errors import UnreachableError

_OK = 200


def ask(url: str, path: str, body: bytes | None = None) -> bytes:
    """What the server at `url` answers: to GET, or to POST where there is a `body` (a JWK).

    Raises UnreachableError tang-unreachable.
    """
    there = urlsplit(url)
    connection = http.client.HTTPConnection(there.hostname or "", there.port or 80, timeout=limits.TANG_SECONDS)
    try:
        connection.connect()
        with _deadline(connection.sock):
            headers = {"Content-Type": "application/jwk+json"} if body is not None else {}
            connection.request("GET" if body is None else "POST", path, body, headers)
            answer = connection.getresponse()
            data = answer.read(limits.TANG_ANSWER + 1)
    except OSError as error:
        raise _failed(url, error.strerror or "it gives no answer") from error
    except (http.client.HTTPException, ValueError) as error:  # their words are the server's
        raise _failed(url, "what it says is no HTTP") from error
    finally:
        connection.close()
    if answer.status != _OK:
        raise _failed(url, f"it answers with status {answer.status}")
    if len(data) > limits.TANG_ANSWER:
        raise _failed(url, f"it answers with more than {limits.TANG_ANSWER} bytes")
    return data


@contextmanager
def _deadline(connected: socket.socket) -> Iterator[None]:
    """End whatever waits for a socket when the time is over: a timeout of its own begins anew with each byte."""

    def end() -> None:
        with suppress(OSError):  # the other side was first
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limits.TANG_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _failed(url: str, why: str) -> UnreachableError:
    return UnreachableError("tang-unreachable", f"{url}: {why}")
