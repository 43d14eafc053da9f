"""A registry of this process that does what a test wants of it: asks who is there, sends on, breaks off, lies."""

import base64
import hashlib
import json
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(data: bytes) -> str:
    """As images have it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def descriptor(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    """What names `data`."""
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}


class Registry:
    """It has `documents` by tag or digest, each with its type, and `blobs` by digest; `asked` is what came."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[str, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        """Path and query of each question, and who asked (Authorization)."""
        self.wants = ""
        """The Authorization without which it gives nothing."""
        self.challenge = ""
        """What it says to who comes without."""
        self.token: dict[str, Any] = {}
        """What it answers at /token."""
        self.elsewhere = ""
        """Where blobs are, when they are elsewhere."""
        self.break_after: list[int] = []
        """After how many bytes each of the next connections for a blob breaks."""
        self.ranges = True

    def hold(self, data: bytes) -> str:
        """Have a blob. Returns its digest."""
        self.blobs[digest(data)] = data
        return digest(data)

    def publish(self, tag: str, document: Any, media_type: str = MANIFEST) -> bytes:
        """Have a document by a tag and by its digest."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.documents[tag] = self.documents[digest(data)] = (media_type, data)
        return data

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one question."""
        who = handler.headers.get("Authorization", "")
        self.asked.append((handler.path, who))
        path = urllib.parse.urlsplit(handler.path).path
        if path == "/token":
            _send(handler, 200, json.dumps(self.token).encode())
        elif self.wants and who != self.wants:
            _send(handler, 401, b"", **{"WWW-Authenticate": self.challenge})
        elif "/manifests/" in path and (wanted := path.rpartition("/")[2]) in self.documents:
            media_type, data = self.documents[wanted]
            _send(handler, 200, data, **{"Content-Type": media_type})
        elif "/blobs/" in path and self.elsewhere:
            _send(handler, 307, b"", Location=f"{self.elsewhere}{path}")
        elif "/blobs/" in path and (wanted := path.rpartition("/")[2]) in self.blobs:
            self._blob(handler, self.blobs[wanted])
        else:
            _send(handler, 404, b"{}")

    def _blob(self, handler: BaseHTTPRequestHandler, data: bytes) -> None:
        begin = int(handler.headers.get("Range", "bytes=0-")[6:-1]) if self.ranges else 0
        left = data[begin:]
        handler.send_response(206 if begin else 200)
        handler.send_header("Content-Length", str(len(left)))
        handler.end_headers()
        handler.wfile.write(left[: self.break_after.pop(0)] if self.break_after else left)
        handler.close_connection = True


def _send(handler: BaseHTTPRequestHandler, code: int, data: bytes, **headers: str) -> None:
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


@contextmanager
def serving(registry: Registry, certificate: Path | None = None) -> Iterator[str]:
    """The registry serves, by TLS with a `certificate` (and its key in the same file). Yields host and port."""
    answer: Callable[[BaseHTTPRequestHandler], None] = registry.answer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def basic(name: str, password: str) -> str:
    """The Authorization of a name and a password."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"
