"""Debug sessions against a real containerd: the API, the relay, the session's program, and what is left afterwards."""

import datetime
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from adamant.api import client, contexts, methods, pki
from adamant.api import debug_pb2 as pb
from adamant.api.contexts import Context
from adamant.api.identity import Role
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError
from adamant.model.lock import Lock
from adamant.node import server
from adamant.node.calls import Call
from adamant.node.debug.ctr import PREFIX, Ctr
from adamant.node.debug.service import Debug
from adamant.node.events import Events
from tests.image.conftest import COMMAND
from tests.tool import containerd as real
from tests.tool.containerd import Containerd

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)

PROGRAM = """\
import socket, sys
from pathlib import Path
from adamant.core import limits
from adamant.node.debug import session
from adamant.node.debug.ctr import Ctr
folder, name, verb = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
limits.DEBUG_ARCHIVE_SECONDS = float(sys.argv[5])
ctr = Ctr(name, folder, sys.argv[4], ("--address", str(folder / "containerd.sock")), "native")
if verb == "run":
    session.run(socket.socket(fileno=0), ctr)
else:
    session.clean(ctr)
"""


def left(containerd: Containerd) -> list[str]:
    """Namespaces of sessions."""
    return [name for name in containerd.namespaces() if name.startswith(PREFIX)]


@pytest.fixture(scope="module")
def containerd(tmp_path_factory: pytest.TempPathFactory, lock: Lock, cache: Path) -> Iterator[Containerd]:
    with real.running(tmp_path_factory.mktemp("containerd"), lock, cache) as found:
        yield found


@pytest.fixture(scope="module")
def archive(containerd: Containerd) -> Path:
    return real.busybox(containerd.folder / "busybox.tar")


class Manager:
    """What systemd does with adamant-debug.socket: one program for each connection, and the clean-up after it."""

    def __init__(self, containerd: Containerd, root: Path) -> None:
        self._containerd = containerd
        self.archive_seconds = limits.DEBUG_ARCHIVE_SECONDS
        self.programs: list[subprocess.Popen[bytes]] = []
        path = root / "run/adamant/debug.sock"
        path.parent.mkdir(parents=True)
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(path))
        self.listening.listen()
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _argv(self, name: str, verb: str) -> list[str | Path]:
        last = str(self.archive_seconds)
        return [sys.executable, "-c", PROGRAM, self._containerd.folder, name, verb, self._containerd.ctr, last]

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self.listening.accept()
            except OSError:
                return
            with peer:
                name = f"{len(self.programs)}-{os.getpid()}-0"
                running = subprocess.Popen(self._argv(name, "run"), stdin=peer.fileno())
            self.programs.append(running)
            thread = threading.Thread(target=self._follow, args=(running, name), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _follow(self, running: "subprocess.Popen[bytes]", name: str) -> None:
        running.wait()
        subprocess.run(self._argv(name, "clean"), check=True)

    def settle(self) -> None:
        """Wait until every session has ended and was cleaned."""
        for thread in self.threads[1:]:
            thread.join(60)


class Machine(NamedTuple):
    """A served API with debug sessions."""

    address: str
    events: Events
    manager: Manager
    containerd: Containerd

    def said(self) -> list[tuple[str, dict[str, str]]]:
        """Events about debug sessions."""
        return [
            (event.message, dict(event.fields))
            for event in self.events.follow(0, (), 0, wait=False, alive=lambda: True)
            if "debug" in event.message
        ]


@pytest.fixture
def machine(tmp_path: Path, containerd: Containerd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    root = tmp_path / "root"
    manager = Manager(containerd, root)
    events = Events()
    debug = Debug(root, events, prepare=lambda: None)

    def nothing(_request: Any, _call: Call) -> Any:
        raise AdamantError("nothing", "this test answers no such method")

    table = {**dict.fromkeys(methods.BY_NAME, nothing), "Debug": debug.answer}
    running, port = server.start(table, events, "127.0.0.1:0", CA.certificate, NODE.certificate, NODE.key)
    address = f"127.0.0.1:{port}"
    home = tmp_path / "config"
    monkeypatch.setenv("ADAMANT_CONFIG", str(home))
    monkeypatch.delenv("ADAMANT_CONTEXT", raising=False)
    for role in (Role.ADMIN, Role.OPERATOR):
        folder = home / role.value
        folder.mkdir(parents=True)
        pair = pki.issue_client(CA, "mary", role, NOW)
        for name, data in (("ca.crt", CA.certificate), ("a.crt", pair.certificate), ("a.key", pair.key)):
            (folder / name).write_bytes(data)
        contexts.put(
            role.value,
            Context(address, ca=f"{role.value}/ca.crt", certificate=f"{role.value}/a.crt", key=f"{role.value}/a.key"),
        )
    try:
        yield Machine(address, events, manager, containerd)
    finally:
        running.stop(0).wait()
        manager.listening.shutdown(socket.SHUT_RDWR)
        manager.listening.close()
        manager.settle()


def _debug(*arguments: str | Path, stdin: bytes = b"", context: str = "admin") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*COMMAND, "node", "-c", context, "debug", *map(str, arguments)], input=stdin, capture_output=True, timeout=120
    )


