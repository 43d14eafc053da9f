"""Where the files of a release come from: HTTP with single ranges, or a folder; or a client (sent.py).

An origin gives bytes and vouches for nothing: who asks checks every block. It fails by AdamantError `origin-failed`,
and each reason is told apart, since what a person does about it differs: a server that cannot give ranges, a file that
changed under the transfer, a server that stopped in the middle, one that is too slow.
"""

import functools
import http.client
import io
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from adamant.core import limits
from adamant.model.errors import AdamantError, InputError, UnreachableError

_CHUNK = 64 << 10


class Origin(Protocol):
    """Gives ranges of files."""

    def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
        """`size` bytes of the target at `path` from `first` on, in pieces; fewer bytes are an error."""
        ...


class Remote(Origin, Protocol):
    """An origin that a repository is read from as a whole, metadata first, and that is closed at the end."""

    def whole(self, path: str) -> Iterator[bytes]:
        """All of a small file, in pieces. Raises FileNotFoundError when there is none."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class FolderOrigin:
    """A repository, or an export of one, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
        """As the protocol says."""
        try:
            with (self._folder / path).open("rb") as source:
                source.seek(first)
                while size:
                    data = source.read(min(size, _CHUNK))
                    if not data:
                        raise failed(f"{path} ends too early")
                    size -= len(data)
                    yield data
        except OSError as error:
            raise failed(f"{path} cannot be read: {error.strerror}") from error


class _Patience:
    """How long a server may keep its reader waiting: `most` seconds, of which each byte of the file earns some back.

    So a server that gives one byte after the other is given up as soon as one that is silent, in the head of an answer
    as in its body. What the reader does between two reads does not count: it may be slow itself. Bytes that are none of
    the file (heads, further heads, what stands between and behind chunks) have a limit of their own.
    """

    def __init__(self, most: float, clock: Callable[[], float]) -> None:
        self.most = most
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """A request begins."""
        self._left = self.most
        self._other = 0

    def earn(self, count: int) -> None:
        """So many bytes of the file came."""
        self._left = min(self.most, self._left + count / limits.ORIGIN_BYTES_PER_SECOND)
        self._other -= count

    def read(self, connection: socket.socket, read: Callable[[], int | None]) -> int:
        """What `read` gives, which reads from the connection once. Raises OSError, which may be a TimeoutError."""
        if self._other > limits.ORIGIN_OTHER_SIZE:
            raise OSError(f"more than {limits.ORIGIN_OTHER_SIZE} bytes that are none of the file")
        slow = f"slower than {limits.ORIGIN_BYTES_PER_SECOND} bytes a second"
        if self._left <= 0:
            raise TimeoutError(slow)
        connection.settimeout(self._left)
        begin = self._clock()
        try:
            count = read() or 0
        except TimeoutError as error:
            raise TimeoutError(slow if self._left < self.most else f"silent for {self.most:g} seconds") from error
        self._left -= self._clock() - begin
        self._other += count
        return count


