"""Resources over the API, of the computer that the test runs on: real tables of a real kernel, through real TLS."""

import datetime
import json
import os
import socket
import sys
import threading
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
from adamant.node import crash, files, server
from adamant.node.calls import Call
from adamant.node.config.service import Service
from adamant.node.events import Events
from adamant.node.reading import BOOT_ID
from adamant.node.resources import answers, found
from tests.tool.following import Lines
from tests.unit.config_machine import Machine

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
SERVER = pki.issue_node(CA, ["m1"], NOW)
EVERYWHERE = {"memory", "cpu", "processes", "modules", "mounts", "links", "addresses", "routes", "sockets", "cgroups"}
"""Kinds that any Linux tells of."""


def _credentials(role: Role) -> Credentials:
    pair = pki.issue_client(CA, "mary", role, now=NOW)
    return Credentials(CA.certificate, pair.certificate, pair.key)


DOCUMENT = b'{"kind":"Machine","hostname":"one","kernel":{"sysctls":{"vm.swappiness":"10"}}}'
CRASHED = "4f2a" * 8


def _state(root: Path) -> Path:
    """A state partition with two generations of a config and the record of a crash, as an agent leaves it; its `/`."""
    agent = Machine(root).agent()
    agent.resume()
    agent.apply(b'{"kind":"Machine"}', "mary")
    agent.apply(DOCUMENT, "mary")
    boot = root / BOOT_ID
    boot.parent.mkdir(parents=True)
    boot.write_text("bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb\n")  # that of the machine above
    (root / "proc/uptime").write_text("600.00 1000.00\n")
    crash.mark(root / "state", CRASHED)
    crash.Crashes(root / "state").collect(root, lambda _boot, _kernel: "1700000001.000002 m1 kernel: hello\n")
    return root


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = _state(tmp_path_factory.mktemp("root"))
    config = Service(root, Events(), lambda: None)
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
        "Config": config.config,
        "ConfigHistory": config.history,
        "Crashes": lambda _request, _call: crash.list_(root / "state"),
        "List": lambda request, _call: files.list_(request, Path("/")),
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
        (["node", "capture"], "l", "lo"),
        (["node", "config", "show"], "", "2"),
        (["node", "-c", "here", "config", "revert"], "1", "1"),
        (["node", "unset"], "kernel.", "kernel.sysctls[vm.swappiness]"),
        (["node", "unset", "hostname"], "ker", "kernel"),
        (["node", "crashes", "show"], "4f", CRASHED),
        (["node", "ls"], "/us", "/usr/"),
        (["node", "cat"], "/etc/host", "/etc/hosts"),
    ],
)
@pytest.mark.usefixtures("context")
def test_completion_asks_the_node(words: list[str], incomplete: str, expected: str) -> None:
    completion = ShellComplete(main.root, {}, "adamant", "_ADAMANT_COMPLETE")
    found = [item.value for item in completion.get_completions(words, incomplete)]
    assert expected in found
    assert all(value.startswith(incomplete) for value in found)


@pytest.mark.usefixtures("context")
def test_what_stands_on_the_line_is_not_offered_again() -> None:
    completion = ShellComplete(main.root, {}, "adamant", "_ADAMANT_COMPLETE")
    assert [item.value for item in completion.get_completions(["node", "unset", "hostname"], "host")] == []
    assert [item.value for item in completion.get_completions(["node", "get", "links", "lo"], "lo")] == []


ASKING = [
    ["get"],
    ["get", "links"],
    ["logs"],
    *(["service", action] for action in ("start", "stop", "restart", "reload")),
    ["capture"],
    ["config", "show"],
    ["config", "revert"],
    ["unset"],
    ["crashes", "show"],
    ["ls"],
    ["cat"],
]


@pytest.mark.parametrize("trouble", ["no-node", "no-keys", "broken-config", "no-context"])
@pytest.mark.parametrize("words", ASKING, ids=" ".join)
def test_completion_without_a_node_is_silent(
    words: list[str], trouble: str, context: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "config"
    if trouble == "no-node":
        contexts.put(context, Context("127.0.0.1:9", "ca.crt", "mary.crt", "mary.key"))
    elif trouble == "no-keys":
        (home / "mary.key").write_bytes(b"\xff")
    elif trouble == "broken-config":
        (home / "config.yaml").write_bytes(b"\xff: [")
    else:
        (home / "config.yaml").unlink()
    completion = ShellComplete(main.root, {}, "adamant", "_ADAMANT_COMPLETE")
    assert completion.get_completions(["node", *words], "") == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("context")
def test_completion_of_a_node_that_says_nothing_gives_up() -> None:
    """A port that takes connections and never answers: a person who presses Tab is not held for longer than its cap."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        contexts.put("here", Context(f"127.0.0.1:{port}", "ca.crt", "mary.crt", "mary.key"))
        completion = ShellComplete(main.root, {}, "adamant", "_ADAMANT_COMPLETE")
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(completion.get_completions(["node", "logs"], "")))
        thread.start()
        thread.join(60)
        assert found == [[]]


FORMS = {
    "table": ("NAME ", "added    {}  ", "removed  {}"),
    "yaml": ("---", "---\nchange: added\nname: {}\n", "---\nchange: removed\nname: {}\n"),
    "json": (
        '{{"kind":"sockets","change":"added"',
        '{{"kind":"sockets","change":"added","resource":{{"name":"{}"',
        '{{"kind":"sockets","change":"removed","resource":{{"name":"{}"',
    ),
}
"""What a watch of sockets begins with, and how it tells of one that came and of one that went."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.usefixtures("context")
def test_a_watch_by_the_command_shows_all_and_then_what_changes(form: str) -> None:
    command = [sys.executable, "-m", "adamant.cli.main", "node", "get", "sockets", "-w", "-o", form]
    begin, added, removed = FORMS[form]
    with Lines(command) as watching:
        watching.find(lambda line: line.startswith(begin.format()))
        with socket.create_server(("127.0.0.1", 0)) as new:
            name = f"tcp:127.0.0.1:{new.getsockname()[1]}"
            watching.find(lambda _line: added.format(name) in watching.text())
            assert removed.format(name) not in watching.text()
        watching.find(lambda _line: removed.format(name) in watching.text())


@pytest.mark.usefixtures("context")
def test_a_watch_of_a_kind_that_there_is_not_ends_with_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(capsys, "get", "memmory", "-w")
    assert (code, out) == (2, "")
    assert "did you mean memory?" in err
