"""Resources over the API, of the computer that the test runs on: real tables of a real kernel, through real TLS."""

import datetime
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.shell_completion import ShellComplete

from adamant.api import client, contexts, methods, pki
from adamant.api import node_pb2 as pb
from adamant.api.client import Node
from adamant.api.contexts import Context
from adamant.api.identity import Role
from adamant.api.pki import Credentials
from adamant.api.resources import Change, Resource
from adamant.cli import main
from adamant.model.errors import AdamantError, InputError
from adamant.node import server
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.resources import answers, found

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
SERVER = pki.issue_node(CA, ["m1"], NOW)
EVERYWHERE = {"memory", "cpu", "processes", "modules", "mounts", "links", "addresses", "routes", "sockets", "cgroups"}
"""Kinds that any Linux tells of."""


def _credentials(role: Role) -> Credentials:
    pair = pki.issue_client(CA, "mary", role, now=NOW)
    return Credentials(CA.certificate, pair.certificate, pair.key)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    health = pb.HealthResponse(checks=[pb.HealthCheck(name="x", state=pb.CHECK_STATE_OK)])
    shown = answers.Resources(
        found.Sources(Path("/"), pb.BootResponse, lambda: health, lambda: {"node": SERVER.certificate})
    )

    def nothing(_request: object, _call: Call) -> None:
        raise AdamantError("nothing", "this test answers no such method")

    handlers: dict[str, server.Handler] = {
        **dict.fromkeys(methods.BY_NAME, nothing),
        "Kinds": lambda _request, _call: shown.kinds(),
        "Get": lambda request, _call: shown.get(request),
        "Watch": lambda request, call: shown.watch(request, call.alive),
    }
    running, port = server.start(handlers, Events(), "127.0.0.1:0", CA.certificate, SERVER.certificate, SERVER.key)
    yield f"127.0.0.1:{port}"
    running.stop(None).wait()


@pytest.fixture
def node(address: str) -> Iterator[Node]:
    with client.connect(address, _credentials(Role.READER), seconds=60) as node:
        yield node


def _get(node: Node, kind: str, *names: str) -> dict[str, Resource]:
    return {item.name: item for item in node.get(kind, names).resources}


def test_every_kind_answers_or_says_why_not(node: Node) -> None:
    kinds = node.kinds()
    assert {kind.name for kind in kinds} >= EVERYWHERE
    refused = {}
    for kind in kinds:
        assert kind.description
        try:
            assert node.get(kind.name).kind == kind
        except AdamantError as error:  # this computer need not be one of ours
            refused[kind.name] = error.reference
    assert not EVERYWHERE & set(refused)
    assert set(refused.values()) <= {"systemd-silent", "system-file", "containerd-silent"}, refused


def test_this_process_is_among_the_processes(node: Node) -> None:
    me = _get(node, "processes", str(os.getpid()))[str(os.getpid())].actual
    assert me is not None
    assert sys.executable in me["command"]
    assert me["parent"] == os.getppid()
    assert me["memory_bytes"] > 1 << 20
    assert abs(me["started_usec"] / 1e6 - NOW.timestamp()) < 86400


def test_the_loopback_is_among_links_and_addresses(node: Node) -> None:
    loopback = _get(node, "links", "lo")["lo"].actual
    assert loopback is not None
    assert (loopback["type"], loopback["index"]) == ("loopback", socket.if_nametoindex("lo"))
    assert _get(node, "addresses", "lo/127.0.0.1/8")["lo/127.0.0.1/8"].actual is not None


def test_the_port_that_is_asked_is_among_the_sockets(node: Node, address: str) -> None:
    port = address.rpartition(":")[2]
    found = _get(node, "sockets").values()
    states = [item.actual["state"] for item in found if item.actual and item.actual["local"].endswith(f":{port}")]
    assert {"listen", "established"} <= set(states)


def test_the_certificate_is_the_one_that_is_served_with(node: Node) -> None:
    shown = _get(node, "certificates")["node"].actual
    assert shown is not None
    assert "m1" in shown["names"]
    assert shown["authority"] is False


def test_what_there_is_not_is_told_with_its_name(node: Node) -> None:
    with pytest.raises(InputError) as caught:
        node.get("process")
    assert caught.value.reference == "resource-kind"
    assert "processes" in caught.value.hint
    with pytest.raises(InputError) as caught:
        node.get("links", ["nowhere0"])
    assert caught.value.reference == "resource-unknown"
    with pytest.raises(InputError):
        list(node.watch("process"))


