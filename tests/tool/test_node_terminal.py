"""Colours, widths and progress: on a terminal, and nowhere else. Real commands, a pseudo-terminal and a pipe."""

import datetime
import json
import os
import select
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adamant.api import contexts, methods, pki, resources_pb2, update_pb2
from adamant.api import node_pb2 as pb
from adamant.api.contexts import Context
from adamant.api.identity import Role
from adamant.model.errors import AdamantError, ExitCode
from adamant.node import server
from adamant.node.calls import Call
from adamant.node.events import Events

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)
SECONDS = 120.0
COLUMNS = 60
COMMAND = [sys.executable, "-m", "adamant.cli.main", "node"]
ESCAPE = "\x1b"


class Machine:
    """A node that is half well, has a long setting, and updates as far as it is let."""

    def __init__(self) -> None:
        self.seen = threading.Event()
        """Somebody has seen the update at its half."""

    def table(self) -> dict[str, server.Handler]:
        def nothing(_request: Any, _call: Call) -> Any:
            raise AdamantError("nothing", "this test answers no such method")

        return {
            **dict.fromkeys(methods.BY_NAME, nothing),
            "Health": self.health,
            "Get": self.get,
            "Upgrade": self.upgrade,
        }

    def health(self, _request: pb.HealthRequest, _call: Call) -> pb.HealthResponse:
        states = {"disk": pb.CHECK_STATE_OK, "time": pb.CHECK_STATE_WAITING, "network": pb.CHECK_STATE_FAILING}
        checks = [pb.HealthCheck(name=name, state=state, message="so it is") for name, state in states.items()]
        return pb.HealthResponse(overall=pb.CHECK_STATE_FAILING, checks=checks)

    def get(self, request: pb.GetRequest, _call: Call) -> pb.GetResponse:
        actual = pb.Spec(sysctl=resources_pb2.Sysctl(value="word " * 40))
        column = pb.Column(title="VALUE", field="value")
        return pb.GetResponse(
            kind=pb.Kind(name=request.kind, columns=[column]), resources=[pb.Resource(name="long", actual=actual)]
        )

    def upgrade(self, _request: update_pb2.UpgradeRequest, call: Call) -> Iterator[update_pb2.UpgradeProgress]:
        made = update_pb2.UpgradeProgress
        yield made(step="begin", version="2")
        for done in (0, 100, 200):
            yield made(step="compare", version="2", done=done, total=200)
        yield made(step="write", version="2", done=500, total=1000)
        while not self.seen.wait(0.2) and call.alive():
            yield made(step="write", version="2", done=500, total=1000)
        yield made(step="write", version="2", done=1000, total=1000)
        yield made(step="write", version="2", finished=True, message="2 is staged", fetched=3_000_000, requests=7)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    home = tmp_path / "config"
    monkeypatch.setenv("ADAMANT_CONFIG", str(home))
    for name in ("ADAMANT_CONTEXT", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    pki.save(home, "ca", CA)
    pki.save(home, "mary", pki.issue_client(CA, "mary", Role.ADMIN, NOW))
    made = Machine()
    serving, port = server.start(made.table(), Events(), "127.0.0.1:0", CA.certificate, NODE.certificate, NODE.key)
    contexts.put("m1", Context(f"127.0.0.1:{port}", "ca.crt", "mary.crt", "mary.key"))
    yield made
    made.seen.set()
    serving.stop(None).wait()


def _on_terminal(*arguments: str, look: Callable[[str], None] = lambda _text: None) -> tuple[int, str]:
    """The exit code of a command and all that it wrote on a terminal; `look` is shown that as it grows."""
    master, slave = os.openpty()
    termios.tcsetwinsize(master, (24, COLUMNS))
    text = ""
    try:
        environment = dict(os.environ)  # named, because readline puts a size of its own beside what Python knows of
        with subprocess.Popen(
            [*COMMAND, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment
        ) as running:
            deadline = time.monotonic() + SECONDS
            while True:
                ended = running.poll() is not None
                while select.select([master], [], [], 0.1)[0]:
                    text += os.read(master, 1 << 16).decode(errors="replace")
                    look(text)
                if ended:
                    return running.returncode, text
                if time.monotonic() > deadline:
                    running.kill()
                    pytest.fail(f"it did not end:\n{text}")
    finally:
        os.close(master)
        os.close(slave)


def _in_pipe(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=SECONDS)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.usefixtures("machine")
def test_health_has_colours_on_a_terminal_and_none_in_a_pipe() -> None:
    code, shown = _on_terminal("health")
    assert code == 1
    for colour, state in (("32", "ok"), ("33", "waiting"), ("31", "failing")):
        assert f"{ESCAPE}[{colour}m{state}" in shown
    code, out, err = _in_pipe("health")
    assert (code, err) == (1, "")
    assert ESCAPE not in out
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["disk", "ok"],
        ["time", "waiting"],
        ["network", "failing"],
    ]


@pytest.mark.usefixtures("machine")
def test_a_table_is_as_wide_as_the_terminal_and_whole_in_a_pipe() -> None:
    code, shown = _on_terminal("get", "sysctls")
    lines = shown.replace("\r", "").splitlines()
    assert (code, len(lines[1]), lines[1][-1]) == (0, COLUMNS, "…")
    code, out, _ = _in_pipe("get", "sysctls")
    assert (code, out.count("word"), ESCAPE in out) == (0, 40, False)


def test_an_update_shows_how_far_it_is_on_a_terminal(machine: Machine) -> None:
    def look(text: str) -> None:
        if "50 %" in text:
            machine.seen.set()

    code, shown = _on_terminal("upgrade", "--repository", "http://example.org", look=look)
    assert code == ExitCode.REBOOT_NEEDED
    half = shown[: shown.index("50 %")].rpartition("\r")[2]
    assert "writing the release" in half
    assert "━" in half, "there is a bar"
    assert f"{ESCAPE}[2K2 is staged\r\n3.0 MB in 7 requests" in shown, "the bar's line is taken away for it"
    assert machine.seen.is_set()


def test_an_update_says_its_steps_in_plain_lines_elsewhere(machine: Machine) -> None:
    machine.seen.set()
    code, out, err = _in_pipe("upgrade", "--repository", "http://example.org")
    assert (code, err) == (ExitCode.REBOOT_NEEDED, "")
    assert out.splitlines() == ["2 begin", "2 compare", "2 write", "2 is staged", "3.0 MB in 7 requests"]


def test_an_update_as_json_has_no_bars_on_a_terminal(machine: Machine) -> None:
    machine.seen.set()
    code, shown = _on_terminal("upgrade", "--repository", "http://example.org", "--json")
    assert code == ExitCode.REBOOT_NEEDED
    assert ESCAPE not in shown
    told = [json.loads(line) for line in shown.replace("\r", "").splitlines()]
    assert [each["done"] for each in told if each["step"] == "compare"] == [0, 100, 200]
    assert told[-1]["finished"]
