"""Questions to PID 1, against a small real peer on a socket that speaks D-Bus as systemd's private one does."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jeepney import HeaderFields, Message, Parser, new_error, new_method_return

from adamant.model.errors import AdamantError
from adamant.node.systemd import NAME, Systemd, notify

UNITS = [("a.service", "", "loaded", "active", "running", "", "/unit/a", 0, "", "/")]
PROPERTIES = {"Version": ("s", "257"), "NFailedUnits": ("u", 0)}

JOBS: dict[str, int] = {}
"""How often each job is still to be found, by its path."""
CALLED: list[tuple[object, ...]] = []

Behaviour = Callable[[socket.socket], None]


def _answer(question: Message) -> Message:
    member = question.header.fields[HeaderFields.member]
    if member == "ListUnitsByPatterns" and question.body[0] == ["failed"]:
        failed = [("bad.service", "", "loaded", "failed", "failed", "", "/unit/b", 0, "", "/")]
        return new_method_return(question, "a(ssssssouso)", (failed if question.body[1] == ["bad.service"] else [],))
    if member == "ListUnitsByPatterns":
        return new_method_return(question, "a(ssssssouso)", (UNITS,))
    if member in {"StartUnit", "RestartUnit", "StopUnit", "ReloadOrRestartUnit", "StartTransientUnit"}:
        if question.body[0] == "none.service":
            return new_error(question, f"{NAME}.NoSuchUnit", "s", ("no such unit",))
        CALLED.append((member, *question.body))
        path = f"/job/{len(CALLED)}"
        JOBS[path] = 2
        return new_method_return(question, "o", (path,))
    if member == "Reload":
        CALLED.append((member,))
        return new_method_return(question)
    path = question.header.fields[HeaderFields.path]
    if member == "Get" and JOBS.get(path, 0):
        JOBS[path] -= 1
        return new_method_return(question, "v", (("s", "running"),))
    if member == "Get" and question.body[1] in PROPERTIES:
        return new_method_return(question, "v", (PROPERTIES[question.body[1]],))
    return new_error(question, "org.freedesktop.DBus.Error.UnknownProperty", "s", ("no such property",))


def _accept(peer: socket.socket) -> None:
    """As sd-bus does: what comes in one piece with BEGIN is left lying until more comes."""
    said = b""
    while not said.endswith(b"BEGIN\r\n"):
        data = peer.recv(4096)
        if not data:
            raise ConnectionResetError
        said += data
        assert b"BEGIN\r\n" not in said[:-7], "a question came together with BEGIN"
    assert said == b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\nBEGIN\r\n"
    peer.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")


def _serve(peer: socket.socket) -> None:
    _accept(peer)
    parser, serial = Parser(), 0
    while data := peer.recv(4096):
        for question in parser.feed(data):
            serial += 1
            peer.sendall(_answer(question).serialise(serial=serial))


def _refuse(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(b"REJECTED\r\n")


def _hang_up(peer: socket.socket) -> None:
    _accept(peer)
    peer.recv(4096)


def _say_nothing(peer: socket.socket) -> None:
    _accept(peer)
    while peer.recv(4096):
        pass


def _talk_nonsense(peer: socket.socket) -> None:
    _accept(peer)
    peer.recv(4096)
    peer.sendall(b"x" * 64)


def _greet_without_end(peer: socket.socket) -> None:
    while True:
        peer.sendall(b"x" * 1024)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Behaviour], str]]:
    listening = socket.socket(socket.AF_UNIX)
    path = str(tmp_path / "private")
    listening.bind(path)
    listening.listen()
    threads: list[threading.Thread] = []

    def run(behaviour: Behaviour) -> None:
        try:
            while True:
                peer, _ = listening.accept()
                with peer:
                    try:
                        behaviour(peer)
                    except ConnectionError:
                        continue
        except OSError:
            return

    def begin(behaviour: Behaviour) -> str:
        threads.append(threading.Thread(target=run, args=(behaviour,), daemon=True))
        threads[0].start()
        return path

    yield begin
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    for thread in threads:
        thread.join(5)


def test_every_question_is_answered_every_time(start: Callable[[Behaviour], str]) -> None:
    path = start(_serve)
    for _ in range(50):
        with Systemd(path, seconds=60) as systemd:
            assert systemd.manager("Version", "NoSuchThing", "NFailedUnits") == ["257", None, 0]
            (unit,) = systemd.units([], ["a.service"])
            assert (unit.name, unit.active, unit.path) == ("a.service", "active", "/unit/a")


def test_many_questions_at_once_are_answered_in_their_order(start: Callable[[Behaviour], str]) -> None:
    with Systemd(start(_serve), seconds=60) as systemd:
        wanted = [("/x", "Unit", "Version" if n % 2 else "NFailedUnits") for n in range(200)]
        assert systemd.get(wanted) == ["257" if n % 2 else 0 for n in range(200)]


@pytest.mark.parametrize("behaviour", [_refuse, _hang_up, _say_nothing, _talk_nonsense, _greet_without_end])
def test_a_systemd_that_does_not_answer_is_an_error_within_the_deadline(
    start: Callable[[Behaviour], str], behaviour: Behaviour
) -> None:
    def ask() -> Any:
        with Systemd(start(behaviour), seconds=0.5) as systemd:
            return systemd.manager("Version")

    with pytest.raises(AdamantError, match="systemd-silent"):
        ask()


def test_a_connection_that_is_dropped_is_made_anew(start: Callable[[Behaviour], str]) -> None:
    dropped: list[bytes] = []

    def behave(peer: socket.socket) -> None:
        if len(dropped) < 2:
            dropped.append(peer.recv(4096))
        else:
            _serve(peer)

    with Systemd(start(behave), seconds=60) as systemd:
        assert systemd.manager("Version") == ["257"]
    assert len(dropped) == 2


def test_an_action_is_over_when_its_job_is(start: Callable[[Behaviour], str]) -> None:
    CALLED.clear()
    with Systemd(start(_serve), seconds=60) as systemd:
        systemd.act("restart", "a.service")
        assert JOBS["/job/1"] == 0
        systemd.act("stop", "a.service")
        systemd.act("reload", "a.service")
        systemd.daemon_reload()
        systemd.run("once.service", ("/usr/bin/true", "x"))
        assert systemd.manager("Version") == ["257"]
    assert [call[:3] for call in CALLED] == [
        ("RestartUnit", "a.service", "replace"),
        ("StopUnit", "a.service", "replace"),
        ("ReloadOrRestartUnit", "a.service", "replace"),
        ("Reload",),
        ("StartTransientUnit", "once.service", "replace"),
    ]
    properties = dict(CALLED[-1][3])  # type: ignore[call-overload]
    assert properties["ExecStart"][1] == [("/usr/bin/true", ["/usr/bin/true", "x"], False)]


@pytest.mark.parametrize(("unit", "reference"), [("none.service", "unit-refused"), ("bad.service", "unit-failed")])
def test_an_action_that_fails_is_an_error(start: Callable[[Behaviour], str], unit: str, reference: str) -> None:
    with Systemd(start(_serve), seconds=5) as systemd, pytest.raises(AdamantError, match=reference):
        systemd.act("start", unit)


def test_no_systemd_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AdamantError, match="systemd-silent"):
        Systemd(str(tmp_path / "none"))


@pytest.mark.parametrize("abstract", [False, True])
def test_readiness_reaches_the_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = f"adamant-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
        manager.bind("\0" + name if abstract else name)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
        notify("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_without_a_manager_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