def test_a_watch_sends_what_is_then_ready_then_what_changes(node: Node) -> None:
    watched = node.watch("sockets")
    seen = []
    for item in watched:
        if item.change is Change.READY:
            break
        seen.append(item)
    assert seen[0].kind is not None
    assert {item.change for item in seen} == {Change.ADDED}
    with socket.create_server(("127.0.0.1", 0)) as new:
        name = f"tcp:127.0.0.1:{new.getsockname()[1]}"
        added = next(item for item in watched if item.resource and item.resource.name == name)
        assert added.change is Change.ADDED
    removed = next(item for item in watched if item.resource and item.resource.name == name)
    assert removed.change is Change.REMOVED
    watched.close()


def test_who_may_only_update_may_not_look(address: str) -> None:
    with client.connect(address, _credentials(Role.UPDATER)) as node:
        for call in (node.kinds, lambda: node.get("memory"), lambda: list(node.watch("memory"))):
            with pytest.raises(AdamantError) as caught:
                call()
            assert caught.value.reference == "not-authorised"


@pytest.fixture
def context(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A context of a person's own that leads to the server."""
    home = tmp_path / "config"
    monkeypatch.setenv("ADAMANT_CONFIG", str(home))
    monkeypatch.delenv("ADAMANT_CONTEXT", raising=False)
    pki.save(home, "ca", CA)
    pki.save(home, "mary", pki.issue_client(CA, "mary", Role.READER, NOW))
    contexts.put("here", Context(address, "ca.crt", "mary.crt", "mary.key"))
    return "here"


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main.main(["node", *arguments])
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


@pytest.mark.usefixtures("context")
def test_the_command_shows_kinds_and_resources_in_three_forms(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "get")
    assert code == 0
    assert any(line.startswith("memory ") for line in out.splitlines())
    code, out, _ = _run(capsys, "get", "memory")
    assert (code, out.split()[:2]) == (0, ["NAME", "TOTAL"])
    for arguments, read in ((["--json"], json.loads), (["-o", "json"], json.loads), (["-o", "yaml"], yaml.safe_load)):
        code, out, _ = _run(capsys, "get", "memory", "memory", *arguments)
        found = read(out)
        assert (code, found["kind"]) == (0, "memory")
        assert found["resources"][0]["actual"]["total_bytes"] > 1 << 20
        assert found["resources"][0]["desired"] is None
    code, _, err = _run(capsys, "get", "memmory")
    assert code == 2
    assert "did you mean memory?" in err
    assert _run(capsys, "get", "-w")[0] == 2


@pytest.mark.usefixtures("context")
def test_processes_are_shown_in_the_order_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for sort, field in (("cpu", "cpu_usec"), ("memory", "memory_bytes")):
        code, out, _ = _run(capsys, "ps", "--sort", sort, "--json")
        values = [item["actual"][field] for item in json.loads(out)["resources"]]
        assert (code, values) == (0, sorted(values, reverse=True))
    code, out, _ = _run(capsys, "ps")
    assert (code, out.split()[:2]) == (0, ["NAME", "USER"])


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        (["node", "get"], "memo", "memory"),
        (["node", "get", "memory"], "me", "memory"),
        (["node", "-c", "here", "get", "links"], "l", "lo"),
    ],
)
@pytest.mark.usefixtures("context")
def test_completion_asks_the_node(words: list[str], incomplete: str, expected: str) -> None:
    completion = ShellComplete(main.root, {}, "adamant", "_ADAMANT_COMPLETE")
    found = [item.value for item in completion.get_completions(words, incomplete)]
    assert expected in found
    assert all(value.startswith(incomplete) for value in found)


def test_completion_without_a_node_is_silent(context: str, capsys: pytest.CaptureFixture[str]) -> None:
    contexts.put(context, Context("127.0.0.1:9", "ca.crt", "mary.crt", "mary.key"))
    completion = ShellComplete(main.root, {}, "adamant", "_ADAMANT_COMPLETE")
    assert completion.get_completions(["node", "get"], "memo") == []
    assert capsys.readouterr() == ("", "")
