"""The agent's side of debug sessions: who may have one, the words in the events, and the relay to the program."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adamant.api import debug_pb2 as pb
from adamant.api.events_pb2 import EVENT_KIND_DEBUG
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.node import posture
from adamant.node.calls import Call
from adamant.node.debug import frames
from adamant.node.events import Events
from adamant.node.systemd import Systemd

SOCKET = "run/adamant/debug.sock"
_UNIT = "adamant-debug.socket"
_CONTAINERD = "containerd.service"
_IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]{0,400}")


def ready() -> None:
    """Have systemd listen for sessions. Raises AdamantError `debug-containerd` on a node without containerd."""
    with Systemd() as systemd:
        if not any(unit.load == "loaded" for unit in systemd.units([], [_CONTAINERD])):
            raise AdamantError(
                "debug-containerd", "the node has no containerd", hint="add containerd to the image's packages"
            )
        systemd.act("start", _UNIT)


class Debug:
    """Debug sessions on the machine below `root`. `prepare` makes it listen at SOCKET."""

    def __init__(self, root: Path, events: Events, prepare: Callable[[], None] = ready) -> None:
        self._root = root
        self._events = events
        self._prepare = prepare
        self._lock = threading.Lock()
        self._open = 0

    def answer(self, requests: Iterator[pb.DebugRequest], call: Call) -> Iterator[pb.DebugResponse]:
        """Answer Debug."""
        self._check_posture()
        first = next(requests, pb.DebugRequest())
        check(first)
        with self._counted(), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as peer:
            self._prepare()
            try:
                peer.connect(str(self._root / SOCKET))
            except OSError as error:
                raise AdamantError("debug-silent", f"the debug session cannot be started: {error.strerror}") from error
            call.on_end(lambda: _hang_up(peer))
            fields = {"client": call.who.name, "image": first.start.image or "an archive"}
            code = "none"
            try:
                frames.send(peer, first.SerializeToString())
                threading.Thread(target=_relay, args=(requests, peer), name="debug", daemon=True).start()
                for message in _answers(peer):
                    kind = message.WhichOneof("message")
                    if kind == "started":
                        fields["digest"] = message.started.digest
                        fields["container"] = message.started.container
                        command = " ".join(first.start.command)[: limits.REASON_LENGTH]
                        self._events.publish(
                            EVENT_KIND_DEBUG, "a debug container was started", {**fields, "command": command}
                        )
                    elif kind == "exit_code":
                        code = str(message.exit_code)
                    yield message
            finally:
                self._events.publish(EVENT_KIND_DEBUG, "a debug session ended", {**fields, "exit_code": code})
                _hang_up(peer)

    def _check_posture(self) -> None:
        if not posture.rules(self._root).debug_containers:
            raise BusyError("debug-posture", f"the posture {posture.read(self._root)} has no debug containers")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            if self._open >= limits.DEBUG_SESSIONS:
                raise BusyError(
                    "debug-limit",
                    f"the limit of {limits.DEBUG_SESSIONS} debug sessions at once is reached",
                    hint="end one of them",
                )
            self._open += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1


def check(first: pb.DebugRequest) -> None:
    """Raise InputError `debug-start` when a session cannot begin with this message."""
    start = first.start
    words = list(start.command)
    if first.WhichOneof("message") != "start":
        why = "a session begins with what is to be run"
    elif start.image and not _IMAGE.fullmatch(start.image):
        why = f"not the name of an image: {start.image[:80]!r}"
    elif len(words) > limits.DEBUG_WORDS or sum(map(len, words)) > limits.DEBUG_WORDS_SIZE:
        why = f"the command is longer than {limits.DEBUG_WORDS} words or {limits.DEBUG_WORDS_SIZE} characters"
    elif start.seconds > limits.DEBUG_SECONDS_MOST:
        why = f"a session takes up to {limits.DEBUG_SECONDS_MOST // 3600} hours"
    else:
        return
    raise InputError("debug-start", why)


def _relay(requests: Iterator[pb.DebugRequest], peer: socket.socket) -> None:
    """Pass on what the client sends. gRPC ends the iterator by an exception of its own when the call ends."""
    try:
        for message in requests:
            frames.send(peer, message.SerializeToString())
    except Exception:  # whatever it is: the call is over, and its end is told elsewhere
        _hang_up(peer)


def _answers(peer: socket.socket) -> Iterator[pb.DebugResponse]:
    while True:
        frame = frames.receive(peer)
        if frame is None:
            raise AdamantError(
                "debug-silent",
                "the debug session ended without a word",
                hint="the log of its unit, adamant-debug@…, says more",
            )
        kind, data = frame
        if kind == frames.ERROR:
            raise frames.error_of(data)
        message = pb.DebugResponse.FromString(data)
        yield message
        if message.WhichOneof("message") == "exit_code":
            return


def _hang_up(peer: socket.socket) -> None:
    try:
        peer.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
