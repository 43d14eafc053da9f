"""Files that a client sends: the program that updates asks for ranges over a socket, and the agent passes that on.

A frame from the program is a length (four bytes, big endian) and a Read as JSON. A frame to it is the number of the
question (eight bytes), a kind (one byte), a length (four bytes) and that many bytes. What comes is believed no more
than what a web server sends: its length is checked here, its contents by who asked.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from adamant.core import limits
from adamant.model import decoders
from adamant.model.errors import AdamantError
from adamant.node.update.origin import failed

SOCKET = "run/adamant/update/sender"
BASE = "from-client"
"""What stands for the address of the repository where one is told."""

DATA = b"D"
LAST = b"L"
"""Bytes, after which none come."""
MISSING = b"M"
"""There is no such file."""
FAILED = b"F"
"""The client cannot read it; the bytes are a text that says why."""

_QUESTION = struct.Struct("!I")
_HEAD = struct.Struct("!QcI")


class Read(Struct, frozen=True):
    """A question: `size` bytes of the file at `path` from `first` on, or `whole` of it, which has at most `size`."""

    number: int
    path: str
    first: int
    size: int
    whole: bool = False


class Piece(NamedTuple):
    """A piece of the answer to the question `number`."""

    number: int
    kind: bytes
    data: bytes = b""


def send_read(peer: socket.socket, read: Read) -> None:
    """Send a question. Raises OSError when the peer has gone."""
    data = msgspec.json.encode(read)
    peer.sendall(_QUESTION.pack(len(data)) + data)


def receive_read(peer: socket.socket) -> Read | None:
    """The next question; None when the peer has gone. Raises OSError."""
    head = _exactly(peer, _QUESTION.size)
    length = _QUESTION.unpack(head)[0] if head else 0
    if not 0 < length <= limits.SENT_QUESTION:
        return None
    data = _exactly(peer, length)
    return decoders.of(Read).decode(data) if data else None


def send_piece(peer: socket.socket, piece: Piece) -> None:
    """Send a piece. Raises OSError when the peer has gone."""
    peer.sendall(_HEAD.pack(piece.number, piece.kind, len(piece.data)) + piece.data)


def receive_piece(peer: socket.socket) -> Piece | None:
    """The next piece; None when the peer has gone. Raises OSError, and `origin-failed` for what is too long."""
    head = _exactly(peer, _HEAD.size)
    if head is None:
        return None
    number, kind, length = _HEAD.unpack(head)
    if length > limits.SENT_PIECE:
        raise failed(f"a piece of {length} bytes came, and {limits.SENT_PIECE} may")
    data = _exactly(peer, length)
    return None if data is None else Piece(number, kind, data)


def _exactly(peer: socket.socket, count: int) -> bytes | None:
    found = bytearray()
    while len(found) < count:
        piece = peer.recv(min(count - len(found), 1 << 16))
        if not piece:
            return None
        found += piece
    return bytes(found)


class SentOrigin:
    """The origin at the other end of the socket at `path`: one question at a time.

    A client that sends nothing for `seconds`, or on the whole less than a web server must, is given up.
    """

    def __init__(
        self, path: Path, seconds: float = limits.ORIGIN_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._number = 0
        self._peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._peer.settimeout(seconds)
        try:
            self._peer.connect(str(path))
        except OSError as error:
            self._peer.close()
            raise _gone() from error

    def close(self) -> None:
        """Ask for nothing more."""
        self._peer.close()

    def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
        """As the protocol of origins says."""
        if not size:
            return
        try:
            yield from self._answer(path, first, size, whole=False)
        except FileNotFoundError as error:
            raise failed(f"{path} is not in it") from error

    def whole(self, path: str) -> Iterator[bytes]:
        """All of a small file. Raises FileNotFoundError when there is none."""
        return self._answer(path, 0, limits.TUF_METADATA_SIZE, whole=True)

    def _answer(self, path: str, first: int, size: int, *, whole: bool) -> Iterator[bytes]:
        self._number += 1
        until = self._clock() + self._seconds + size / limits.ORIGIN_BYTES_PER_SECOND
        left = size
        try:
            send_read(self._peer, Read(self._number, path, first, size, whole))
            while True:
                piece = self._piece(path, until)
                left -= len(piece.data) if piece.kind in {DATA, LAST} else 0
                if left < 0:
                    raise failed(f"more than the {size} bytes came that were asked for", path)
                if piece.data:
                    yield piece.data
                if piece.kind == LAST:
                    break
        except TimeoutError as error:
            raise failed(f"nothing came for {self._seconds:.0f} seconds", path) from error
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _gone() from error
        if left and not whole:
            raise failed(f"the answer ended {left} bytes before the end", path)

    def _piece(self, path: str, until: float) -> Piece:
        """The next piece of bytes of the question at hand."""
        while True:
            if self._clock() > until:
                raise failed(f"slower than {limits.ORIGIN_BYTES_PER_SECOND} bytes a second", path)
            piece = receive_piece(self._peer)
            if piece is None:
                raise _gone()
            if piece.number < self._number:
                continue  # the rest of an answer that nobody read to its end
            if piece.number > self._number or piece.kind not in {DATA, LAST, MISSING, FAILED}:
                raise failed("something came that was not asked for", path)
            if piece.kind == MISSING:
                raise FileNotFoundError(path)
            if piece.kind == FAILED:
                text = piece.data.decode("utf-8", "replace")[: limits.REASON_LENGTH]
                raise failed("".join(c if c.isprintable() else "?" for c in text), path)
            return piece


def _gone() -> AdamantError:
    return AdamantError(
        "sender-gone",
        "the client that sends the release went away",
        hint="ask again: what this machine has by then is not fetched a second time",
    )
