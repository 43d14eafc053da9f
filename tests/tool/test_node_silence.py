"""Clients that begin and say nothing, and clients whose computer is gone: what they cost a node ends by itself."""

import datetime
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from adamant.api import client, events_pb2, methods, pki
from adamant.api import node_pb2 as pb
from adamant.api.identity import Role
from adamant.api.methods import Form, Method
from adamant.api.pki import Credentials
from adamant.core import limits
from adamant.node import server
from adamant.node.calls import Call
from adamant.node.events import Events

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)
_PAIR = pki.issue_client(CA, "mary", Role.ADMIN, NOW)
ADMIN = Credentials(CA.certificate, _PAIR.certificate, _PAIR.key)
SECONDS = 60.0
"""What anything may take that must happen."""
FOLLOWER = """\
import sys, time
from pathlib import Path
from adamant.api import client
from adamant.api.pki import Credentials
address, folder, follows = sys.argv[1], Path(sys.argv[2]), sys.argv[3] == "follows"
node = client.connect(address, Credentials(*((folder / name).read_bytes() for name in ("ca", "cert", "key"))), 60)
node.version()
if follows:
    events = node.events(follow=True)
    next(events)
print("ready", flush=True)
time.sleep(1000)
"""


class Served:
    """The real server: Version answers at once, Events follows, and every other handler notes that it was called."""

    def __init__(self) -> None:
        self.events = Events()
        self.events.publish(events_pb2.EVENT_KIND_AGENT, "the first")
        self.called: list[str] = []
        self.streams = 0
        self.address = ""

    def table(self) -> dict[str, server.Handler]:
        noted: dict[str, server.Handler] = {method.name: self._noted(method) for method in methods.METHODS}
        return {**noted, "Version": lambda _request, _call: pb.VersionResponse(hostname="m1"), "Events": self._follow}

    def _noted(self, method: Method) -> server.Handler:
        def handler(_request: Any, _call: Call) -> Any:
            self.called.append(method.name)
            return method.response() if method.form is Form.UNARY else iter([method.response()])

        return handler

    def _follow(self, request: Any, call: Call) -> Iterator[Any]:
        self.streams += 1
        try:
            yield from self.events.follow(0, (), 0, wait=request.follow, alive=call.alive)
        finally:
            self.streams -= 1

    def connections(self) -> int:
        """Connections that the server holds open, as the kernel knows them (proc_pid_net(5), tcp)."""
        port = f"{int(self.address.rpartition(':')[2]):04X}"
        tables = (Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
        rows = [line.split() for table in tables for line in table.splitlines()[1:]]
        return sum(row[1].endswith(f":{port}") and row[3] == "01" for row in rows)


@contextmanager
def _serving() -> Iterator[Served]:
    served = Served()
    running, port = server.start(
        served.table(), served.events, "127.0.0.1:0", CA.certificate, NODE.certificate, NODE.key
    )
    served.address = f"127.0.0.1:{port}"
    try:
        yield served
    finally:
        running.stop(0).wait()


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server that waits for a request for two seconds only."""
    monkeypatch.setattr(limits, "RPC_REQUEST_SECONDS", 2.0)
    with _serving() as served:
        yield served


def _channel(address: str) -> grpc.Channel:
    keys = grpc.ssl_channel_credentials(ADMIN.ca, ADMIN.key, ADMIN.certificate)
    return grpc.secure_channel(address, keys, (("grpc.use_local_subchannel_pool", 1),))


class Silent:
    """A call that is begun, and whose request never comes. On the wire, a call with one request begins the same."""

    def __init__(self, channel: grpc.Channel, path: str) -> None:
        self._told = threading.Event()
        self._call = channel.stream_stream(path, None, None)(self._nothing(), timeout=SECONDS)

    def _nothing(self) -> Iterator[bytes]:
        self._told.wait(2 * SECONDS)
        yield from ()

    def end(self) -> grpc.RpcError:
        """How the node ends it."""
        try:
            list(self._call)
        except grpc.RpcError as error:
            return error
        finally:
            self._told.set()
        raise AssertionError("a call without a request was answered")


def test_a_call_without_a_request_is_ended_and_the_limit_named_whatever_the_method(impatient: Served) -> None:
    with _channel(impatient.address) as channel:
        silent = {method.name: Silent(channel, method.path) for method in methods.METHODS}
        errors = {name: one.end() for name, one in silent.items()}
    for name, error in errors.items():
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED, name
        assert "sent no request within the limit of 2 s" in str(error.details()), name
        told = client.told(error, "here")
        assert told is not None
        assert told.reference == "client-silent"
    assert impatient.called == [], "a handler was called without a request"


def test_calls_without_requests_give_every_thread_back(impatient: Served) -> None:
    with ExitStack() as stack:
        channels = [stack.enter_context(_channel(impatient.address)) for _ in range(3)]
        path = methods.BY_NAME["Version"].path
        for _ in range(2):
            silent = [Silent(channels[n % 3], path) for n in range(server.THREADS)]
            assert all("sent no request within the limit" in str(one.end().details()) for one in silent)
        with client.connect(impatient.address, ADMIN, seconds=SECONDS) as node:
            assert node.version().hostname == "m1"
    _until(lambda: not _reading())


def _reading() -> list[str]:
    """Threads of this process that wait for what a client sends."""
    frames = sys._current_frames()
    found = []
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        while frame is not None:
            if frame.f_code.co_name in {"_next", "unary_request"} and "grpc/_server" in frame.f_code.co_filename:
                found.append(thread.name)
            frame = frame.f_back
    return found


def test_a_dialogue_that_has_begun_may_be_silent(impatient: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = threading.Event()

    def requests() -> Iterator[bytes]:
        yield b"\x0a\x00"
        typed.wait(2 * SECONDS)
        yield b"\x1a\x01x"

    def echo(messages: Iterator[Any], _call: Call) -> Iterator[Any]:
        for message in messages:
            yield methods.BY_NAME["Debug"].response(output=message.input)

    monkeypatch.setattr(Served, "table", lambda self: {**dict.fromkeys(methods.BY_NAME, self._follow), "Debug": echo})
    with _serving() as served, _channel(served.address) as channel:
        call = channel.stream_stream(methods.BY_NAME["Debug"].path, None, None)
        answers: Iterator[bytes] = iter(call(requests(), timeout=2 * SECONDS))
        next(answers)
        time.sleep(2 * limits.RPC_REQUEST_SECONDS)
        typed.set()
        assert next(answers) == b"\x1a\x01x"


def test_a_call_that_ends_without_a_request_is_told_so(impatient: Served) -> None:
    with _channel(impatient.address) as channel, pytest.raises(grpc.RpcError) as caught:
        list(channel.stream_stream(methods.BY_NAME["Version"].path, None, None)(iter([]), timeout=SECONDS))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "Version was called without a request" in str(caught.value.details())


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server that asks after a second of silence whether its client is there; its other options are as they are."""
    scale = {limits.KEEPALIVE_SECONDS * 1000: 1000, limits.KEEPALIVE_ANSWER_SECONDS * 1000: 2000}
    options = tuple((name, scale.get(value, value) if "ms" in name else value) for name, value in server.OPTIONS)
    monkeypatch.setattr(server, "OPTIONS", options)
    with _serving() as served:
        yield served


@contextmanager
def _follower(served: Served, folder: Path, what: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A client in a process of its own, which has called and now waits."""
    for name, data in (("ca", ADMIN.ca), ("cert", ADMIN.certificate), ("key", ADMIN.key)):
        (folder / name).write_bytes(data)
    argv = [sys.executable, "-c", FOLLOWER, served.address, str(folder), what]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("idle", [0.0, 8.0], ids=["at once", "after long silence"])
@pytest.mark.parametrize("what", ["follows", "has no call"])
def test_a_client_that_answers_no_more_costs_nothing_after_the_keepalive(
    asking: Served, tmp_path: Path, what: str, idle: float
) -> None:
    with _follower(asking, tmp_path, what) as process:
        time.sleep(idle)  # several times the keepalive, in which the client's gRPC answers for it
        assert asking.connections() == 1, "a client that is there was cut off"
        assert asking.streams == (what == "follows")
        # Its kernel goes on and acknowledges every packet; its gRPC answers no ping.
        os.kill(process.pid, signal.SIGSTOP)
        _until(lambda: asking.streams == 0 and asking.connections() == 0)


def test_a_node_asks_after_a_minute_whether_its_client_is_there() -> None:
    options = dict(server.OPTIONS)
    assert options["grpc.keepalive_time_ms"] == limits.KEEPALIVE_SECONDS * 1000 == 60_000
    for name in ("grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms"):
        assert options[name] == limits.KEEPALIVE_ANSWER_SECONDS * 1000 == 20_000
