"""One TLS connection whose certificate is judged here, carried to gRPC as a socket in a private folder.

gRPC takes a certificate by a CA, a name and a time. Twice that is not what is wanted: a node in maintenance is known by
its key alone, and a node whose certificate has ended must still be given a new one. So Python makes the handshake, and
gRPC speaks through it. There is one connection: when it ends, the tunnel is over.
"""

import contextlib
import select
import shutil
import socket
import ssl
import tempfile
import threading
import types
from collections.abc import Callable
from pathlib import Path

from adamant.core import limits
from adamant.model.errors import UnreachableError

OPTIONS = (
    ("grpc.max_receive_message_length", limits.RPC_MESSAGE_SIZE),
    ("grpc.max_send_message_length", limits.RPC_REQUEST_SIZE),
    ("grpc.enable_retries", 0),
    # There is one connection, and this is how long gRPC waits for the first words of a slow machine.
    ("grpc.min_reconnect_backoff_ms", int(limits.HANDSHAKE_SECONDS * 1000)),
    ("grpc.use_local_subchannel_pool", 1),
)
"""For gRPC's channels to `Tunnel.target`."""
_CHUNK = 1 << 16
_PATH_LENGTH = 80


class Tunnel:
    """The connection. `certificate` is that of the other side, in DER; `target` is the address for gRPC."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, name: str | None = None) -> None:
        """Connect and shake hands; `name` is what the certificate is checked for where `context` does so.

        Raises UnreachableError when nobody answers or what answers speaks no TLS, and ssl.SSLCertVerificationError when
        `context` does not take the certificate.
        """
        context.set_alpn_protocols(["h2"])
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        address = f"{host}:{port}"
        try:
            plain = socket.create_connection((host, port), timeout=limits.HANDSHAKE_SECONDS)
        except OSError as error:
            raise _unreachable(f"no node answers at {address}", str(error)) from error
        try:
            self._secure = context.wrap_socket(plain, server_hostname=name or host)
        except ssl.SSLCertVerificationError:
            plain.close()
            raise
        except OSError as error:
            plain.close()
            raise _unreachable(f"what answers at {address} is no node", str(error)) from error
        self.certificate = self._secure.getpeercert(binary_form=True) or b""
        # A socket's path has at most 107 bytes (unix(7)), and the folder for temporary files may be deep.
        deep = len(tempfile.gettempdir()) > _PATH_LENGTH
        self._folder = Path(tempfile.mkdtemp(prefix="adamant-", dir="/tmp" if deep else None))  # noqa: S108 - made for us alone
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(str(self._folder / "s"))
        self._listening.listen(1)
        self._listening.settimeout(limits.HANDSHAKE_SECONDS)
        self.target = f"unix:{self._folder / 's'}"
        self._ended, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._carry, name="tunnel", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Tunnel":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError):
            self._end.send(b"x")
        self._thread.join()
        for each in (self._secure, self._listening, self._ended, self._end):
            each.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _carry(self) -> None:
        """Carry bytes both ways, in one thread: a TLS connection is not for two at once."""
        ready, _, _ = select.select([self._listening, self._ended], [], [], limits.HANDSHAKE_SECONDS)
        if self._listening not in ready:
            return
        near, _ = self._listening.accept()
        with near, contextlib.suppress(OSError):
            near.setblocking(False)
            self._secure.setblocking(False)
            _pump(self._secure, near, self._ended)


def _pump(secure: ssl.SSLSocket, near: socket.socket, ended: socket.socket) -> None:
    """Until one side ends, or `ended` can be read. What one side does not take is kept, and the other not read."""
    to_near = to_secure = b""
    while True:
        reading = [ended]
        if not to_near and not secure.pending():
            reading.append(secure)
        if not to_secure:
            reading.append(near)
        writing = ([near] if to_near else []) + ([secure] if to_secure else [])
        wait = 0 if secure.pending() and not to_near else None
        ready, _, _ = select.select(reading, writing, [], wait)
        if ended in ready:
            return
        if not to_near:
            to_near = _read(lambda: secure.recv(_CHUNK))
        if not to_secure:
            to_secure = _read(lambda: near.recv(_CHUNK))
        if to_near:
            to_near = to_near[_write(near.send, to_near) :]
        if to_secure:
            to_secure = to_secure[_write(secure.send, to_secure) :]


def _read(receive: Callable[[], bytes]) -> bytes:
    """What has come, nothing when nothing has; the end is ConnectionResetError."""
    try:
        data = receive()
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
        return b""
    if not data:
        raise ConnectionResetError
    return data


def _write(send: Callable[[bytes], int], data: bytes) -> int:
    try:
        return send(data)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
        return 0


def _unreachable(message: str, context: str) -> UnreachableError:
    return UnreachableError(
        "node-unreachable", message, context=context, hint="does the machine run, and is the address right?"
    )