def test_a_command_s_words_errors_and_exit_code_are_this_one_s(machine: Machine, archive: Path) -> None:
    done = _debug("--image-archive", archive, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 7)


def test_input_reaches_the_command_to_its_end(machine: Machine, archive: Path) -> None:
    data = os.urandom(3 << 20)
    done = _debug("--image-archive", archive, "--", "cat", stdin=data)
    assert done.returncode == 0, done.stderr
    assert done.stdout == data


def test_it_sees_the_host_s_processes_and_files_and_cannot_write_them(machine: Machine, archive: Path) -> None:
    script = f"ls /proc/{os.getpid()}/stat && ls -d /host/usr && touch /host{archive.parent}/x"
    done = _debug("--image-archive", archive, "--", "sh", "-c", script)
    assert done.returncode == 1
    assert done.stdout.split() == [f"/proc/{os.getpid()}/stat".encode(), b"/host/usr"]
    assert b"Read-only file system" in done.stderr
    assert not (archive.parent / "x").exists()


def test_nothing_is_left_and_the_events_say_who_ran_what(machine: Machine, archive: Path) -> None:
    assert _debug("--image-archive", archive, "--", "true").returncode == 0
    machine.manager.settle()
    assert left(machine.containerd) == []
    started, ended = machine.said()[:2]
    assert started[0] == "a debug container was started"
    assert started[1]["client"] == "mary"
    assert started[1]["command"] == "true"
    assert started[1]["digest"].startswith("sha256:")
    assert ended[1]["exit_code"] == "0"


def test_other_roles_may_not(machine: Machine, archive: Path) -> None:
    done = _debug("--image-archive", archive, "--", "true", context="operator")
    assert done.returncode == 1
    assert b"not-authorised" in done.stderr
    assert machine.manager.programs == []


def _begin(machine: Machine, archive: Path, *command: str, seconds: int = 60) -> Iterator[pb.DebugResponse]:
    """A session of a client of its own, up to the first output."""
    pair = pki.issue_client(CA, "mary", Role.ADMIN, NOW)
    node = client.connect(machine.address, pki.Credentials(CA.certificate, pair.certificate, pair.key))
    waiting = threading.Event()

    def requests() -> Iterator[pb.DebugRequest]:
        yield pb.DebugRequest(start=pb.DebugStart(command=command, seconds=seconds))
        yield pb.DebugRequest(archive=archive.read_bytes()[: 1 << 19])
        rest = archive.read_bytes()[1 << 19 :]
        for at in range(0, len(rest), 1 << 19):
            yield pb.DebugRequest(archive=rest[at : at + (1 << 19)])
        yield pb.DebugRequest(archive=b"")
        waiting.wait(60)

    try:
        yield from node.stream("Debug", requests())
    finally:
        waiting.set()
        node.close()


def _until_output(answers: Iterator[pb.DebugResponse]) -> bytes:
    return next(answer.output for answer in answers if answer.WhichOneof("message") == "output")


SLEEP = ("sh", "-c", "echo up; sleep 1000")


def test_a_client_that_goes_leaves_nothing(machine: Machine, archive: Path) -> None:
    with closing(_begin(machine, archive, *SLEEP)) as answers:  # type: ignore[type-var]
        assert _until_output(answers) == b"up\n"
        assert len(left(machine.containerd)) == 1
    machine.manager.settle()
    assert left(machine.containerd) == []


def test_a_session_ends_when_its_time_is_over(machine: Machine, archive: Path) -> None:
    with pytest.raises(AdamantError) as caught:
        list(_begin(machine, archive, *SLEEP, seconds=4))
    assert caught.value.reference == "debug-over"
    machine.manager.settle()
    assert left(machine.containerd) == []


@contextmanager
def _sending(machine: Machine, pieces: Iterator[bytes], seconds: int) -> Iterator[Iterator[pb.DebugResponse]]:
    """The answers to a client that sends `pieces` of an archive, and then nothing."""
    pair = pki.issue_client(CA, "mary", Role.ADMIN, NOW)
    ended = threading.Event()

    def requests() -> Iterator[pb.DebugRequest]:
        yield pb.DebugRequest(start=pb.DebugStart(command=SLEEP, seconds=seconds))
        for piece in pieces:
            yield pb.DebugRequest(archive=piece)
        ended.wait(120)

    with client.connect(machine.address, pki.Credentials(CA.certificate, pair.certificate, pair.key)) as node:
        try:
            yield node.stream("Debug", requests())
        finally:
            ended.set()


def test_a_client_that_sends_no_more_of_its_archive_is_told_and_its_session_ends(
    machine: Machine, archive: Path
) -> None:
    machine.manager.archive_seconds = 3.0
    begin = archive.read_bytes()[: 1 << 16]
    with _sending(machine, iter([begin]), seconds=600) as answers, pytest.raises(AdamantError) as caught:
        list(answers)
    assert caught.value.reference == "client-silent"
    assert "within the limit of 3 s" in caught.value.message
    machine.manager.settle()
    assert left(machine.containerd) == []


