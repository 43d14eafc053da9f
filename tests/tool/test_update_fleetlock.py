"""The FleetLock server is asked before a reboot and told after it, and no answer of one holds the agent up."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from adamant.api import pki
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, UnreachableError
from adamant.model.machine import document
from adamant.model.machine.document import Update
from adamant.node.events import Events
from adamant.node.update import state
from adamant.node.update.fleetlock import FleetLock, client_id
from adamant.node.update.rebooting import Rebooting
from adamant.node.update.state import Progress, Record
from tests.unit.pid1 import Pid1

MACHINE = "0123456789abcdef0123456789abcdef"
KNOWN_AS = "066db482af024c7a8b8e1c27bf2e7489"
"""As systemd-id128(1) of systemd 252 makes it from the machine's id and our application's."""


class Airlock(ThreadingHTTPServer):
    """A server with one slot, as the protocol describes it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.holder = ""
        self.seen: list[tuple[str, str, dict[str, Any]]] = []
        self.refuses_steady = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/lock"


class _Handler(BaseHTTPRequestHandler):
    server: Airlock

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers.get("fleet-lock-protocol", ""), body))
        who = body["client_params"]["id"]
        if self.path == "/lock/v1/pre-reboot" and self.server.holder in {"", who}:
            self.server.holder = who
            self._answer(200, b"")
        elif self.path == "/lock/v1/steady-state" and not self.server.refuses_steady:
            if self.server.holder == who:
                self.server.holder = ""
            self._answer(200, b"")
        else:
            self._answer(409, b'{"kind": "failed_lock", "value": "all slots\\nare taken"}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def airlock() -> Iterator[Airlock]:
    with Airlock() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def raw() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """Makes a server that does with its one connection what it is told."""
    servers: list[socket.socket] = []

    def make(serve: Callable[[socket.socket], None]) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def run() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                try:
                    serve(connection)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):  # closing on a request that is not read yet would be a reset
                        pass
                except OSError:
                    return  # the client has gone

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield make
    for server in servers:
        server.close()


def test_the_protocol_is_spoken_as_it_is_written(airlock: Airlock) -> None:
    lock = FleetLock(f"{airlock.url}/", "workers", KNOWN_AS)
    lock.pre_reboot()
    lock.pre_reboot()  # it may be said again
    assert airlock.holder == KNOWN_AS
    lock.steady_state()
    assert airlock.holder == ""
    body = {"client_params": {"id": KNOWN_AS, "group": "workers"}}
    assert airlock.seen == [
        ("/lock/v1/pre-reboot", "true", body),
        ("/lock/v1/pre-reboot", "true", body),
        ("/lock/v1/steady-state", "true", body),
    ]


def test_a_refusal_says_why_in_one_line(airlock: Airlock) -> None:
    airlock.holder = "another"
    with pytest.raises(BusyError, match=r"all slots\?are taken \(failed_lock\)") as caught:
        FleetLock(airlock.url, "default", KNOWN_AS).pre_reboot()
    assert caught.value.reference == "fleet-lock-refused"


def test_the_id_is_that_of_systemd_and_not_the_machine_s() -> None:
    assert client_id(MACHINE) == KNOWN_AS


@pytest.mark.parametrize("text", ["", "uninitialized", "00", "g" * 32, "0" * 34])
def test_a_machine_without_an_id_has_none_for_the_server(text: str) -> None:
    with pytest.raises(AdamantError, match="machine-id"):
        client_id(text)


def _says(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 no\r\nContent-Length: 7\r\n\r\nnothing",
        b"HTTP/1.1 302 there\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        b'HTTP/1.1 409 no\r\nContent-Length: 12\r\n\r\n["kind", "x"',
        b"HTTP/1.1 409 no\r\n\r\n" + b"[" * 60_000,
        b'HTTP/1.1 409 no\r\n\r\n{"kind": 5, "value": []}',
    ],
)
def test_an_answer_that_is_not_of_the_protocol_grants_nothing(
    raw: Callable[[Callable[[socket.socket], None]], str], answer: bytes
) -> None:
    with pytest.raises(AdamantError) as caught:
        FleetLock(raw(_says(answer)), "default", KNOWN_AS, 5).pre_reboot()
    assert caught.value.reference == "fleet-lock-failed"


