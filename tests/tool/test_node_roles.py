"""Who may call what, and what is written down of it, seen from outside: lists that no code of ours makes.

The table of methods says the same. A change of it that nobody meant, such as a role that may more, fails here.
"""

import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from adamant.api import client, events_pb2, methods, pki
from adamant.api import node_pb2 as pb
from adamant.api.identity import Role
from adamant.api.methods import Form, Method
from adamant.api.pki import Credentials
from adamant.model.errors import AdamantError
from adamant.node import server
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.identity import CREDENTIALS
from tests.tool.agent import Agent

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)
SECONDS = 60.0

EVERYBODY = {"Version", "Health", "Boot"}
LOOKING = {
    *("Events", "Logs", "List", "Kinds", "Get", "Watch", "Crashes", "Crash", "Drift"),
    *("Config", "ConfigHistory", "ConfigStatus", "ConfigPlan"),
    *("Attest", "Activate", "Encryption"),
}
OPERATING = {"Read", "DriftText", "Service", "Reboot", "Shutdown"}
UPDATING = {"Upgrade", "UpgradeFrom"}
OWNING = {
    *("ConfigApply", "ConfigConfirm", "NewKey", "TakeCertificate", "KeepCertificate"),
    *("Capture", "Recover", "RecoveryKey", "Reseal", "ResetPreview", "Reset", "Debug"),
}
MAY = {
    "reader": EVERYBODY | LOOKING,
    "updater": EVERYBODY | UPDATING,
    "operator": EVERYBODY | LOOKING | OPERATING | UPDATING,
    "admin": EVERYBODY | LOOKING | OPERATING | UPDATING | OWNING,
}

CHANGES = {
    *(
        "ConfigApply",
        "ConfigConfirm",
        "NewKey",
        "TakeCertificate",
        "KeepCertificate",
        "Recover",
        "RecoveryKey",
        "Reseal",
    ),
    *("Upgrade", "UpgradeFrom", "Service", "Reboot", "Shutdown", "Reset"),
    # What they show may hold secrets, or could do anything: who called them is to be known.
    *("Capture", "Debug"),
}
"""What stands in the audit log. Not ResetPreview: it keeps a list in the agent's memory and touches nothing."""


class Serving:
    """The real server, whose handlers do nothing but note that they were called, and answer with nothing said."""

    def __init__(self) -> None:
        self.called: list[tuple[str, str]] = []
        self.events = Events()
        table = {method.name: self._handler(method) for method in methods.METHODS}
        self._running, port = server.start(
            table, self.events, "127.0.0.1:0", CA.certificate, NODE.certificate, NODE.key
        )
        self.address = f"127.0.0.1:{port}"

    def close(self) -> None:
        self._running.stop(0).wait()

    def _handler(self, method: Method) -> server.Handler:
        def one(_request: Any, call: Call) -> Any:
            self.called.append((call.who.role, method.name))
            return method.response()

        def many(request: Any, call: Call) -> Iterator[Any]:
            yield one(request, call)

        return one if method.form is Form.UNARY else many


@pytest.fixture
def serving() -> Iterator[Serving]:
    made = Serving()
    try:
        yield made
    finally:
        made.close()


def _keys(role: Role, name: str = "mary") -> Credentials:
    pair = pki.issue_client(CA, name, role, NOW)
    return Credentials(CA.certificate, pair.certificate, pair.key)


def _channel(address: str, keys: Credentials) -> grpc.Channel:
    credentials = grpc.ssl_channel_credentials(keys.ca, keys.key, keys.certificate)
    return grpc.secure_channel(address, credentials, (("grpc.use_local_subchannel_pool", 1),))


def _code(channel: grpc.Channel, name: str) -> grpc.StatusCode:
    """How a call of the method ends whose request is empty. The names are those of the contract, not of the table."""
    path = f"/adamant.node.v1.Node/{name}"
    try:
        list(channel.stream_stream(path, None, None)(iter([b""]), timeout=SECONDS))
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


def test_the_lists_of_this_test_hold_every_method_of_the_contract_and_every_role() -> None:
    assert MAY["admin"] == {method.name for method in pb.DESCRIPTOR.services_by_name["Node"].methods}
    assert set(MAY) == {role.value for role in Role}


