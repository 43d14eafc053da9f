"""Crash records, captures and support bundles of a real agent, by the commands that a person uses."""

import datetime
import io
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adamant.api import client, contexts, crash, pki, support
from adamant.api.contexts import Context
from adamant.api.identity import Role
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node import crash as records
from tests.command import run
from tests.tool.agent import Agent

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)
BEFORE = "a" * 32
PLANTED = "planted-in-a-record"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """An agent whose state says that the boot before crashed, and holds a record with a secret of one before that."""
    folder = tmp_path_factory.mktemp("agent")
    passed = folder / "passed"
    passed.mkdir()
    for name, data in (("ca", CA.certificate), ("cert", NODE.certificate), ("key", NODE.key)):
        (passed / f"adamant.{name}").write_bytes(data)
    state = folder / "state"
    records.mark(state, BEFORE)
    older = records.Record("b" * 32, 1, 1, True, "x", f"Authorization: Bearer {PLANTED}\n", f"password={PLANTED}", True)
    (state / records.FOLDER / f"{older.boot_id}.json").write_text(json.dumps(older._asdict()))
    with Agent(folder, credentials=passed) as running:
        running.serves()
        yield running


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agent: Agent) -> None:
    home = tmp_path / "config"
    monkeypatch.setenv("ADAMANT_CONFIG", str(home))
    monkeypatch.delenv("ADAMANT_CONTEXT", raising=False)
    pki.save(home, "ca", CA)
    pki.save(home, "mary", pki.issue_client(CA, "mary", Role.ADMIN, NOW))
    contexts.put("m1", Context(agent.address, "ca.crt", "mary.crt", "mary.key"))


def _records(capsys: pytest.CaptureFixture[str], count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 60
    while True:
        code, out, err = run(capsys, "node", "crashes", "list", "--json")
        assert code == 0, err
        found = list(json.loads(out)["crashes"])
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_a_boot_that_left_its_mark_is_told_of(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    newest, older = _records(capsys, 2)
    assert (newest["boot_id"], newest["cause"], newest["kernel"]) == (BEFORE, "unknown", "")
    assert older["cause"] == "panic"
    assert "the boot aaaaaaaa did not end by a shutdown" in agent.wait_for("did not end by a shutdown")
    code, out, _ = run(capsys, "node", "crashes", "show", "bb")
    assert code == 0
    assert "kernel, from the firmware's memory" in out
    code, _, err = run(capsys, "node", "crashes", "show", "c")
    assert code == 2
    assert "crash-unknown" in err


def test_a_capture_without_its_task_says_where_to_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "node", "capture", "lo", "-o", str(tmp_path / "x.pcap"))
    assert code == 1
    assert "task-missing" in err
    assert "adamant-capture.socket" in err


def test_a_reader_may_not_capture(agent: Agent) -> None:
    from adamant.api import capture_pb2

    pair = pki.issue_client(CA, "joe", Role.OPERATOR, NOW)
    with (
        client.connect(agent.address, pki.Credentials(CA.certificate, pair.certificate, pair.key)) as node,
        pytest.raises(AdamantError) as caught,
    ):
        list(node.stream("Capture", capture_pb2.CaptureRequest(interface="lo")))
    assert caught.value.reference == "not-authorised"


def test_a_bundle_holds_what_its_index_says_and_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _records(capsys, 2)
    out = tmp_path / "support.tar.gz"
    code, _, err = run(capsys, "node", "support", "-o", str(out))
    assert code == 0, err
    with tarfile.open(out) as archive:
        members = archive.getmembers()
        found = {member.name: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    assert all(member.uid == 0 and not member.uname and member.mode == 0o600 for member in members)
    index = json.loads(found["support/index.json"])
    (told,) = index["nodes"]
    had = {f"support/m1/{part['name']}" for part in told["parts"] if not part["error"]}
    assert had <= set(found) - {"support/index.json"}
    assert {
        "support/m1/version.json",
        "support/m1/crashes.jsonl",
        "support/m1/files/proc/meminfo",
        "support/m1/resources/memory.json",
    } <= had
    assert all(len(found[f"support/m1/{part['name']}"]) == part["size"] for part in told["parts"] if not part["error"])
    everything = b"".join(found.values())
    assert BEFORE.encode() in everything
    assert PLANTED.encode() not in everything
    assert NODE.key.splitlines()[1] not in everything


def test_a_machine_that_is_away_is_named_and_the_other_one_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contexts.put("away", Context("127.0.0.1:1", "ca.crt", "mary.crt", "mary.key"))
    out = tmp_path / "support.tar.gz"
    code, shown, err = run(capsys, "node", "-c", "away,m1", "support", "-o", str(out), "--json")
    assert code == 4
    assert "away: " in err
    away, m1 = json.loads(shown)["nodes"]
    assert "node-unreachable" in away["error"]
    assert m1["parts"]


def test_a_part_that_is_too_large_is_cut_and_said_to_be(agent: Agent) -> None:
    big = support.Section("big", "too much", lambda _node: (b"x" * (1 << 20) for _ in range(1 << 20)))
    added: dict[str, bytes] = {}
    pair = pki.issue_client(CA, "joe", Role.READER, NOW)
    with client.connect(agent.address, pki.Credentials(CA.certificate, pair.certificate, pair.key)) as node:
        told = support.collect(node, "m1", added.__setitem__, [big])
        assert len(crash.crashes(node).crashes) <= limits.CRASHES_KEPT
    assert told.parts[0].cut
    assert len(added["m1/big"]) == limits.SUPPORT_SECTION


def test_a_bundle_of_no_machine_is_an_index() -> None:
    out = io.BytesIO()
    bundle = support.Bundle(out, 0.0)
    bundle.finish("now", [])
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
        assert archive.getnames() == ["support/index.json"]
