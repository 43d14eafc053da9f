"""Where the files of a release come from: HTTP with single ranges, or a folder; or a client (sent.py).

An origin gives bytes and vouches for nothing: who asks checks every block. It fails by AdamantError `origin-failed`,
and each reason is told apart, since what a person does about it differs: a server that cannot give ranges, a file that
changed under the transfer, a server that stopped in the middle, one that is too slow.
"""

import http.client
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

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


class HttpOrigin:
    """A web server. One connection, kept open; each range is one request (RFC 9110, 14), bound to the file's ETag."""

    def __init__(
        self, base: str, seconds: float = limits.ORIGIN_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        parts = urllib.parse.urlsplit(base)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise InputError("origin-address", f"not an address of a repository: {base[:200]!r}")
        self._parts = parts
        self._seconds = seconds
        self._clock = clock
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
            answer.read(limits.TUF_METADATA_SIZE)
            self.close()
            raise FileNotFoundError(path)
        if answer.status != http.HTTPStatus.OK:
            self.close()
            raise failed(f"the server answers {answer.status} {answer.reason}", url)
        try:
            while data := answer.read1(_CHUNK):
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
            try:
                connection = self._connect()
                connection.request("GET", url, headers=headers)
                return connection.getresponse()
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
            self._connection = kind(self._parts.hostname, self._parts.port, timeout=self._seconds)
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
        until = self._clock() + self._seconds + size / limits.ORIGIN_BYTES_PER_SECOND
        left = size
        try:
            while left:
                data = answer.read1(min(left, _CHUNK))
                if not data:
                    raise failed(f"the connection ended {left} bytes before the end", path)
                left -= len(data)
                yield data
                if self._clock() > until:
                    raise failed(f"slower than {limits.ORIGIN_BYTES_PER_SECOND} bytes a second", path)
            answer.read()  # sees the end of the answer, so that the connection can be used again
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


def failed(why: str, context: str = "") -> AdamantError:
    """The error of an origin that does not give what it should."""
    return AdamantError("origin-failed", f"the repository failed: {why}", context=context)
