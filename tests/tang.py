"""Debian's tang server on loopback, for tests: a process for each connection, as its socket unit has it."""

import json
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.image.conftest import require_program

_FOLDER = Path("/usr/libexec")


@dataclass
class Tang:
    """A server with its keys in `folder`. It answers at `port` of 127.0.0.1 while `answers` is set.

    `answered` counts the calls.
    """

    folder: Path
    port: int
    answers: threading.Event
    answered: int = 0

    @property
    def thumbprint(self) -> str:
        """Of the key by which it signs: tang names the files of its keys so."""
        keys = self.folder.glob("[!.]*.jwk")
        (found,) = [path.stem for path in keys if json.loads(path.read_bytes())["alg"] == "ES512"]
        return found

    def rotate(self) -> None:
        """Draw new keys: those before are not advertised any more, and still answer."""
        for path in self.folder.glob("[!.]*.jwk"):
            path.rename(path.with_name(f".{path.name}"))
        _draw(self.folder)


def _draw(folder: Path) -> None:
    subprocess.run([_FOLDER / "tangd-keygen", folder], check=True, capture_output=True)


@contextmanager
def serving(folder: Path) -> Iterator[Tang]:
    """A server with new keys in `folder`."""
    require_program("tang-show-keys", "tang-common")
    folder.mkdir()
    _draw(folder)
    answers = threading.Event()
    answers.set()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection: socket.socket = self.request
            if answers.is_set():
                made.answered += 1
                argv = [_FOLDER / "tangd", folder]
                subprocess.run(
                    argv, stdin=connection.fileno(), stdout=connection.fileno(), stderr=subprocess.DEVNULL, check=False
                )

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        made = Tang(folder, server.server_address[1], answers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield made
        finally:
            server.shutdown()