class _Patient(io.RawIOBase):
    """The bytes of a connection, read with patience that ends."""

    def __init__(self, connection: socket.socket, patience: _Patience) -> None:
        self._connection = connection
        self._patience = patience
        self._raw = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._patience.read(self._connection, lambda: self._raw.readinto(buffer))

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer whose head and body are read with patience that ends."""

    def __init__(self, sock: socket.socket, *arguments: Any, patience: _Patience, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_Patient(sock, patience))


class HttpOrigin:
    """A web server. One connection, kept open; each range is one request (RFC 9110, 14), bound to the file's ETag."""

    def __init__(
        self, base: str, seconds: float = limits.ORIGIN_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._parts = _address(base)
        self._patience = _Patience(seconds, clock)
        self._connection: http.client.HTTPConnection | None = None
        self._tags: dict[str, str] = {}

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
        """As the protocol says. A connection that the server closed between two requests is opened again, once."""
        if not size:
            return
        answer = self._ask(path, first, size)
        try:
            yield from self._body(path, answer, size)
        finally:
            if answer.isclosed() is False:
                self.close()  # the rest of the answer stands in the connection

    def whole(self, path: str) -> Iterator[bytes]:
        """All of a small file. Raises FileNotFoundError when the server has none: TUF asks for the next root so."""
        url = f"{self._parts.path.rstrip('/')}/{urllib.parse.quote(path)}"
        answer = self._request(url, {"Accept-Encoding": "identity"})
        if answer.status in {http.HTTPStatus.NOT_FOUND, http.HTTPStatus.FORBIDDEN}:
            self.close()  # the server's page of the error is not read
            raise FileNotFoundError(path)
        if answer.status != http.HTTPStatus.OK:
            self.close()
            raise failed(f"the server answers {answer.status} {answer.reason}", url)
        try:
            while data := answer.read1(_CHUNK):
                self._patience.earn(len(data))
                yield data
        except (http.client.HTTPException, OSError) as error:
            raise failed(f"the connection broke: {error}", url) from error
        finally:
            if not answer.isclosed():
                self.close()

    def _ask(self, path: str, first: int, size: int) -> http.client.HTTPResponse:
        headers = {"Range": f"bytes={first}-{first + size - 1}", "Accept-Encoding": "identity"}
        if path in self._tags:
            headers["If-Range"] = self._tags[path]
        url = f"{self._parts.path.rstrip('/')}/{urllib.parse.quote(path)}"
        answer = self._request(url, headers)
        self._check(path, url, answer, first, size)
        return answer

    def _request(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        while True:
            fresh = self._connection is None
            self._patience.begin()
            try:
                connection = self._connect()
                connection.request("GET", url, headers=headers)
                return connection.getresponse()
            except ssl.SSLCertVerificationError as error:
                self.close()
                raise UnreachableError(
                    "origin-certificate",
                    f"the certificate of the repository's server does not hold: {error.verify_message}",
                    context=url,
                    hint="is the clock of this machine right, and does its image know who signed the certificate?",
                ) from error
            except (http.client.HTTPException, OSError) as error:
                self.close()
                if fresh:
                    raise UnreachableError(
                        "origin-unreachable", f"the repository does not answer: {error}", context=url
                    ) from error

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            assert self._parts.hostname is not None
            self._connection = kind(self._parts.hostname, self._parts.port, timeout=self._patience.most)
            patient: Any = functools.partial(_Response, patience=self._patience)
            self._connection.response_class = patient
        elif self._connection.sock is not None:
            self._connection.sock.settimeout(self._patience.most)
        return self._connection

    def _check(self, path: str, url: str, answer: http.client.HTTPResponse, first: int, size: int) -> None:
        """Only the very range of the very file that was asked for is taken."""
        range_ = answer.headers.get("Content-Range", "")
        tag = answer.headers.get("ETag", "")
        why = ""
        if answer.status == http.HTTPStatus.OK and path in self._tags:
            why = "the file changed while it was fetched"
        elif answer.status == http.HTTPStatus.OK:
            why = "the server ignores ranges"
        elif answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            why = f"the server answers {answer.status} {answer.reason}"
        elif not range_.startswith(f"bytes {first}-{first + size - 1}/"):
            why = f"the server answers with another range: {range_[:80]!r}"
        elif self._tags.get(path, tag) != tag:
            why = "the file changed while it was fetched"
        if why:
            self.close()
            raise failed(why, url)
        if tag and not tag.startswith("W/"):
            self._tags[path] = tag

    def _body(self, path: str, answer: http.client.HTTPResponse, size: int) -> Iterator[bytes]:
        left = size
        try:
            while left:
                data = answer.read1(min(left, _CHUNK))
                if not data:
                    raise failed(f"the connection ended {left} bytes before the end", path)
                if len(data) > left:
                    raise failed("the server gives more bytes than it was asked for", path)
                left -= len(data)
                self._patience.earn(len(data))
                yield data
            # Sees the end of the answer, so that the connection can be used again.
            if answer.read(1):
                raise failed("the server gives more bytes than it was asked for", path)
        except (http.client.HTTPException, OSError) as error:
            raise failed(f"the connection broke {left} bytes before the end: {error}", path) from error


class Limited:
    """An origin that gives at most `rate` bytes a second."""

    def __init__(
        self,
        origin: Origin,
        rate: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._origin = origin
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
        """As the protocol says, with pauses."""
        for data in self._origin.read(path, first, size):
            self._free_at = max(self._free_at, self._clock()) + len(data) / self._rate
            yield data
            self._sleep(max(0.0, self._free_at - self._clock()))


def _address(base: str) -> urllib.parse.SplitResult:
    """The parts of an address. Raises InputError `origin-address` for one that no request can be sent to."""
    try:
        parts = urllib.parse.urlsplit(base)
        host, _ = (parts.hostname or "").encode("idna"), parts.port  # both are looked at only here
    except ValueError:
        parts, host = urllib.parse.urlsplit(""), b""
    plain = parts.path.isascii() and parts.path.isprintable() and " " not in parts.path
    if parts.scheme not in {"http", "https"} or not host or not plain or parts.query or parts.fragment:
        raise InputError("origin-address", f"not an address of a repository: {base[:200]!r}")
    return parts


def failed(why: str, context: str = "") -> AdamantError:
    """The error of an origin that does not give what it should."""
    return AdamantError("origin-failed", f"the repository failed: {why}", context=context)