def test_a_client_that_sends_its_archive_drop_by_drop_has_no_longer_than_its_time(
    machine: Machine, archive: Path
) -> None:
    def drops() -> Iterator[bytes]:
        for byte in archive.read_bytes():
            yield bytes([byte])
            time.sleep(0.2)

    with _sending(machine, drops(), seconds=4) as answers, pytest.raises(AdamantError) as caught:
        list(answers)
    assert caught.value.reference == "debug-over"
    machine.manager.settle()
    assert left(machine.containerd) == []


def test_a_terminal_that_is_idle_longer_than_an_archive_may_be_goes_on(machine: Machine, archive: Path) -> None:
    machine.manager.archive_seconds = 3.0
    argv = [*COMMAND, "node", "-c", "admin", "debug", "--image-archive", str(archive)]
    master, slave = pty.openpty()
    running = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True)
    try:
        _expect(master, b"# ")
        time.sleep(3 * machine.manager.archive_seconds)
        os.write(master, b"exit 5\r")
        assert running.wait(60) == 5
    finally:
        running.kill()
        running.communicate()
        os.close(master)
        os.close(slave)


def test_a_session_above_the_cap_is_refused_and_the_limit_named(machine: Machine, archive: Path) -> None:
    with ExitStack() as stack:
        for _ in range(limits.DEBUG_SESSIONS):
            answers = stack.enter_context(closing(_begin(machine, archive, *SLEEP, seconds=600)))  # type: ignore[type-var]
            assert _until_output(answers) == b"up\n"
        with pytest.raises(BusyError) as caught:
            list(_begin(machine, archive, *SLEEP))
        assert caught.value.reference == "debug-limit"
        assert f"the limit of {limits.DEBUG_SESSIONS} debug sessions at once" in caught.value.message
    machine.manager.settle()
    assert left(machine.containerd) == []


def test_a_session_s_program_that_is_killed_leaves_nothing(machine: Machine, archive: Path) -> None:
    with closing(_begin(machine, archive, *SLEEP)) as answers:  # type: ignore[type-var]
        assert _until_output(answers) == b"up\n"
        machine.manager.programs[-1].kill()
        with pytest.raises(AdamantError) as caught:
            list(answers)
    assert caught.value.reference == "debug-silent"
    machine.manager.settle()
    assert left(machine.containerd) == []


def test_what_is_left_of_a_power_cut_goes_with_the_next_session(machine: Machine, archive: Path) -> None:
    containerd = machine.containerd
    stale = Ctr("0-1-0", containerd.folder, containerd.ctr, containerd.common)
    stale = stale._replace(snapshotter="native")
    stale.import_archive(lambda out: _write(out, archive.read_bytes()))
    assert left(containerd) == [stale.namespace]
    assert _debug("--image-archive", archive, "--", "true").returncode == 0
    machine.manager.settle()
    assert left(containerd) == []


def _write(out: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


def test_what_is_no_archive_is_told_so(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "no.tar").write_bytes(b"no archive" * 100_000)
    done = _debug("--image-archive", tmp_path / "no.tar", "--", "true")
    assert done.returncode == 1
    assert b"[debug-archive]" in done.stderr
    machine.manager.settle()
    assert left(machine.containerd) == []


def test_a_terminal_is_one_on_both_sides_and_given_back(machine: Machine, archive: Path) -> None:
    master, slave = pty.openpty()
    before = _termios(slave)
    argv = [*COMMAND, "node", "-c", "admin", "debug", "--image-archive", str(archive)]
    running = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True)
    try:
        _expect(master, b"# ")
        os.write(master, b"stty size; stty -a | cat > /dev/null && echo is''atty\r")
        _expect(master, b"isatty")
        import fcntl
        import struct
        import termios

        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
        running.send_signal(signal.SIGWINCH)
        time.sleep(1)
        os.write(master, b"stty size\r")
        _expect(master, b"33 111")
        os.write(master, b"exit 5\r")
        assert running.wait(60) == 5
        assert _termios(slave) == before
    finally:
        running.kill()
        running.communicate()
        os.close(master)
        os.close(slave)


def test_a_terminal_is_given_back_when_the_client_is_ended(machine: Machine, archive: Path) -> None:
    master, slave = pty.openpty()
    before = _termios(slave)
    argv = [*COMMAND, "node", "-c", "admin", "debug", "--image-archive", str(archive)]
    running = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True)
    try:
        _expect(master, b"# ")
        assert _termios(slave) != before
        running.send_signal(signal.SIGTERM)
        running.wait(60)
        assert _termios(slave) == before
    finally:
        running.kill()
        running.communicate()
        os.close(master)
        os.close(slave)
    machine.manager.settle()
    assert left(machine.containerd) == []


def _termios(fd: int) -> list[Any]:
    import termios

    return termios.tcgetattr(fd)


def _expect(fd: int, wanted: bytes, seconds: float = 60) -> None:
    seen, end = b"", time.monotonic() + seconds
    while wanted not in seen:
        assert time.monotonic() < end, seen
        if select.select([fd], [], [], 1)[0]:
            seen += os.read(fd, 4096)
