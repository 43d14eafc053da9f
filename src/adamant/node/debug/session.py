"""One debug session: takes messages from the agent's socket, runs the container, and sends what it writes.

It ends when the command does, when the agent's end of the socket is gone (the client went, or the agent died), or when
its time is over. Then the container is ended and everything of it removed from containerd. Should this program be
killed, systemd runs the removal (ExecStopPost).
"""

import fcntl
import os
import select
import selectors
import signal
import socket
import struct
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from adamant.api import debug_pb2 as pb
from adamant.core import files, limits, proc
from adamant.model.errors import AdamantError, BusyError
from adamant.node.debug import frames
from adamant.node.debug.ctr import Ctr

_LOOK_SECONDS = 0.1


class _Gone(Exception):
    """The agent's end of the socket is closed."""


def run(peer: socket.socket, ctr: Ctr) -> None:
    """Serve one session on `peer`, to its end. What fails is sent as an error."""
    with files.locked(_lock(ctr), "this session"):
        try:
            clean_stale(ctr)
            _Session(peer, ctr).run()
        except _Gone:
            pass
        except AdamantError as error:
            _try_send(peer, frames.error_data(error), frames.ERROR)
        finally:
            ctr.clean()
            peer.close()


def clean(ctr: Ctr) -> None:
    """Remove what a session has left, if it does not run."""
    try:
        with files.locked(_lock(ctr), "the session", wait=False):
            ctr.clean()
    except BusyError:
        return
    _lock(ctr).unlink(missing_ok=True)


def clean_stale(ctr: Ctr) -> None:
    """Remove what sessions have left that no longer run: a machine may have lost its power in the middle of one.

    One of them may have had the name of this one.
    """
    for session in ctr.sessions():
        if session == ctr.session:
            ctr.clean()
        else:
            clean(ctr._replace(session=session))


def _lock(ctr: Ctr) -> Path:
    return ctr.folder / f"{ctr.session}.lock"


def _try_send(peer: socket.socket, data: bytes, kind: bytes = frames.MESSAGE) -> None:
    try:
        frames.send(peer, data, kind)
    except OSError:
        return


class _Session:
    def __init__(self, peer: socket.socket, ctr: Ctr) -> None:
        self._peer = peer
        self._ctr = ctr
        self._gone = threading.Event()
        self._pid_file = ctr.folder / f"{ctr.session}.pid"

    def run(self) -> None:
        start = self._next().start
        seconds = start.seconds or limits.DEBUG_SECONDS
        until = time.monotonic() + seconds
        if start.image:
            self._say(f"pulling {start.image}")
            image = self._ctr.pull(start.image)
        else:
            self._say("importing the archive")
            image = self._ctr.import_archive(lambda out: self._feed(out, until))
        self._pid_file.unlink(missing_ok=True)
        started = pb.DebugStarted(
            container=self._ctr.session,
            digest=self._ctr.digest(image),
            seconds=max(1, int(until - time.monotonic())),
        )
        self._send(pb.DebugResponse(started=started))
        argv = self._ctr.run_argv(image, list(start.command), self._pid_file, terminal=start.terminal)
        streams = _Terminal(start.window) if start.terminal else _Pipes()
        try:
            running = proc.attach(
                "run the debug container",
                argv,
                stdin=streams.given[0],
                stdout=streams.given[1],
                stderr=streams.given[2],
                environment={"TMPDIR": str(self._ctr.folder)},
            )
        finally:
            streams.handed_over()
        threading.Thread(target=self._take_input, args=(streams, running), name="input", daemon=True).start()
        try:
            self._pass_output(streams, until)
            code = running.wait(limits.DEBUG_END_SECONDS)
        finally:
            if running.wait(0) is None:
                self._ctr.kill(self._ctr.session)
                if running.wait(limits.DEBUG_END_SECONDS) is None:
                    running.kill()
        self._send(pb.DebugResponse(exit_code=(code if code is not None and code >= 0 else 255)))

    def _next(self) -> pb.DebugRequest:
        frame = frames.receive(self._peer)
        if frame is None:
            self._gone.set()
            raise _Gone
        return pb.DebugRequest.FromString(frame[1])

    def _send(self, message: pb.DebugResponse) -> None:
        try:
            frames.send(self._peer, message.SerializeToString())
        except OSError as error:
            self._gone.set()
            raise _Gone from error

    def _say(self, words: str) -> None:
        self._send(pb.DebugResponse(status=words))

    def _feed(self, out: int, until: float) -> None:
        """Write the client's archive to the file descriptor `out`, as long as it comes."""
        left = limits.DEBUG_ARCHIVE_SIZE
        while data := self._piece(until):
            left -= len(data)
            if left < 0:
                raise BusyError("debug-archive-size", f"the archive is larger than {limits.DEBUG_ARCHIVE_SIZE} bytes")
            view = memoryview(data)
            while view:
                view = view[os.write(out, view) :]

    def _piece(self, until: float) -> bytes:
        """The next piece of the archive; empty at its end. Raises `client-silent` and `debug-over`."""
        waiting = select.poll()
        waiting.register(self._peer, select.POLLIN)
        left = until - time.monotonic()
        came = left > 0 and waiting.poll(min(left, limits.DEBUG_ARCHIVE_SECONDS) * 1000)
        if time.monotonic() >= until:
            raise _over()
        if not came:
            raise AdamantError(
                "client-silent",
                f"the client sent nothing of the archive within the limit of {limits.DEBUG_ARCHIVE_SECONDS:.0f} s",
                hint="when the connection is slow, try again",
            )
        return self._next().archive

    def _take_input(self, streams: "_Streams", running: proc.Attached) -> None:
        """Pass on what the client sends, until it is gone."""
        try:
            while True:
                message = self._next()
                kind = message.WhichOneof("message")
                if kind == "window":
                    streams.resize(message.window)
                    running.signal(signal.SIGWINCH)
                elif kind == "input" and message.input:
                    streams.write(message.input)
                elif kind == "input":
                    # ctr passes the end of the input on only once the container is there.
                    while not self._pid_file.exists() and running.wait(0) is None:
                        time.sleep(_LOOK_SECONDS)
                    streams.end_input()
        except _Gone:
            return
        except OSError:  # the command reads no more
            while not self._gone.is_set():
                try:
                    self._next()
                except _Gone:
                    return

    def _pass_output(self, streams: "_Streams", until: float) -> None:
        """Send what the command writes until it has ended, the client is gone, or it is too late."""
        for error, data in streams.outputs(_LOOK_SECONDS):
            if self._gone.is_set():
                raise _Gone
            if time.monotonic() > until:
                raise _over()
            if data:
                self._send(pb.DebugResponse(errors=data) if error else pb.DebugResponse(output=data))


