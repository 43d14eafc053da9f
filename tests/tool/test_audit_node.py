"""The audit of a node over the API: collectors of this computer's kernel, through real TLS, judged by all rules."""

import datetime
import json
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from adamant.api import client, config_pb2, contexts, methods, pki
from adamant.api import node_pb2 as pb
from adamant.api.contexts import Context
from adamant.api.identity import Role
from adamant.api.pki import Credentials
from adamant.audit import node as asking
from adamant.audit import report
from adamant.audit.report import Status
from adamant.audit.rules import RULES
from adamant.cli import main
from adamant.model import hardening
from adamant.model.errors import AdamantError
from adamant.model.posture import Posture
from adamant.node import server
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.resources import answers, found

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
SERVER = pki.issue_node(CA, ["m1"], NOW)
PAIR = pki.issue_client(CA, "mary", Role.READER, now=NOW)


def _serve(**instead: server.Handler) -> tuple[grpc.Server, str]:
    health = pb.HealthResponse(checks=[pb.HealthCheck(name="x", state=pb.CHECK_STATE_FAILING, message="it is ill")])
    boot = pb.BootResponse(verity=pb.VERITY_VERIFIED, secure_boot=pb.SECURE_BOOT_DISABLED)
    shown = answers.Resources(
        found.Sources(Path("/"), lambda: boot, lambda: health, lambda: {"node": SERVER.certificate})
    )
    version = pb.VersionResponse(posture=pb.POSTURE_GUARDED, arch="amd64", hostname="m1\x1b[2J")
    status = config_pb2.ConfigStatusResponse(
        statuses=[config_pb2.ConfigStatus(kind="file", name="/etc/motd", desired="a", actual="b")]
    )

    def nothing(_request: object, _call: Call) -> None:
        raise AdamantError("nothing", "this test answers no such method")

    handlers: dict[str, server.Handler] = {
        **dict.fromkeys(methods.BY_NAME, nothing),
        "Version": lambda _request, _call: version,
        "Boot": lambda _request, _call: boot,
        "ConfigStatus": lambda _request, _call: status,
        "Get": lambda request, _call: shown.get(request),
        **instead,
    }
    running, port = server.start(handlers, Events(), "127.0.0.1:0", CA.certificate, SERVER.certificate, SERVER.key)
    return running, f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    running, where = _serve()
    yield where
    running.stop(None).wait()


def _node(address: str) -> client.Node:
    return client.connect(address, Credentials(CA.certificate, PAIR.certificate, PAIR.key), 60.0)


def test_what_the_node_tells_becomes_facts(address: str) -> None:
    with _node(address) as node:
        facts = asking.read(node, time.time_ns() // 1000)
    assert facts.posture is Posture.GUARDED
    assert facts.processes
    assert any(process.pid == 1 or process.capabilities for process in facts.processes)
    assert facts.mounts
    assert any(mount.where == "/" for mount in facts.mounts)
    assert facts.listening is not None
    assert any(socket.port == int(address.rpartition(":")[2]) for socket in facts.listening)
    assert facts.sysctls is not None
    assert set(facts.sysctls) <= {setting.name for setting in hardening.SETTINGS}
    assert facts.sysctls["kernel.randomize_va_space"] == "2"
    assert facts.protections is not None
    assert facts.certificates is not None
    assert [held.authority for held in facts.certificates] == [False]
    assert facts.arguments


def test_every_rule_is_judged_and_what_is_not_told_is_named(address: str) -> None:
    with _node(address) as node:
        audit = report.of_node(asking.read(node, time.time_ns() // 1000), RULES, {})
    outcomes = {outcome.rule: outcome for outcome in audit.outcomes}
    assert len(outcomes) == len(RULES)
    assert outcomes["usr-verified"].status is Status.PASSED
    assert outcomes["certificates"].status is Status.PASSED
    assert outcomes["certificate-age"].status is Status.PASSED
    assert outcomes["boot-signed"].breaches[0].message == "Secure Boot is disabled"
    assert outcomes["health"].breaches[0].message == "it is ill"
    assert outcomes["sbom"].status is Status.NOT_APPLICABLE
    assert audit.subject.isprintable()


def test_a_node_that_does_not_know_a_kind_does_not_pass_by_that() -> None:
    def older(request: pb.GetRequest, _call: Call) -> pb.GetResponse:
        raise AdamantError("resource-kind", f"there is no kind {request.kind!r}")

    running, where = _serve(Get=older)
    try:
        with _node(where) as node:
            audit = report.of_node(asking.read(node, 0), RULES, {})
    finally:
        running.stop(None).wait()
    outcomes = {outcome.rule: outcome for outcome in audit.outcomes}
    for rule in ("lockdown", "listening", "capabilities", "sysctl.kernel.sysrq", "drift", "root-read-only"):
        assert outcomes[rule].status is Status.FAILED
        assert "there is no kind" in outcomes[rule].breaches[0].message


@pytest.mark.parametrize("several", [False, True])
def test_the_command_asks_one_or_several_nodes_and_writes_one_log(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], several: bool
) -> None:
    monkeypatch.setenv("ADAMANT_CONFIG", str(tmp_path / "config"))
    for name, data in (("ca", CA.certificate), ("crt", PAIR.certificate), ("key", PAIR.key)):
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o600)
    context = Context(address, str(tmp_path / "ca"), str(tmp_path / "crt"), str(tmp_path / "key"))
    names = ["one", "two"] if several else ["one"]
    for name in names:
        contexts.put(name, context)
    log = tmp_path / "log.sarif"
    words = ["node", "-c", ",".join(names), "audit", "--sarif", str(log)]

    def run(*more: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main.main([*words, *more])
        return int(ended.value.code or 0), capsys.readouterr().out

    code, text = run("--rule", "boot-signed", "--rule", "health")
    assert code == 3
    assert text.count("Secure Boot is disabled") == len(names)
    assert [len(run["results"]) for run in json.loads(log.read_bytes())["runs"]] == [2] * len(names)
    code, text = run("--rule", "boot-signed", "--waive", "boot-signed=a test host", "--json")
    assert code == 0
    shown = [json.loads(line) for line in text.splitlines()]
    assert [(found.get("answer") or found)["kind"] for found in shown] == ["Audit"] * len(names)
    assert run("--rule", "nothing")[0] == 2
