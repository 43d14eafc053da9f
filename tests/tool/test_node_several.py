"""Several machines in one command: by the real command line, against real servers on this computer."""

import datetime
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from adamant.api import contexts, events_pb2, methods, pki
from adamant.api import node_pb2 as pb
from adamant.api.contexts import Context
from adamant.api.identity import Role
from adamant.model.errors import AdamantError
from adamant.node import server
from adamant.node.calls import Call
from adamant.node.events import Events
from tests.command import run

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)


class Machine:
    """A server that answers Version with its name, once every other one is asked too."""

    def __init__(self, name: str, together: threading.Barrier | None = None) -> None:
        self.name = name
        self.together = together
        self.overall = pb.CHECK_STATE_OK
        self.bus = Events()
        self.bus.publish(events_pb2.EVENT_KIND_AGENT, f"{name} serves")

    def table(self) -> dict[str, server.Handler]:
        def nothing(_request: Any, _call: Call) -> Any:
            raise AdamantError("nothing", "this test answers no such method")

        return {
            **dict.fromkeys(methods.BY_NAME, nothing),
            "Version": self.version,
            "Health": lambda _request, _call: pb.HealthResponse(overall=self.overall),
            "Events": lambda request, call: self.bus.follow(0, (), 0, wait=request.follow, alive=call.alive),
        }

    def version(self, _request: pb.VersionRequest, _call: Call) -> pb.VersionResponse:
        if self.together:
            self.together.wait(10)
        return pb.VersionResponse(hostname=self.name)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "config"
    monkeypatch.setenv("ADAMANT_CONFIG", str(home))
    monkeypatch.delenv("ADAMANT_CONTEXT", raising=False)
    pair = pki.issue_client(CA, "mary", Role.ADMIN, NOW)
    pki.save(home, "ca", CA)
    pki.save(home, "mary", pair)


@pytest.fixture
def running() -> Iterator[dict[str, Machine]]:
    """Three machines, a, b and c; c is the current one. They answer Version only when all of them are asked at once."""
    together = threading.Barrier(3)
    machines = {name: Machine(name, together) for name in "abc"}
    with ExitStack() as stack:
        for name, machine in machines.items():
            serving, port = server.start(
                machine.table(), machine.bus, "127.0.0.1:0", CA.certificate, NODE.certificate, NODE.key
            )
            stack.callback(serving.stop, None)
            contexts.put(name, Context(f"127.0.0.1:{port}", "ca.crt", "mary.crt", "mary.key"))
        yield machines


NAMED = [["-c", "a,b,c"], ["-c", "a", "-c", "b,c"], ["--all"]]


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("named", NAMED)
def test_machines_are_asked_at_once_and_each_line_says_whose_it_is(
    named: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "node", *named, "version")
    assert code == 0
    assert [line.split() for line in out.splitlines() if "hostname" in line] == [
        [f"{name}:", "hostname", name] for name in "abc"
    ]
    assert all(line[:2] in {"a:", "b:", "c:"} for line in out.splitlines())


@pytest.mark.usefixtures("running")
def test_the_environment_names_machines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ADAMANT_CONTEXT", "a,b,c")
    assert len(run(capsys, "node", "version", "--json")[1].splitlines()) == 3
    monkeypatch.setenv("ADAMANT_CONTEXT", "a")
    assert json.loads(run(capsys, "node", "-c", "b", "health", "--json")[1])["overall"] == "ok"


@pytest.mark.usefixtures("running")
def test_each_object_has_the_machine_s_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "node", "--all", "version", "--json")
    assert code == 0
    found = [json.loads(line) for line in out.splitlines()]
    assert [(o["node"], o["answer"]["hostname"]) for o in found] == [(name, name) for name in "abc"]


def test_one_machine_is_shown_as_if_there_were_no_other(
    running: dict[str, Machine], capsys: pytest.CaptureFixture[str]
) -> None:
    running["c"].together = None
    for named in ([], ["-c", "c"], ["-c", "c,c"]):
        assert json.loads(run(capsys, "node", *named, "version", "--json")[1])["hostname"] == "c"


