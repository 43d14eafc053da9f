"""The agent's end of the socket over which the program that updates asks a client for files (sent.py).

It keeps nothing: a piece is passed on before the next one is taken from the client, so who sends fast waits.
"""

import select
import socket
import threading
import time
from pathlib import Path

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.update.sent import SOCKET, Piece, Read, receive_read, send_piece


class Relay:
    """One update's socket: listen, then take questions and give pieces, each from a thread of its own; close it."""

    def __init__(self, root: Path) -> None:
        self._path = root / SOCKET
        self._lock = threading.Lock()
        self._listening: socket.socket | None = None
        self._peer: socket.socket | None = None
        self._closed = False

    def listen(self) -> None:
        """Await the program. Only while no update runs: the socket of the one before is replaced.

        Raises AdamantError `sender-socket`.
        """
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            listening.bind(str(self._path))
            self._path.chmod(0o600)  # nobody connects before it listens
            listening.listen(1)
        except OSError as error:
            listening.close()
            raise AdamantError("sender-socket", f"the update cannot be asked to listen: {error.strerror}") from error
        self._listening = listening

    def question(self, seconds: float) -> Read | None:
        """What the program asks next; None when it asked nothing for `seconds`. It waits as long also when it ended."""
        source = self._peer or self._listening
        if self._closed or source is None:
            time.sleep(seconds)
            return None
        try:
            waiting = select.poll()  # not select, which takes no descriptor above 1023
            waiting.register(source, select.POLLIN)
            if not waiting.poll(seconds * 1000):
                return None
            if self._peer is None:
                self._accept()
                return None
            read = receive_read(self._peer)
        except (OSError, ValueError):  # it was closed meanwhile, or the program has gone
            read = None
        if read is None:
            self.hang_up()
        return read

    def give(self, piece: Piece) -> bool:
        """Pass a piece on, and wait until the program takes it. Whether there is a program that may have asked."""
        peer = self._peer
        if peer is None or len(piece.data) > limits.SENT_PIECE:
            return False
        try:
            send_piece(peer, piece)
        except OSError:
            return False
        return True

    def hang_up(self) -> None:
        """Let the program know that nothing more comes. Any thread may do it."""
        with self._lock:
            self._closed = True
            for one in (self._peer, self._listening):
                if one is not None:
                    _shut(one)

    def close(self) -> None:
        """Hang up, and give back what is open."""
        self.hang_up()
        with self._lock:
            for one in (self._peer, self._listening):
                if one is not None:
                    one.close()
            self._peer = self._listening = None

    def _accept(self) -> None:
        assert self._listening is not None
        peer, _ = self._listening.accept()
        with self._lock:
            self._listening.close()
            self._listening = None
            self._peer = peer
            if self._closed:
                _shut(peer)


def _shut(peer: socket.socket) -> None:
    try:
        peer.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