@pytest.mark.parametrize("answer", [b"", b"\x00\xff\n\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 20", b"HTTP/9 x\r\n\r\n"])
def test_what_is_not_http_is_no_answer(raw: Callable[[Callable[[socket.socket], None]], str], answer: bytes) -> None:
    with pytest.raises(UnreachableError, match="fleet-lock-unreachable"):
        FleetLock(raw(_says(answer)), "default", KNOWN_AS, 5).pre_reboot()


def test_of_a_huge_answer_only_the_begin_is_read(raw: Callable[[Callable[[socket.socket], None]], str]) -> None:
    sent = 0

    def serve(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b'HTTP/1.1 409 no\r\n\r\n{"kind": "')
        while True:
            sent += connection.send(b"x" * 65536)

    begin = time.monotonic()
    with pytest.raises(AdamantError) as caught:
        FleetLock(raw(serve), "default", KNOWN_AS, 20).pre_reboot()
    assert caught.value.reference == "fleet-lock-failed"
    assert time.monotonic() - begin < 10
    assert sent < 64 << 20


def test_a_server_that_says_nothing_is_given_up(raw: Callable[[Callable[[socket.socket], None]], str]) -> None:
    ended = threading.Event()

    def serve(_connection: socket.socket) -> None:
        ended.wait(30)

    begin = time.monotonic()
    with pytest.raises(UnreachableError):
        FleetLock(raw(serve), "default", KNOWN_AS, 0.5).pre_reboot()
    ended.set()
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "begin", [b"HTTP/1.1 200 ok\r\nX-Long: ", b"HTTP/1.1 200 ok\r\nContent-Length: 9999\r\n\r\n", b""]
)
def test_a_server_that_goes_on_byte_by_byte_is_given_up_too(
    raw: Callable[[Callable[[socket.socket], None]], str], begin: bytes
) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(begin)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    began = time.monotonic()
    with pytest.raises(UnreachableError, match="longer than"):
        FleetLock(raw(serve), "default", KNOWN_AS, 0.5).pre_reboot()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://127.0.0.1:0"])
def test_a_server_that_is_not_there_is_told_so(url: str) -> None:
    with pytest.raises(UnreachableError):
        FleetLock(url, "default", KNOWN_AS, 2).steady_state()


@pytest.mark.parametrize("url", ["http://[", "http://a:99999", "http://a:b"])
def test_what_is_no_address_is_told_so(url: str) -> None:
    with pytest.raises(AdamantError, match="fleet-lock-address"):
        FleetLock(url, "default", KNOWN_AS).steady_state()