def _over() -> AdamantError:
    return AdamantError("debug-over", "the time of the debug session is over", hint="--time gives it more")


class _Streams:
    """Input and outputs of a command: `given` are the ends that it gets."""

    def __init__(self, given: tuple[int, int, int], into: int, out: dict[int, bool]) -> None:
        self.given = given
        self._into = into
        self._out = out
        """Ends to read from, and whether errors come there."""

    def handed_over(self) -> None:
        """The command has its ends: close them here."""
        for fd in set(self.given):
            os.close(fd)

    def write(self, data: bytes) -> None:
        """Give the command input. Blocks while it takes none; raises OSError when it never will."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._into, view) :]

    def end_input(self) -> None:
        """The client has no more input."""

    def resize(self, window: pb.DebugWindow) -> None:
        """The client's terminal has another size."""

    def outputs(self, seconds: float) -> Iterator[tuple[bool, bytes]]:
        """What the command writes, until it has ended; nothing (b"") at least every `seconds`."""
        with selectors.DefaultSelector() as selector:
            for fd in self._out:
                selector.register(fd, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(seconds)
                for key, _ in ready:
                    data = _read(key.fd)
                    if not data:
                        selector.unregister(key.fd)
                    yield self._out[key.fd], data
                if not ready:
                    yield False, b""


class _Pipes(_Streams):
    def __init__(self) -> None:
        stdin, into = os.pipe()
        output, stdout = os.pipe()
        errors, stderr = os.pipe()
        super().__init__((stdin, stdout, stderr), into, {output: False, errors: True})
        self._ended = False

    def end_input(self) -> None:
        if not self._ended:
            self._ended = True
            os.close(self._into)

    def write(self, data: bytes) -> None:
        if not self._ended:
            super().write(data)


class _Terminal(_Streams):
    def __init__(self, window: pb.DebugWindow) -> None:
        master, slave = os.openpty()
        super().__init__((slave, slave, slave), master, {master: False})
        self.resize(window)

    def resize(self, window: pb.DebugWindow) -> None:
        rows, columns = min(window.rows or 24, 1000), min(window.columns or 80, 1000)
        fcntl.ioctl(self._into, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, limits.DEBUG_PIECE)
    except OSError:  # a terminal whose other end is closed (EIO)
        return b""
