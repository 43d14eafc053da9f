"""The agent's API over real TLS on this computer: who gets in, who may do what, and what no client can make it do."""

import contextlib
import datetime
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from adamant.api import client, events_pb2, methods, pki
from adamant.api import node_pb2 as pb
from adamant.api.identity import Role
from adamant.api.pki import Credentials, KeyedCertificate
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError, UnreachableError, VerificationError
from adamant.node import calls, server
from adamant.node.calls import Call
from adamant.node.events import Events

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
OTHER_CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)


def _client(authority: KeyedCertificate = CA, role: Role = Role.READER, **changes: Any) -> Credentials:
    pair = pki.issue_client(authority, "mary", role, **{"now": NOW, **changes})
    return Credentials(CA.certificate, pair.certificate, pair.key)


READER = _client()
ADMIN = _client(role=Role.ADMIN)


class Handlers:
    """Answers that a test can watch, hold back and break."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.release.set()
        self.lock = threading.Lock()
        self.under_way = 0
        self.most = 0
        self.error: Exception | None = None
        self.bus = Events()
        self.streams = 0

    def table(self) -> dict[str, server.Handler]:
        others = dict.fromkeys(methods.BY_NAME, self.nothing)
        return {
            **others,
            "Version": self.version,
            "Health": self.health,
            "Boot": lambda _request, _call: pb.BootResponse(slot="usr-a"),
            "Events": self.events,
        }

    def nothing(self, _request: Any, _call: Call) -> Any:
        raise AdamantError("nothing", "this test answers no such method")

    def events(self, request: events_pb2.EventsRequest, call: Call) -> Iterator[events_pb2.Event]:
        self.streams += 1
        try:
            yield from self.bus.follow(0, (), 0, wait=request.follow, alive=call.alive)
        finally:
            self.streams -= 1

    def version(self, _request: pb.VersionRequest, _call: Call) -> pb.VersionResponse:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        self.release.wait(20)
        with self.lock:
            self.under_way -= 1
        return pb.VersionResponse(hostname="m1")

    def health(self, _request: pb.HealthRequest, _call: Call) -> pb.HealthResponse:
        if self.error:
            raise self.error
        return pb.HealthResponse(overall=pb.CHECK_STATE_OK)


@contextmanager
def _serving(handlers: Handlers, node: KeyedCertificate = NODE) -> Iterator[str]:
    running, port = server.start(
        handlers.table(), handlers.bus, "127.0.0.1:0", CA.certificate, node.certificate, node.key
    )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        handlers.release.set()
        running.stop(None).wait()


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
def address(handlers: Handlers) -> Iterator[str]:
    with _serving(handlers) as found:
        yield found


def test_a_client_of_the_cluster_is_answered(address: str) -> None:
    with client.connect(address, READER) as node:
        assert node.version().hostname == "m1"
        assert node.boot().slot == "usr-a"


def test_a_node_answers_as_localhost(address: str) -> None:
    with client.connect(address.replace("127.0.0.1", "localhost"), READER) as node:
        assert node.version().hostname == "m1"


def test_a_node_answers_to_the_name_in_its_certificate(address: str) -> None:
    assert pb.VersionResponse.FromString(_raw(address, b"", name="m1")).hostname == "m1"
    with pytest.raises(grpc.RpcError):
        _raw(address, b"", name="m2")


def _rejected(address: str, keys: Credentials) -> VerificationError:
    with client.connect(address, keys) as node, pytest.raises(VerificationError) as caught:
        node.version()
    assert caught.value.reference == "certificate-rejected"
    return caught.value


def test_a_client_of_another_cluster_does_not_get_in(address: str) -> None:
    assert "does not accept the client's certificate" in str(_rejected(address, _client(OTHER_CA)))


def test_an_expired_certificate_does_not_get_in(address: str) -> None:
    long_ago = NOW - datetime.timedelta(days=40)
    assert "does not accept the client's certificate" in str(_rejected(address, _client(now=long_ago, days=30)))


def test_a_certificate_from_the_future_does_not_get_in(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pki, "BEGINS", NOW + datetime.timedelta(days=40))
    keys = _client(now=NOW + datetime.timedelta(days=40))
    assert "does not accept the client's certificate" in str(_rejected(address, keys))


def test_a_node_s_certificate_is_no_client_s(address: str) -> None:
    _rejected(address, Credentials(CA.certificate, NODE.certificate, NODE.key))


def test_a_client_does_not_talk_to_a_node_of_another_cluster(address: str) -> None:
    keys = Credentials(OTHER_CA.certificate, READER.certificate, READER.key)
    assert "the node's certificate is not accepted" in str(_rejected(address, keys))


def test_a_client_does_not_talk_to_a_node_of_another_name(handlers: Handlers) -> None:
    pair = pki.issue_client(CA, "mary", Role.READER, NOW)
    with _serving(handlers, pair) as found:
        assert "the node's certificate is not accepted" in str(_rejected(found, READER))


def test_keys_that_do_not_belong_together_are_named(address: str) -> None:
    assert "keys cannot be used" in str(_rejected(address, Credentials(CA.certificate, READER.certificate, ADMIN.key)))


def test_nobody_without_a_certificate_gets_an_answer(address: str) -> None:
    context = ssl.create_default_context(cadata=CA.certificate.decode())
    context.set_alpn_protocols(["h2"])
    received = b""
    with (
        socket.create_connection(client.parse_address(address), timeout=10) as plain,
        contextlib.suppress(ssl.SSLError, ConnectionError),
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        while chunk := secure.recv(4096):
            received += chunk
    assert received == b""


def test_older_versions_of_tls_are_refused(address: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(client.parse_address(address)) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain)


def test_a_role_that_is_too_small_is_told_so(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = methods.BY_NAME["Boot"].path
    only_admin = methods.BY_NAME["Boot"]._replace(roles=methods.ADMIN)
    monkeypatch.setitem(methods.BY_PATH, path, only_admin)
    with client.connect(address, READER) as node:
        with pytest.raises(AdamantError) as caught:
            node.boot()
        assert caught.value.reference == "not-authorised"
        assert "Boot" in caught.value.message
        assert "reader" in caught.value.message
        assert node.version().hostname == "m1"
    with client.connect(address, ADMIN) as node:
        assert node.boot().slot == "usr-a"


@pytest.mark.parametrize("unit", ["O=admin", "admin"])
def test_a_certificate_with_no_single_role_may_do_nothing(
    address: str, monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    plain = pki._name

    def extended(common: str, role: Role | None = None) -> x509.Name:
        extra = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)
        return x509.Name([*plain(common, role), extra])

    monkeypatch.setattr(pki, "_name", extended)
    with client.connect(address, _client(role=Role.ADMIN)) as node:
        with pytest.raises(AdamantError) as caught:
            node.version()
        assert caught.value.reference == "not-authorised"


def _raw(address: str, data: bytes, path: str = "/adamant.node.v1.Node/Version", name: str = "") -> bytes:
    """The answer to any bytes, by a client that checks nothing of its own."""
    keys = grpc.ssl_channel_credentials(ADMIN.ca, ADMIN.key, ADMIN.certificate)
    options = [("grpc.ssl_target_name_override", name)] if name else []
    with grpc.secure_channel(address, keys, options=options) as channel:
        call = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
        return bytes(call(data, timeout=10))


def test_a_method_that_there_is_not_is_told_so(address: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        _raw(address, b"", "/adamant.node.v1.Node/NoSuchMethod")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_request_above_the_cap_is_refused_by_the_client_and_the_limit_named(address: str) -> None:
    with client.connect(address, READER) as node:
        with pytest.raises(AdamantError) as caught:
            node.get("x" * limits.RPC_REQUEST_SIZE)
        assert caught.value.reference == "message-size"
        assert f"above the limit of {limits.RPC_REQUEST_SIZE} bytes" in caught.value.message
        assert node.version().hostname == "m1"


def test_an_answer_above_the_cap_is_refused_and_the_limit_named(
    address: str, handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = pb.HealthResponse(checks=[pb.HealthCheck(name="x" * limits.RPC_MESSAGE_SIZE)])
    monkeypatch.setattr(handlers, "health", lambda _request, _call: large)
    with _serving(handlers) as found, client.connect(found, READER) as node:
        with pytest.raises(AdamantError) as caught:
            node.health()
        assert caught.value.reference == "message-size"
        assert f"above the limit of {limits.RPC_MESSAGE_SIZE} bytes" in caught.value.message
        assert node.version().hostname == "m1"


@pytest.mark.parametrize("name", ["ConfigApply", "Events", "Debug"])
def test_a_message_above_the_cap_is_refused_in_every_form_of_call(address: str, name: str) -> None:
    keys = grpc.ssl_channel_credentials(ADMIN.ca, ADMIN.key, ADMIN.certificate)
    with grpc.secure_channel(address, keys) as channel:
        call = channel.stream_stream(methods.BY_NAME[name].path, None, None)
        with pytest.raises(grpc.RpcError) as caught:
            list(call(iter([bytes(limits.RPC_REQUEST_SIZE + 1)]), timeout=60))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(limits.RPC_REQUEST_SIZE) in str(caught.value.details())


def test_a_message_above_the_cap_is_refused_and_named(address: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        _raw(address, b"\x12" + bytes(limits.RPC_REQUEST_SIZE))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(limits.RPC_REQUEST_SIZE) in str(caught.value.details())
    assert pb.VersionResponse.FromString(_raw(address, b"")).hostname == "m1"


@pytest.mark.parametrize("data", [b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 5000, bytes(range(256))])
def test_bytes_that_are_no_request_are_an_error_and_no_harm(address: str, data: bytes) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        _raw(address, data)
    assert caught.value.code() in {grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT}
    assert pb.VersionResponse.FromString(_raw(address, b"")).hostname == "m1"


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\xff" * 4000, os.urandom(2000), b"\0" * 5],
)
def test_what_is_no_tls_is_cut_off_and_no_harm(address: str, data: bytes) -> None:
    with socket.create_connection(client.parse_address(address), timeout=limits.HANDSHAKE_SECONDS + 5) as plain:
        plain.sendall(data)
        plain.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := _recv(plain):
            received += chunk
    assert b"200" not in received
    with client.connect(address, READER) as node:
        assert node.version().hostname == "m1"


def _recv(plain: socket.socket) -> bytes:
    try:
        return plain.recv(4096)
    except ConnectionError:
        return b""


def test_handshakes_that_stall_keep_nobody_out_and_are_cut_off(address: str) -> None:
    stalled = [socket.create_connection(client.parse_address(address)) for _ in range(200)]
    try:
        with client.connect(address, READER) as node:
            assert node.version().hostname == "m1"
        deadline = time.monotonic() + limits.HANDSHAKE_SECONDS + 10
        for plain in stalled:
            plain.settimeout(max(0.1, deadline - time.monotonic()))
            assert _recv(plain) == b"", "a stalled handshake was not cut off"
    finally:
        for plain in stalled:
            plain.close()


def _call_many(address: str, count: int, connections: int) -> list[str]:
    """Outcomes of `count` calls at once, spread over `connections`: the answer, or the error with its message."""
    nodes = [client.connect(address, READER, seconds=60) for _ in range(connections)]
    outcomes: list[str] = []

    def call(node: client.Node) -> None:
        try:
            outcomes.append(node.version().hostname)
        except AdamantError as error:
            outcomes.append(f"{error.reference}: {error.message}")

    threads = [threading.Thread(target=call, args=(nodes[n % connections],)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for node in nodes:
        node.close()
    return outcomes


def test_calls_above_the_cap_of_the_node_are_refused_at_once_and_the_limit_named(
    address: str, handlers: Handlers
) -> None:
    handlers.release.clear()
    threading.Timer(3, handlers.release.set).start()
    outcomes = _call_many(address, limits.RPC_CALLS + 32, connections=16)
    assert len(outcomes) == limits.RPC_CALLS + 32
    named = f"call-limit: the limit of {limits.RPC_CALLS} calls at once on this node is reached"
    assert set(outcomes) == {"m1", named}
    assert outcomes.count("m1") >= limits.RPC_CALLS, "a call was refused below the limit"
    assert handlers.most <= server.THREADS
    with client.connect(address, READER) as node:
        assert node.version().hostname == "m1"


def test_calls_above_the_cap_of_a_connection_wait_in_the_client_or_the_limit_is_named(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = 0
    find = server._Table.service

    def counting(self: Any, details: Any) -> Any:
        nonlocal heard
        heard += 1
        return find(self, details)

    monkeypatch.setattr(server._Table, "service", counting)
    handlers.release.clear()
    outcomes: list[str] = []
    with _serving(handlers) as address:
        greedy = threading.Thread(
            target=lambda: outcomes.extend(_call_many(address, limits.RPC_STREAMS + 8, connections=1))
        )
        greedy.start()
        _until(lambda: heard == limits.RPC_STREAMS)
        time.sleep(1)
        assert heard == limits.RPC_STREAMS, "the node was told of more calls than a connection may have"
        handlers.release.set()
        greedy.join()
    # Some releases of gRPC refuse a call that comes in the moment in which another one ends.
    named = f"call-limit: the limit of {limits.RPC_STREAMS} calls at once on one connection is reached"
    assert set(outcomes) <= {"m1", named}
    assert outcomes.count("m1") >= limits.RPC_STREAMS
    assert len(outcomes) == limits.RPC_STREAMS + 8


def test_one_connection_cannot_take_all_places(address: str, handlers: Handlers) -> None:
    handlers.release.clear()
    greedy = threading.Thread(target=_call_many, args=(address, limits.RPC_STREAMS, 1))
    greedy.start()
    try:
        time.sleep(1)
        with client.connect(address, READER, seconds=5) as node, pytest.raises(UnreachableError):
            node.version()  # it waits for a worker, but it is not refused
    finally:
        handlers.release.set()
        greedy.join()


@pytest.mark.parametrize(
    ("error", "reference"),
    [
        (InputError("x", "this is wrong", hint="do that"), "x"),
        (BusyError("x", "not now"), "x"),
        (AdamantError("x", "it failed", context="there"), "x"),
        (ZeroDivisionError("a secret"), "node-failed"),
    ],
)
def test_an_error_of_a_handler_is_told_and_a_bug_tells_nothing_of_itself(
    address: str, handlers: Handlers, error: Exception, reference: str, capfd: pytest.CaptureFixture[str]
) -> None:
    handlers.error = error
    with client.connect(address, READER) as node:
        with pytest.raises(AdamantError) as caught:
            node.health()
        assert caught.value.reference == reference
        if isinstance(error, ZeroDivisionError):
            assert "a secret" not in str(caught.value)
            assert "a secret" in capfd.readouterr().err
        else:
            assert isinstance(error, AdamantError)
            assert type(caught.value) is type(error)
            assert (caught.value.message, caught.value.hint) == (error.message, error.hint)
            assert error.context in caught.value.context
        handlers.error = None
        assert node.health().overall == "ok"


def test_a_stream_brings_what_was_kept_and_what_comes(address: str, handlers: Handlers) -> None:
    handlers.bus.publish(events_pb2.EVENT_KIND_AGENT, "the first")
    with client.connect(address, READER) as node:
        found = node.events(follow=True)
        assert next(found).message == "the first"
        threading.Timer(0.5, handlers.bus.publish, (events_pb2.EVENT_KIND_HEALTH, "the second", {"a": "b"})).start()
        second = next(found)
        assert (second.message, second.kind.value, second.fields) == ("the second", "health", {"a": "b"})
        found.close()
        _until(lambda: handlers.streams == 0)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)


def test_a_stream_above_the_cap_of_its_client_is_refused_and_the_limit_named(address: str, handlers: Handlers) -> None:
    handlers.bus.publish(events_pb2.EVENT_KIND_AGENT, "one")
    with client.connect(address, READER) as node:
        open_streams = [node.events(follow=True) for _ in range(limits.RPC_STREAMS_OF_CLIENT)]
        for stream in open_streams:
            next(stream)
        with pytest.raises(BusyError) as caught:
            next(node.events())
        assert caught.value.reference == "call-limit"
        assert f"{limits.RPC_STREAMS_OF_CLIENT} streams at once by one client" in caught.value.message
        assert node.version().hostname == "m1"
        open_streams.pop().close()
        _until(lambda: handlers.streams < limits.RPC_STREAMS_OF_CLIENT)
        assert next(node.events()).message == "one"
        for stream in open_streams:
            stream.close()
    _until(lambda: handlers.streams == 0)


def test_a_stream_above_the_cap_of_the_node_is_refused_and_the_limit_named(address: str, handlers: Handlers) -> None:
    handlers.bus.publish(events_pb2.EVENT_KIND_AGENT, "one")
    with contextlib.ExitStack() as stack:
        for name in ("ann", "bob"):
            pair = pki.issue_client(CA, name, Role.READER, NOW)
            keys = Credentials(CA.certificate, pair.certificate, pair.key)
            node = stack.enter_context(client.connect(address, keys))
            for _ in range(limits.RPC_STREAMS_OPEN // 2):
                next(stack.enter_context(contextlib.closing(node.events(follow=True))))
        other = stack.enter_context(client.connect(address, READER))
        with pytest.raises(BusyError) as caught:
            next(other.events())
        assert caught.value.reference == "call-limit"
        assert f"the limit of {limits.RPC_STREAMS_OPEN} streams at once on this node" in caught.value.message
        assert other.version().hostname == "m1"
    _until(lambda: handlers.streams == 0)


def test_a_client_that_takes_nothing_is_cut_off_and_holds_no_memory(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls.Watchdog.__init__, "__defaults__", (2.0,))
    made = 0

    def endless(_request: Any, _call: Call) -> Iterator[events_pb2.Event]:
        nonlocal made
        handlers.streams += 1
        try:
            while True:
                made += 1
                yield events_pb2.Event(message="x" * 100_000)
        finally:
            handlers.streams -= 1

    monkeypatch.setattr(handlers, "events", endless)
    with _serving(handlers) as address, client.connect(address, READER) as node:
        stream = node.events()
        next(stream)
        _until(lambda: handlers.streams == 0)
        assert made < 500, "the node kept on making what nobody took"
        with pytest.raises(UnreachableError) as caught:
            list(stream)
        assert f"this side took nothing for {limits.RPC_STALL_SECONDS:.0f} s" in caught.value.message
        assert node.version().hostname == "m1"


def test_what_changes_the_node_stands_in_the_audit_log(
    address: str, handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = methods.BY_NAME["Boot"]
    monkeypatch.setattr(methods, "METHODS", tuple(m._replace(changes=m.name == "Boot") for m in methods.METHODS))
    monkeypatch.setitem(methods.BY_PATH, boot.path, boot._replace(roles=methods.ADMIN))
    with _serving(handlers) as changing:
        with client.connect(changing, ADMIN) as node:
            node.boot()
            node.version()
        with client.connect(changing, READER) as node, pytest.raises(AdamantError):
            node.boot()
    calls_made = [
        {name: event.fields[name] for name in ("client", "role", "method", "outcome")}
        for event in handlers.bus.follow(0, (), 0, wait=False, alive=lambda: True)
    ]
    assert calls_made == [
        {"client": "mary", "role": "admin", "method": "Boot", "outcome": "done"},
        {"client": "mary", "role": "reader", "method": "Boot", "outcome": "refused"},
    ]


def test_a_node_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with client.connect(f"127.0.0.1:{port}", READER) as node, pytest.raises(UnreachableError) as caught:
            node.version()
    assert caught.value.reference == "node-unreachable"


def test_a_node_that_says_nothing_is_unreachable_within_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        with (
            client.connect(f"127.0.0.1:{silent.getsockname()[1]}", READER, seconds=1) as node,
            pytest.raises(UnreachableError),
        ):
            node.version()
    assert time.monotonic() - begin < limits.HANDSHAKE_SECONDS + 5


def test_a_port_that_is_taken_is_an_error(address: str, handlers: Handlers) -> None:
    with pytest.raises(AdamantError) as caught:
        server.start(handlers.table(), handlers.bus, address, CA.certificate, NODE.certificate, NODE.key)
    assert caught.value.reference == "api-port"


def test_a_server_with_other_methods_than_the_table_does_not_start(handlers: Handlers) -> None:
    with pytest.raises(ValueError, match="differ"):
        server.start(
            {"Version": handlers.version}, handlers.bus, "127.0.0.1:0", CA.certificate, NODE.certificate, NODE.key
        )


def _agent(folder: Path, *arguments: str, notify: Path | None = None) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "CREDENTIALS_DIRECTORY": str(folder), "GRPC_VERBOSITY": "NONE"}
    if notify:
        environment["NOTIFY_SOCKET"] = str(notify)
    return subprocess.Popen(
        [sys.executable, "-m", "adamant.node.agent", *arguments], env=environment, stderr=subprocess.PIPE
    )


def _credentials(folder: Path) -> None:
    folder.mkdir()
    for name, data in (("ca", CA.certificate), ("cert", NODE.certificate), ("key", NODE.key)):
        (folder / f"adamant.{name}").write_bytes(data)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_agent_is_ready_when_it_serves_and_ends_when_told(tmp_path: Path) -> None:
    _credentials(tmp_path / "keys")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        port = _free_port()
        agent = _agent(tmp_path / "keys", "--address", f"127.0.0.1:{port}", notify=tmp_path / "notify")
        try:
            assert manager.recv(100) == b"READY=1"
            with client.connect(f"127.0.0.1:{port}", READER) as node:
                assert node.version().kernel == os.uname().release
                assert {check.name for check in node.health().checks} >= {"usr-verity", "systemd"}
                assert [phase.name for phase in node.boot().phases][-1] == "agent"
            agent.send_signal(signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1"
            assert agent.wait(20) == 0
        finally:
            agent.kill()
            agent.communicate()


@pytest.mark.parametrize("missing", ["adamant.ca", "adamant.cert", "adamant.key"])
def test_an_agent_without_keys_says_which_and_does_not_ask_to_be_started_again(tmp_path: Path, missing: str) -> None:
    _credentials(tmp_path / "keys")
    (tmp_path / "keys" / missing).unlink()
    agent = _agent(tmp_path / "keys", "--address", "127.0.0.1:0")
    _, error = agent.communicate(timeout=60)
    assert agent.returncode == 78
    assert missing.encode() in error


@pytest.mark.parametrize("arguments", [["--help"], ["--address"], ["x"]])
def test_the_agent_takes_no_other_arguments(tmp_path: Path, arguments: list[str]) -> None:
    agent = _agent(tmp_path, *arguments)
    agent.communicate(timeout=60)
    assert agent.returncode == 2


def test_the_agent_can_be_loaded_with_the_protobuf_of_a_machine() -> None:
    """Debian's cannot write `pb.State | None`: an annotation that is evaluated would end the agent at its start."""
    program = (
        "from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper\n"
        "for name in ('__or__', '__ror__'):\n"
        "    if name in vars(EnumTypeWrapper): delattr(EnumTypeWrapper, name)\n"
        "import adamant.node.agent, adamant.node.resources.answers, adamant.node.probes\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
