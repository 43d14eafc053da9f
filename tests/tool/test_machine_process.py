"""Processes told apart for certain, ports and control channels, with real processes and sockets."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from adamant.core import limits, proc
from adamant.machine import attach, port, power, process
from adamant.machine.machine import Machines, Options, Status
from adamant.machine.qmp import Qmp
from adamant.model.arch import Arch
from adamant.model.errors import AdamantError, BusyError, UnreachableError

GREETING: dict[str, object] = {"QMP": {"version": {}, "capabilities": []}}


@contextmanager
def server(path: Path, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """A Unix socket at `path` (of any length) whose first connection `serve` handles."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_PATH)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    listener.listen()

    def run() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                serve(connection)
            except OSError:
                return  # the client left, which is what some tests want

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(5)
        listener.close()
        os.close(folder)


def answers(*messages: object) -> Callable[[socket.socket], None]:
    """Greets, accepts the capabilities, then gives `messages` (bytes as they are) to the first command."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(json.dumps(GREETING).encode() + b"\r\n")
        connection.recv(4096)
        connection.sendall(b'{"return": {}, "id": 1}\r\n')
        connection.recv(4096)
        for message in messages:
            connection.sendall(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\r\n")
        connection.recv(4096)

    return serve


def test_a_command_is_answered_past_events(tmp_path: Path) -> None:
    event = {"event": "SHUTDOWN", "timestamp": {}}
    path = tmp_path / ("long" * 40) / "qmp.sock"
    serve = answers(event, {"return": 1, "id": 7}, {"return": {"status": "running"}, "id": 2})
    with server(path, serve), Qmp(path) as session:
        assert session.execute("query-status") == {"status": "running"}


@pytest.mark.parametrize(
    ("messages", "reference"),
    [
        ([{"error": {"class": "GenericError", "desc": "no"}, "id": 2}], "qmp-refused"),
        ([{"error": 3, "id": 2}], "qmp-refused"),
        ([b"[1]\n"], "qmp-malformed"),
        ([b"nonsense\n"], "qmp-malformed"),
        ([b"[" * 100_000 + b"\n"], "qmp-malformed"),
        ([b"\xff\xfe\n"], "qmp-malformed"),
        ([b"x" * (limits.QMP_LINE + (1 << 17))], "qmp-malformed"),
        ([b'{"event": "E"}\n' * (limits.QMP_MESSAGES + 1)], "qmp-malformed"),
        ([], "machine-silent"),
    ],
)
def test_hostile_answers_are_errors(tmp_path: Path, messages: list[object], reference: str) -> None:
    path = tmp_path / "qmp.sock"
    with server(path, answers(*messages)), pytest.raises(AdamantError) as caught, Qmp(path, 3.0) as session:
        session.execute("query-status")
    assert caught.value.reference == reference


@pytest.mark.parametrize("greeting", [b"", b"{}\n", b'{"QMP": 1}\n'])
def test_what_does_not_greet_is_not_qemu(tmp_path: Path, greeting: bytes) -> None:
    path = tmp_path / "qmp.sock"
    with server(path, lambda c: c.sendall(greeting)), pytest.raises(AdamantError) as caught, Qmp(path, 1.0):
        pass
    assert caught.value.reference in {"qmp-malformed", "machine-silent"}


def test_a_machine_that_drips_bytes_does_not_hold_a_command_past_its_deadline(tmp_path: Path) -> None:
    def drip(connection: socket.socket) -> None:
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)

    path = tmp_path / "qmp.sock"
    begin = time.monotonic()
    with server(path, drip), pytest.raises(UnreachableError), Qmp(path, 0.5):
        pass
    assert time.monotonic() - begin < 2


def test_without_a_socket_the_machine_is_silent(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError) as caught, Qmp(tmp_path / "qmp.sock"):
        pass
    assert caught.value.reference == "machine-silent"


def test_a_person_at_the_console_leaves_with_the_escape_key(tmp_path: Path) -> None:
    typed: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        # It says nothing: words that nobody reads would reset the connection when the person leaves.
        typed.append(connection.recv(4096))
        connection.recv(4096)

    keys, hand = os.pipe()
    _screen, sink = os.pipe()
    path = tmp_path / "console.sock"
    with server(path, serve):
        os.write(hand, b"root\r\x1dnever sent")
        assert attach.attach(path, keys, sink)
    assert typed == [b"root\r"]


def test_a_console_ends_with_its_machine(tmp_path: Path) -> None:
    keys, _hand = os.pipe()
    screen, sink = os.pipe()
    path = tmp_path / "console.sock"
    with server(path, lambda c: c.sendall(b"reboot: Power down\r\n")):
        assert not attach.attach(path, keys, sink)
    os.close(sink)
    with os.fdopen(screen, "rb") as shown:
        assert shown.read() == b"reboot: Power down\r\n"


def test_a_process_is_signalled_as_itself_and_waited_for(tmp_path: Path) -> None:
    pid = proc.spawn("sleep", ["/bin/sleep", "60"], log=tmp_path / "log", cwd=tmp_path)
    one = process.identify(pid)
    assert one is not None
    other = process.Process(pid, one.start + 1, one.boot)
    process.send(other, signal.SIGKILL)
    assert process.alive(one)
    assert not process.wait(one, 0.05)
    process.send(one, signal.SIGKILL)
    assert process.wait(one, 10)
    # nobody has collected it yet, and still it does not count as running
    assert not process.alive(one)
    assert process.identify(pid) is None


def test_a_lost_record_is_found_again_by_the_pid_file(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    pid = proc.spawn("sleep", ["/bin/sleep", "60"], log=tmp_path / "log", cwd=tmp_path)
    one = process.identify(pid)
    assert one is not None
    try:
        pid_file = tmp_path / "pid"
        pid_file.write_text(f"{pid}\n")
        assert process.find(pid_file, tmp_path, "sleep") == one
        assert process.find(pid_file, elsewhere, "sleep") is None
        assert process.find(pid_file, tmp_path, "qemu-system-") is None
        for text in ("", "x", "-1", "0", "9" * 40):
            pid_file.write_text(text)
            assert process.find(pid_file, tmp_path, "sleep") is None
    finally:
        process.send(one, signal.SIGKILL)


def test_a_port_that_somebody_listens_on_is_passed_over(tmp_path: Path) -> None:
    with socket.socket() as listener:
        first = port.allocate(set(), tmp_path)
        listener.bind((port.LOOPBACK, first))
        listener.listen()
        assert not port.free(first)
        assert port.allocate(set(), tmp_path) != first


def test_machines_made_at_once_do_not_share_a_port(tmp_path: Path) -> None:
    image = tmp_path / "disk.raw"
    image.write_bytes(b"\0" * 512 + b"EFI PART".ljust(512, b"\0"))
    machines = Machines(tmp_path / "machines")

    def create(number: int) -> str:
        return machines.create(f"m{number}", image, Options(Arch.AMD64, disk_size=1 << 20)).address

    with ThreadPoolExecutor(8) as pool:
        addresses = list(pool.map(create, range(16)))
    assert len(set(addresses)) == 16


def test_one_of_two_creates_of_a_machine_wins(tmp_path: Path) -> None:
    image = tmp_path / "disk.raw"
    image.write_bytes(b"\0" * 512 + b"EFI PART".ljust(512, b"\0"))
    machines = Machines(tmp_path / "machines")

    def create(_: int) -> bool:
        try:
            machines.create("one", image, Options(Arch.AMD64, disk_size=1 << 20))
        except BusyError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(16))) == 1
    assert [m.status for m in machines.list()] == [Status.STOPPED]
    assert power.running(machines.get("one").folder) is None