# TLS


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The context of a server whose certificate this process trusts, for 127.0.0.1."""
    now = datetime.now(UTC)
    ca = pki.make_authority("test", now)
    pair = pki.issue_node(ca, ["127.0.0.1"], now)
    (tmp_path / "ca.pem").write_bytes(ca.certificate)
    (tmp_path / "pair.pem").write_bytes(pair.certificate + pair.key)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    return context


@pytest.fixture
def over_tls(trusted: ssl.SSLContext) -> Iterator[Airlock]:
    with Airlock() as server:
        server.socket = trusted.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def _https(url: str) -> str:
    return url.replace("http:", "https:")


def test_a_server_over_tls_is_asked_when_its_certificate_is_trusted(over_tls: Airlock) -> None:
    FleetLock(_https(over_tls.url), "default", KNOWN_AS, 10).pre_reboot()
    assert over_tls.holder == KNOWN_AS


def test_a_server_that_nobody_vouches_for_grants_nothing(over_tls: Airlock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(UnreachableError, match="certificate verify failed"):
        FleetLock(_https(over_tls.url), "default", KNOWN_AS, 10).pre_reboot()
    assert over_tls.seen == []


def test_a_server_over_tls_that_goes_on_byte_by_byte_is_given_up(
    trusted: ssl.SSLContext,
) -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with trusted.wrap_socket(connection, server_side=True) as wrapped:
            try:
                wrapped.recv(65536)
                wrapped.sendall(b"HTTP/1.1 200 ok\r\nX-Long: ")
                while True:
                    wrapped.sendall(b"x")
                    time.sleep(0.05)
            except OSError:
                return  # the client has gone

    threading.Thread(target=serve, daemon=True).start()
    began = time.monotonic()
    with server, pytest.raises(UnreachableError, match="longer than"):
        FleetLock(f"https://127.0.0.1:{server.getsockname()[1]}", "default", KNOWN_AS, 0.5).pre_reboot()
    assert time.monotonic() - began < 5


# Reboots


class Rig:
    """A machine with a staged release, and what reboots it."""

    def __init__(self, root: Path) -> None:
        self.passed = 0.0
        self.pid1 = Pid1(root, lambda _root, _request: Progress("done"))
        self.events = Events()
        (root / "proc/sys/kernel/random").mkdir(parents=True)
        (root / "proc/sys/kernel/random/boot_id").write_text("a" * 32)
        (root / "etc").mkdir()
        (root / "etc/machine-id").write_text(f"{MACHINE}\n")
        self.root = root
        self.rebooting = Rebooting(root, self.events, self.pid1.connect, monotonic=lambda: self.passed)

    def stage(self) -> None:
        state.write(self.root, Record(staged="2", boot="a" * 32, seed=0))

    @property
    def told(self) -> list[str]:
        return [event.message for event in self.events.follow(0, (), 0, wait=False, alive=lambda: True)]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(limits, "POWER_PAUSE_SECONDS", 0.0)
    return Rig(tmp_path)


def _paths(airlock: Airlock) -> list[str]:
    return [path.rpartition("/")[2] for path, _, _ in airlock.seen]


def test_a_machine_that_is_well_gives_its_lock_back_once(rig: Rig, airlock: Airlock) -> None:
    airlock.holder = KNOWN_AS
    update = Update(repository="http://x.lan", fleet_lock=document.FleetLock(airlock.url))
    for _ in range(3):
        rig.rebooting.tend(update)
    assert airlock.holder == ""
    assert _paths(airlock) == ["steady-state"]


def test_it_is_said_again_until_the_server_takes_it(rig: Rig, airlock: Airlock) -> None:
    airlock.refuses_steady = True
    update = Update(repository="http://x.lan", fleet_lock=document.FleetLock(airlock.url))
    rig.stage()
    for seconds in (60, 120, 240):
        assert rig.rebooting.tend(update) == seconds
        assert rig.rebooting.tend(update) == seconds  # nothing before its time
        rig.passed += seconds
    airlock.refuses_steady = False
    rig.rebooting.tend(update)
    assert _paths(airlock) == ["steady-state"] * 4 + ["pre-reboot"]
    assert len(rig.told) == 2


def test_it_reboots_when_the_server_grants_it_and_not_before(rig: Rig, airlock: Airlock) -> None:
    airlock.holder = "another"
    update = Update(repository="http://x.lan", fleet_lock=document.FleetLock(airlock.url))
    rig.stage()
    waits = [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    for seconds in waits:
        assert rig.rebooting.tend(update) == seconds
        rig.passed += seconds
    assert rig.pid1.downs == []
    assert len(rig.told) == 1
    airlock.holder = ""
    rig.rebooting.tend(update)
    end = time.monotonic() + 60
    while not rig.pid1.downs and time.monotonic() < end:
        time.sleep(0.01)
    assert rig.pid1.downs == ["reboot.target"]
    assert airlock.holder == KNOWN_AS


def test_a_lock_is_given_back_when_the_machine_does_not_go_down(rig: Rig, airlock: Airlock) -> None:
    update = Update(repository="http://x.lan", fleet_lock=document.FleetLock(airlock.url))
    rig.stage()
    rig.rebooting.tend(update)
    state.write(rig.root, Record(staged="2", boot="b" * 32, seed=0))
    rig.passed += limits.REBOOT_SECONDS
    rig.rebooting.tend(update)
    assert _paths(airlock) == ["steady-state", "pre-reboot", "steady-state"]
    assert airlock.holder == ""


def test_another_server_in_the_config_is_asked_at_once(rig: Rig, airlock: Airlock) -> None:
    rig.stage()
    rig.rebooting.tend(Update(repository="http://x.lan", fleet_lock=document.FleetLock("http://127.0.0.1:1")))
    rig.rebooting.tend(Update(repository="http://x.lan", fleet_lock=document.FleetLock(airlock.url)))
    assert _paths(airlock) == ["steady-state", "pre-reboot"]


def test_a_machine_on_its_way_down_keeps_its_lock_whatever_the_config_says(rig: Rig, airlock: Airlock) -> None:
    rig.stage()
    rig.rebooting.tend(Update(repository="http://x.lan", fleet_lock=document.FleetLock(airlock.url)))
    assert rig.rebooting.going
    assert rig.rebooting.tend(Update(repository="http://x.lan", fleet_lock=document.FleetLock("http://x.lan"))) > 0
    assert airlock.holder == KNOWN_AS
