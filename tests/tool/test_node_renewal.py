"""Renewal and revocation against real agents: nothing that fails on the way cuts the node off."""

import datetime
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adamant.api import client, cluster, contexts, events_pb2, keys_pb2, methods, pki, renewal
from adamant.api import node_pb2 as pb
from adamant.api.identity import Role
from adamant.api.pki import Credentials
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, VerificationError
from adamant.node import certificate, key, server
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.identity import Keys, Store, prove
from adamant.node.renewal import Renewal, handlers
from tests.command import run
from tests.tool.agent import Agent

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("lab", NOW)
OTHER_CA = pki.make_authority("lab", NOW)
LONG_AGO = NOW - datetime.timedelta(days=400)


def _client(name: str = "mary", role: Role = Role.ADMIN) -> Credentials:
    pair = pki.issue_client(CA, name, role, NOW)
    return Credentials(CA.certificate, pair.certificate, pair.key)


ADMIN = _client()


def _identity(days: int = 365, now: datetime.datetime = NOW) -> Keys:
    pair = pki.issue_node(CA, ["m1"], now, days)
    return Keys(CA.certificate, pair.certificate, pair.key)


def _sign(request: bytes, key_: Any, names: Any) -> bytes:
    return pki.sign_node(CA, request, key_, names, NOW, 90)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person with a cluster called lab, whose CA is CA."""
    monkeypatch.setenv("ADAMANT_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("ADAMANT_CONTEXT", raising=False)
    folder = cluster.place("lab")
    pki.save(folder, "ca", CA)
    cluster.add_client(folder, CA, "admin", Role.ADMIN, NOW)
    return folder


def _agent(tmp_path: Path, keys: Keys) -> Agent:
    """An enrolled machine, with a context m1 for it."""
    (tmp_path / "state").mkdir(exist_ok=True)
    Store(tmp_path / "state").enroll(keys)
    agent = Agent(tmp_path)
    agent.serves()
    contexts.put("m1", contexts.of_cluster(agent.address, "lab", "admin"))
    return agent


def _served(address: str) -> str:
    """The fingerprint of the certificate that a node shows to who connects now."""
    import ssl

    pem = ssl.get_server_certificate(client.parse_address(address))
    return pki.facts(pem.encode()).fingerprint


def test_a_renewed_node_has_another_key_and_the_same_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _identity()
    with _agent(tmp_path, before) as agent:
        code, out, _ = run(capsys, "node", "renew", "--days", "90", "--json")
        assert code == 0
        kept = Store(agent.state).load()
        assert kept
        assert json.loads(out)["fingerprint"] == _served(agent.address) == certificate.read_pem(kept.certificate).own
        assert certificate.read_pem(kept.certificate).key != certificate.read_pem(before.certificate).key
        assert pki.facts(kept.certificate).names == pki.facts(before.certificate).names
        assert cluster.issued(cluster.place("lab"))[0].fingerprint == json.loads(out)["fingerprint"]
        agent.restart()
        agent.serves()
        assert json.loads(out)["fingerprint"] == _served(agent.address)
        assert run(capsys, "node", "version")[0] == 0


def test_a_connection_that_is_open_stays_while_the_node_is_renewed(tmp_path: Path) -> None:
    with _agent(tmp_path, _identity()) as agent, client.connect(agent.address, ADMIN) as open_before:
        followed = open_before.events(follow=True)
        next(followed)
        with client.connect(agent.address, ADMIN) as node:
            renewal.renew(node, _sign)
        assert any("new certificate" in event.message for event, _ in zip(followed, range(10), strict=False))
        open_before.version()


@pytest.mark.parametrize("steps", [1, 2])
def test_an_agent_that_dies_before_the_end_has_the_old_identity(tmp_path: Path, steps: int) -> None:
    before = _identity()
    old = certificate.read_pem(before.certificate).own
    with _agent(tmp_path, before) as agent:
        with client.connect(agent.address, ADMIN) as node:
            answer = node.call("NewKey", keys_pb2.NewKeyRequest())
            if steps == 2:
                signed = _sign(answer.request, pki.request_fingerprint(answer.request), ["m1"])
                node.call("TakeCertificate", keys_pb2.TakeCertificateRequest(certificate=signed))
                assert _served(agent.address) == pki.facts(signed).fingerprint
        agent.restart()
        agent.serves()
        assert _served(agent.address) == old
        with client.connect(agent.address, ADMIN) as node:
            renewal.renew(node, _sign)
        assert _served(agent.address) != old


def test_a_node_with_passed_credentials_keeps_its_renewed_identity(tmp_path: Path) -> None:
    passed = tmp_path / "credentials"
    passed.mkdir()
    for name, data in zip(("ca", "cert", "key"), _identity(30), strict=True):
        (passed / f"adamant.{name}").write_bytes(data)
    with Agent(tmp_path, credentials=passed) as agent:
        agent.serves()
        with client.connect(agent.address, ADMIN) as node:
            renewed = renewal.renew(node, _sign)
        agent.restart()
        agent.serves()
        assert _served(agent.address) == renewed.fingerprint
        # Passed anew, by the same CA and for longer, or by another CA: what is passed goes first.
        for fresh in (_identity(300), _identity(10)._replace(ca=OTHER_CA.certificate)):
            for name, data in zip(("ca", "cert", "key"), fresh, strict=True):
                (passed / f"adamant.{name}").write_bytes(data)
            agent.restart()
            agent.serves()
            assert _served(agent.address) == certificate.read_pem(fresh.certificate).own


def test_a_node_whose_certificate_has_ended_is_not_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _agent(tmp_path, _identity(30, LONG_AGO)):
        code, _, err = run(capsys, "node", "renew")
        assert code == 3
        assert "expired" in err
        assert run(capsys, "node", "renew", "--expired")[0] == 0
        code, out, _ = run(capsys, "node", "health", "--json")
        check = next(c for c in json.loads(out)["checks"] if c["name"] == "certificate")
        assert check["state"] == "ok"


def test_an_ended_certificate_of_another_node_is_not_taken_for_it(tmp_path: Path) -> None:
    with _agent(tmp_path, _identity(30, LONG_AGO)) as agent:
        for keys in (
            Credentials(OTHER_CA.certificate, ADMIN.certificate, ADMIN.key),
            Credentials(ADMIN.ca, ADMIN.certificate, _client().key),
        ):
            with pytest.raises(AdamantError):
                renewal.renew_expired(agent.address, keys, _sign)


class _Node:
    """A server in this process, whose clock and list of revoked certificates a test sets."""

    def __init__(self, state: Path, keys: Keys) -> None:
        self.clock = 1000.0
        self.listed: frozenset[str] = frozenset()
        self.bus = Events()
        self.store = Store(state)
        self.renewal = Renewal(keys, self.store, self.bus, lambda: self.clock, lambda: ("web.example", "m1"))

        def nothing(_request: Any, _call: Call) -> Any:
            raise AdamantError("nothing", "this test answers no such method")

        table: dict[str, server.Handler] = {
            **dict.fromkeys(methods.BY_NAME, nothing),
            **handlers(self.renewal),
            "Version": lambda _request, _call: pb.VersionResponse(hostname="m1"),
            "Events": lambda request, call: self.bus.follow(0, (), 0, wait=request.follow, alive=call.alive),
        }
        self.running, port = server.start(
            table, self.bus, "127.0.0.1:0", *keys, fetch=self.renewal.fetch, revoked=lambda: self.listed
        )
        self.address = f"127.0.0.1:{port}"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[_Node]:
    made = _Node(tmp_path, _identity())
    yield made
    made.running.stop(None).wait()


def _begin(node_: client.Node, authority: pki.KeyedCertificate = CA) -> bytes:
    """A certificate for a new key of the node, signed and not yet taken."""
    answer = node_.call("NewKey", keys_pb2.NewKeyRequest())
    return pki.sign_node(authority, answer.request, pki.request_fingerprint(answer.request), ["m1"], NOW)


def _take(node_: client.Node, signed: bytes) -> None:
    node_.call("TakeCertificate", keys_pb2.TakeCertificateRequest(certificate=signed))


def _keep(node_: client.Node, signed: bytes) -> None:
    node_.call("KeepCertificate", keys_pb2.KeepCertificateRequest(fingerprint=pki.facts(signed).fingerprint))


def test_names_that_the_config_adds_are_in_the_next_certificate(node: _Node) -> None:
    with client.connect(node.address, ADMIN) as connected:
        renewed = renewal.renew(connected, _sign)
    assert renewed.names == ("m1", "localhost", "127.0.0.1", "::1", "web.example")


def test_what_nobody_confirms_is_given_up(node: _Node) -> None:
    old = _served(node.address)
    with client.connect(node.address, ADMIN) as connected:
        signed = _begin(connected)
        _take(connected, signed)
        assert _served(node.address) == pki.facts(signed).fingerprint
        node.clock += limits.RENEWAL_SECONDS + 1
        assert _served(node.address) == old
        with pytest.raises(BusyError, match="renewal-not-begun"):
            _keep(connected, signed)
    assert node.store.load() is None


def test_a_certificate_that_does_not_fit_changes_nothing(node: _Node) -> None:
    old = _served(node.address)
    with client.connect(node.address, ADMIN) as connected:
        with pytest.raises(BusyError, match="renewal-not-begun"):
            _take(connected, pki.issue_node(CA, ["m1"], NOW).certificate)
        fits = _begin(connected)
        for wrong in (
            pki.issue_node(CA, ["m1"], NOW).certificate,
            _begin(connected, OTHER_CA),
            fits,  # for the key before
            b"",
            os.urandom(3000),
        ):
            with pytest.raises(AdamantError):
                _take(connected, wrong)
            assert _served(node.address) == old
        signed = _begin(connected)
        _take(connected, signed)
        with pytest.raises(BusyError, match="renewal-overtaken"):
            _keep(connected, fits)
        _keep(connected, signed)
    assert _served(node.address) == pki.facts(signed).fingerprint


def test_renewal_is_for_admins(node: _Node) -> None:
    for role in (Role.READER, Role.OPERATOR, Role.UPDATER):
        with client.connect(node.address, _client(role=role)) as connected:
            for method in ("NewKey", "TakeCertificate", "KeepCertificate"):
                with pytest.raises(AdamantError, match="not-authorised"):
                    connected.call(method, methods.BY_NAME[method].request())


def test_a_full_disk_leaves_the_old_identity(node: _Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_keys: Keys) -> None:
        raise AdamantError("disk-full", "cannot write identity.pem")

    old = _served(node.address)
    with client.connect(node.address, ADMIN) as connected:
        signed = _begin(connected)
        _take(connected, signed)
        with monkeypatch.context() as patch:
            patch.setattr(node.store, "replace", full)
            with pytest.raises(AdamantError, match="disk-full"):
                _keep(connected, signed)
        node.clock += limits.RENEWAL_SECONDS + 1
        assert _served(node.address) == old


def test_keys_are_proved_without_a_look_at_the_clock() -> None:
    prove(_identity(30, LONG_AGO))
    prove(_identity())
    with pytest.raises(VerificationError, match="certificate-unusable"):
        prove(_identity()._replace(ca=OTHER_CA.certificate))
    with pytest.raises(VerificationError, match="certificate-unusable"):
        prove(_identity()._replace(key=_identity().key))
    with pytest.raises(VerificationError, match="certificate-unusable"):
        prove(Keys(CA.certificate, ADMIN.certificate, ADMIN.key))


_TOUCHING = frozenset(
    {"open", "write", "flush", "close", "fsync", "fchmod", "rename", "link", "unlink", "mkdir", "flock"}
)


def _killed_at(count: int, work: Callable[[], object]) -> bool:
    """Do `work` in a process that ends before its `count`th call that touches a file; whether it came to its end."""
    child = os.fork()
    if child == 0:
        left = count

        def watch(_frame: object, event: str, called: Any) -> None:
            nonlocal left
            if event == "c_call" and getattr(called, "__name__", "") in _TOUCHING:
                left -= 1
                if left < 0:
                    os._exit(9)

        sys.setprofile(watch)
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("what", ["enroll", "replace", "own_key"])
def test_a_crash_at_any_write_leaves_the_old_identity_or_the_new(tmp_path: Path, what: str) -> None:
    import adamant.core.files  # noqa: F401 - loaded before the count begins

    old, new = _identity(), _identity()
    for count in range(100):
        store = Store(tmp_path / str(count))
        store.folder.parent.parent.mkdir()
        if what == "replace":
            store.enroll(old)
        work: dict[str, Callable[[], object]] = {
            "enroll": lambda s=store: s.enroll(new),  # type: ignore[misc]
            "replace": lambda s=store: s.replace(new),  # type: ignore[misc]
            "own_key": lambda s=store: s.own_key(),  # type: ignore[misc]
        }
        ended = _killed_at(count, work[what])
        found = store.load()
        assert found in {"enroll": (None, new), "replace": (old, new), "own_key": (None,)}[what]
        if what == "own_key":
            again = store.own_key()
            assert key.request(again)
            assert store.own_key() == again
        else:
            store.replace(new)
            assert store.load() == new
        assert [path.name for path in store.folder.iterdir() if path.name.startswith(".")] == [".lock"]
        if ended:
            assert count > 5
            return
    pytest.fail("the work never came to its end")


def _mary() -> tuple[Credentials, str]:
    keys = _client()
    return keys, pki.facts(keys.certificate).fingerprint


def test_a_revoked_client_is_refused_and_no_other(node: _Node) -> None:
    mary, listed = _mary()
    with client.connect(node.address, mary) as connected:
        connected.version()
        node.listed = frozenset({listed})
        with pytest.raises(VerificationError, match="certificate-revoked"):
            connected.version()
    with client.connect(node.address, mary) as connected, pytest.raises(VerificationError, match="certificate-revoked"):
        connected.version()
    with client.connect(node.address, ADMIN) as connected:
        connected.version()
        refused = [event for event in connected.events() if event.fields.get("outcome") == "refused"]
        assert [event.fields["client"] for event in refused] == ["mary", "mary"]


def test_a_stream_of_a_revoked_client_ends(node: _Node) -> None:
    mary, listed = _mary()
    node.bus.publish(events_pb2.EVENT_KIND_AGENT, "one")
    with client.connect(node.address, mary) as connected:
        followed = connected.events(follow=True)
        assert next(followed).message == "one"
        node.listed = frozenset({listed})
        threading.Timer(0.2, node.bus.publish, (events_pb2.EVENT_KIND_AGENT, "secret")).start()
        with pytest.raises(VerificationError, match="certificate-revoked"):
            next(followed)


def test_many_renewals_cost_no_memory(tmp_path: Path) -> None:
    with _agent(tmp_path, _identity()) as agent:
        with client.connect(agent.address, ADMIN) as connected:
            for _ in range(3):
                renewal.renew(connected, _sign)
            before = agent.memory()
            for _ in range(12):
                renewal.renew(connected, _sign)
        time.sleep(0.1)
        assert agent.memory() - before < 8 << 20


def test_an_identity_is_enrolled_once_whoever_asks(tmp_path: Path) -> None:
    first = _identity()
    Store(tmp_path).enroll(first)
    with pytest.raises(BusyError, match="node-enrolled"):
        Store(tmp_path).enroll(_identity())
    assert Store(tmp_path).load() == first