def test_a_machine_that_is_away_keeps_no_other_from_answering(
    running: dict[str, Machine], capsys: pytest.CaptureFixture[str]
) -> None:
    for machine in running.values():
        machine.together = None
    contexts.put("b", Context("127.0.0.1:1", "ca.crt", "mary.crt", "mary.key"))
    code, out, err = run(capsys, "node", "--all", "version")
    assert code == 4
    assert {line[:2] for line in out.splitlines()} == {"a:", "c:"}
    assert "b: no node answers" in err
    code, out, _ = run(capsys, "node", "--all", "version", "--json")
    found = {o["node"]: o for o in map(json.loads, out.splitlines())}
    assert found["b"]["error"]["reference"] == "node-unreachable"
    assert found["c"]["answer"]["hostname"] == "c"
    assert code == 4


def test_the_exit_code_is_the_worst(running: dict[str, Machine], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "node", "--all", "health")[0] == 0
    running["a"].overall = pb.CHECK_STATE_FAILING
    assert run(capsys, "node", "--all", "health")[0] == 1


def test_machines_are_waited_for_until_all_is_well(
    running: dict[str, Machine], capsys: pytest.CaptureFixture[str]
) -> None:
    running["a"].overall = pb.CHECK_STATE_FAILING

    def mend() -> None:
        running["a"].overall = pb.CHECK_STATE_OK

    timer = threading.Timer(1, mend)
    timer.start()
    code, out, err = run(capsys, "node", "--all", "health", "--wait", "2m", "--json")
    timer.join()
    assert code == 0, err
    assert {json.loads(line)["answer"]["overall"] for line in out.splitlines()} == {"ok"}


def test_who_is_waited_for_in_vain_is_told_of_as_it_is(
    running: dict[str, Machine], capsys: pytest.CaptureFixture[str]
) -> None:
    running["a"].overall = pb.CHECK_STATE_FAILING
    assert run(capsys, "node", "-c", "a", "health", "--wait", "3s")[0] == 1
    contexts.put("b", Context("127.0.0.1:1", "ca.crt", "mary.crt", "mary.key"))
    assert run(capsys, "node", "-c", "b", "health", "--wait", "3s")[0] == 4
    code, _, err = run(capsys, "node", "health", "--wait", "soon")
    assert code == 2
    assert "write 90s, 2m or 1h" in err


@pytest.mark.usefixtures("running")
def test_streams_of_several_machines_come_together(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "node", "--all", "events")
    assert code == 0
    assert sorted(line[:2] + line.split()[-2] for line in out.splitlines()) == ["a:a", "b:b", "c:c"]
    code, out, _ = run(capsys, "node", "--all", "events", "--json")
    assert {(o["node"], o["answer"]["message"]) for o in map(json.loads, out.splitlines())} == {
        (name, f"{name} serves") for name in "abc"
    }


@pytest.mark.usefixtures("running")
def test_an_unknown_machine_is_an_error_before_any_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "node", "-c", "a,x", "version")
    assert (code, out) == (2, "")
    assert "context-unknown" in err


def test_all_of_none_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "node", "--all", "version")
    assert code == 2
    assert "there is no context" in err


def test_a_node_of_another_version_is_warned_of(
    running: dict[str, Machine], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running["c"].together = None
    assert run(capsys, "node", "version")[2] == ""
    monkeypatch.setattr(server, "_VERSION", ((methods.VERSION, "7.0.1"),))
    code, out, err = run(capsys, "node", "version")
    assert code == 0
    assert "hostname" in out
    assert "c runs Adamant 7.0.1" in err


def test_a_client_s_certificate_that_ends_soon_is_warned_of_once(
    running: dict[str, Machine], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for machine in running.values():
        machine.together = None
    assert run(capsys, "node", "--all", "version")[2] == ""
    pki.save(tmp_path / "config", "mary", pki.issue_client(CA, "mary", Role.ADMIN, NOW, days=9), replace=True)
    code, _, err = run(capsys, "node", "--all", "version")
    assert code == 0
    assert err.count("your certificate mary.crt ends on") == 1
