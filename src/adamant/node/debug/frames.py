"""What goes over the socket between the agent and the program of a debug session: frames of messages and errors.

A frame is a kind (one byte), a length (four bytes, big endian) and that many bytes: a DebugRequest to the program, a
DebugResponse from it, or an error as a JSON object with reference, message, context and hint.
"""

import json
import socket
import struct

from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError

MESSAGE = b"M"
ERROR = b"E"
_HEAD = struct.Struct("!cI")
_KINDS: dict[str, type[AdamantError]] = {"input": InputError, "busy": BusyError, "": AdamantError}


def send(peer: socket.socket, data: bytes, kind: bytes = MESSAGE) -> None:
    """Send one frame. Raises OSError when the peer has gone."""
    peer.sendall(_HEAD.pack(kind, len(data)) + data)


def receive(peer: socket.socket) -> tuple[bytes, bytes] | None:
    """Kind and bytes of the next frame; None when the peer has gone, or talks nonsense."""
    head = _exactly(peer, _HEAD.size)
    if head is None:
        return None
    kind, length = _HEAD.unpack(head)
    if kind not in (MESSAGE, ERROR) or length > limits.RPC_REQUEST_SIZE:
        return None
    data = _exactly(peer, length)
    return None if data is None else (kind, data)


def _exactly(peer: socket.socket, count: int) -> bytes | None:
    found = bytearray()
    while len(found) < count:
        try:
            piece = peer.recv(min(count - len(found), 1 << 16))
        except OSError:
            return None
        if not piece:
            return None
        found += piece
    return bytes(found)


def error_data(error: AdamantError) -> bytes:
    """An error as the payload of an ERROR frame."""
    kind = next(name for name, of in _KINDS.items() if isinstance(error, of))
    parts = {name: getattr(error, name)[-limits.RPC_ERROR_SIZE :] for name in ("message", "context", "hint")}
    return json.dumps({"kind": kind, "reference": error.reference, **parts}).encode()


def error_of(data: bytes) -> AdamantError:
    """The error in the payload of an ERROR frame."""
    value = json.loads(data)
    kind = _KINDS[value["kind"]]
    return kind(value["reference"], value["message"], context=value["context"], hint=value["hint"])
