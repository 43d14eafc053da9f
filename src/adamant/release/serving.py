"""A web server for a repository, for trying: static files over HTTP/1.1, with single ranges (RFC 9110, 14.2).

A fleet gets its releases from nginx, a bucket or the like; this one needs nothing of the host. It serves what lies
below `metadata/` and `targets/`, and nothing else.
"""

import hashlib
import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.release.exported import METADATA, TARGET_FILES

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_CHUNK = 1 << 20


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each body waits for the client's word on its head: 40 ms a request
    timeout = limits.HANDSHAKE_SECONDS
    folder: Path

    def do_GET(self) -> None:
        """Answer with a file, or the range of it that is asked for."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer without the contents."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        path = self._path()
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        size = path.stat().st_size
        tag = f'"{hashlib.sha256(f"{path}{path.stat().st_mtime_ns}{size}".encode()).hexdigest()[:32]}"'
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        if match and self.headers.get("If-Range", tag) == tag:
            first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
            if first > last:
                self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(HTTPStatus.PARTIAL_CONTENT)
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        else:
            first, last = 0, size - 1
            self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", tag)
        self.end_headers()
        if body:
            self._send(path, first, last)

    def _send(self, path: Path, first: int, last: int) -> None:
        with path.open("rb") as source:
            source.seek(first)
            left = last - first + 1
            while left and (data := source.read(min(left, _CHUNK))):
                self.wfile.write(data)
                left -= len(data)

    def _path(self) -> Path | None:
        """The file that is asked for, when it is one of the repository's."""
        parts = self.path.partition("?")[0].lstrip("/").split("/")
        if parts[0] not in {METADATA, TARGET_FILES} or any(part.startswith(".") or not part for part in parts):
            return None
        path = self.folder.joinpath(*parts)
        inside = path.resolve().is_relative_to(self.folder.resolve())
        return path if inside and path.is_file() else None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: who serves a repository for trying looks at the client."""


def make_server(folder: Path, host: str, port: int) -> ThreadingHTTPServer:
    """A server for the repository in `folder`; its `serve_forever` serves. Raises AdamantError `serve-port`."""
    handler = type("Handler", (_Handler,), {"folder": folder})
    try:
        return ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        raise AdamantError(
            "serve-port", f"cannot serve at {host}:{port}: {error.strerror}", hint="take another one with --port"
        ) from error