@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_call_the_methods_of_the_list_and_is_refused_all_others(serving: Serving, role: Role) -> None:
    with _channel(serving.address, _keys(role)) as channel:
        codes = {name: _code(channel, name) for name in sorted(MAY["admin"])}
        assert _code(channel, "NoSuchMethod") is grpc.StatusCode.UNIMPLEMENTED
    allowed = {name for name, code in codes.items() if code is grpc.StatusCode.OK}
    refused = {name for name, code in codes.items() if code is grpc.StatusCode.PERMISSION_DENIED}
    assert allowed == MAY[role]
    assert refused == MAY["admin"] - MAY[role]
    assert set(serving.called) == {(role, name) for name in MAY[role]}, "a handler ran for who is refused"


def _audited(events: Events) -> list[dict[str, str]]:
    found = events.follow(0, (events_pb2.EVENT_KIND_CALL,), 0, wait=False, alive=lambda: True)
    return [{name: event.fields[name] for name in ("method", "client", "role", "outcome")} for event in found]


def test_each_change_leaves_an_event_and_a_line_in_the_journal_with_the_name_of_who_made_it(
    serving: Serving, capfd: pytest.CaptureFixture[str]
) -> None:
    with _channel(serving.address, _keys(Role.ADMIN, "kate")) as channel:
        for name in sorted(MAY["admin"]):
            assert _code(channel, name) is grpc.StatusCode.OK
    serving.close()  # what a call leaves is written when its answer is under way
    wanted = [{"method": name, "client": "kate", "role": "admin", "outcome": "done"} for name in sorted(CHANGES)]
    assert sorted(_audited(serving.events), key=lambda fields: fields["method"]) == wanted
    lines = sorted(line for line in capfd.readouterr().err.splitlines() if " was called " in line)
    assert len(lines) == len(CHANGES)
    for line, name in zip(lines, sorted(CHANGES), strict=True):
        assert line.startswith(f"<6>{name} was called client=kate role=admin peer=")
        assert line.endswith(f"method={name} outcome=done")


def test_each_refusal_leaves_an_event_with_the_name_of_who_was_refused(serving: Serving) -> None:
    with _channel(serving.address, _keys(Role.READER, "eve")) as channel:
        for name in sorted(MAY["admin"]):
            _code(channel, name)
    serving.close()
    names = sorted(MAY["admin"] - MAY["reader"])
    wanted = [{"method": name, "client": "eve", "role": "reader", "outcome": "refused"} for name in names]
    assert sorted(_audited(serving.events), key=lambda fields: fields["method"]) == wanted


def test_the_agent_writes_the_audit_log_to_its_journal(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    for name, data in zip(CREDENTIALS, (CA.certificate, NODE.certificate, NODE.key), strict=True):
        (folder / name).write_bytes(data)
    with Agent(tmp_path, credentials=folder) as agent:
        agent.serves()
        with client.connect(agent.address, _keys(Role.READER, "eve"), seconds=SECONDS) as node:
            with pytest.raises(AdamantError) as caught:
                node.call("Reboot", methods.BY_NAME["Reboot"].request())
            assert caught.value.reference == "not-authorised"
            assert node.version().kernel == os.uname().release
        with client.connect(agent.address, _keys(Role.ADMIN, "kate"), seconds=SECONDS) as node:
            node.call("NewKey", methods.BY_NAME["NewKey"].request())
            with pytest.raises(AdamantError):
                node.config_confirm()  # nothing is on trial
            kept = [(e.fields["client"], e.fields["outcome"]) for e in node.events() if e.kind.value == "call"]
        said = agent.wait_for("method=ConfigConfirm")
    lines = [line for line in said.splitlines() if " was called " in line]
    assert [line.partition(" peer=")[0] for line in lines] == [
        "<6>Reboot was called client=eve role=reader",
        "<6>NewKey was called client=kate role=admin",
        "<6>ConfigConfirm was called client=kate role=admin",
    ]
    assert [line.rpartition("outcome=")[2] for line in lines] == ["refused", "done", "failed"]
    assert kept == [("eve", "refused"), ("kate", "done"), ("kate", "failed")]
