"""Enrolment against a real agent: what a machine without identity does, and what nobody can make of it."""

import contextlib
import datetime
import json
import os
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from adamant.api import client, cluster, contexts, enrolment, fingerprint, methods, pinned, pki
from adamant.api import keys_pb2 as pb
from adamant.api.identity import Role
from adamant.api.pki import Credentials, KeyedCertificate
from adamant.api.tunnel import Tunnel
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, UnreachableError, VerificationError
from adamant.node import key, maintenance
from adamant.node.events import Events
from adamant.node.identity import Store
from tests.command import run
from tests.tool.agent import Agent

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A person with a cluster called lab."""
    monkeypatch.setenv("ADAMANT_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("ADAMANT_CONTEXT", raising=False)
    _done(capsys, "keys", "cluster", "init", "lab")
    return tmp_path / "config" / "clusters" / "lab"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """A machine without identity, which waits."""
    with Agent(tmp_path) as found:
        found.fingerprint()
        yield found


def _done(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "")
    return out


def _enroll(agent: Agent, *more: str) -> list[str]:
    shown = ["--fingerprint", agent.fingerprint()]
    return ["node", "enroll", agent.address, "--name", "m1", "--cluster", "lab", *shown, *more]


def _credentials(home: Path) -> Credentials:
    return contexts.credentials(contexts.of_cluster("x", str(home), "admin"))


def test_a_machine_is_enrolled_by_the_fingerprint_it_shows_and_serves_without_a_restart(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(_done(capsys, *_enroll(agent, "--json")))
    assert told["fingerprint"] == fingerprint.parse(agent.fingerprint())
    assert json.loads(_done(capsys, "node", "version", "--json"))["kernel"] == os.uname().release
    assert contexts.read().current == "m1"
    assert agent.process.poll() is None


def test_the_key_and_the_identity_outlast_the_agent(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    shown = agent.fingerprint()
    agent.restart()
    assert agent.fingerprint() == shown
    _done(capsys, *_enroll(agent))
    agent.restart()
    agent.serves()
    assert "waits to be enrolled" not in agent.said()
    _done(capsys, "node", "version")


def test_what_is_kept_on_the_machine_is_for_root_alone(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    folder = agent.state / "adamant" / "identity"
    for _ in range(2):
        assert folder.stat().st_mode & 0o077 == 0
        assert [path for path in folder.iterdir() if path.stat().st_mode & 0o077] == []
        if not (folder / "identity.pem").exists():
            _done(capsys, *_enroll(agent))
    assert {path.name for path in folder.iterdir()} == {".lock", "identity.pem"}


def test_neither_key_travels(agent: Agent, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _done(capsys, *_enroll(agent))
    kept = (agent.state / "adamant/identity/identity.pem").read_bytes()
    assert kept.count(b"PRIVATE KEY-----") == 2  # its begin and its end
    secret = (home / "ca.key").read_bytes().splitlines()[1]
    assert secret not in kept
    assert kept.splitlines()[1] not in b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file())


def test_without_a_fingerprint_nothing_is_sent(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "node", "enroll", agent.address, "--cluster", "lab")
    assert code == 2
    assert "fingerprint-needed" in err
    assert "console" in err
    assert agent.fingerprint() not in err
    _done(capsys, "node", "enroll", agent.address, "--cluster", "lab", "--trust-on-first-use")
    _done(capsys, "node", "version")


def test_a_machine_with_another_key_is_not_enrolled(
    agent: Agent, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other").mkdir()
    with Agent(tmp_path / "other") as other:
        wrong = ["--fingerprint", other.fingerprint()]
        code, _, err = run(capsys, "node", "enroll", agent.address, "--cluster", "lab", *wrong)
    assert code == 3
    assert "fingerprint-differs" in err
    assert contexts.read().contexts == {}
    assert [facts.kind for facts in cluster.issued(home)] == ["client"]
    assert not (agent.state / "adamant/identity/identity.pem").exists()


def test_a_deep_folder_for_temporary_files_is_no_obstacle(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    _done(capsys, *_enroll(agent))


def test_a_name_that_is_taken_stops_it_before_anything_happens(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    contexts.put("m1", contexts.Context("elsewhere", "a", "b", "c"))
    assert run(capsys, *_enroll(agent))[0] == 5
    assert not (agent.state / "adamant/identity/identity.pem").exists()
    _done(capsys, *_enroll(agent, "--replace"))


def test_an_enrolled_machine_is_not_enrolled_again(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    shown = agent.fingerprint()
    _done(capsys, *_enroll(agent))
    code, _, err = run(capsys, *_enroll(agent))
    assert code == 5
    assert "enrolled in this cluster already" in err
    _done(capsys, "keys", "cluster", "init", "mine")
    mine = ["--cluster", "mine", "--context", "m2", "--fingerprint", shown]
    code, _, err = run(capsys, "node", "enroll", agent.address, *mine)
    assert code == 5
    assert "obeys another CA" in err
    assert "CN=lab" in err
    assert set(contexts.read().contexts) == {"m1"}


def _call(agent: Agent, name: str, request: Any, service: str = methods.ENROLMENT_SERVICE, **options: Any) -> bytes:
    """The answer to a call of a client that checks nothing of its own."""
    with (
        Tunnel(*client.parse_address(agent.address), pinned.anybody()) as tunnel,
        grpc.insecure_channel(tunnel.target) as channel,
    ):
        data = request if isinstance(request, bytes) else request.SerializeToString()
        call = channel.unary_unary(f"/{service}/{name}", request_serializer=bytes, response_deserializer=bytes)
        return bytes(call(data, timeout=20, **options))


def _code(call: Callable[[], Any]) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    code: grpc.StatusCode = caught.value.code()
    return code


def test_in_maintenance_nothing_but_enrolment_exists(agent: Agent) -> None:
    for method in methods.METHODS:
        code = _code(lambda name=method.name: _call(agent, name, b"", methods.SERVICE))  # type: ignore[misc]
        assert code is grpc.StatusCode.UNIMPLEMENTED, method.name
    assert _code(lambda: _call(agent, "Reset", b"")) is grpc.StatusCode.UNIMPLEMENTED
    assert pb.IdentifyResponse.FromString(_call(agent, "Identify", b"")).request.startswith(b"-----BEGIN CERT")


def test_once_enrolled_enrolment_is_gone_for_everybody(
    agent: Agent, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _done(capsys, *_enroll(agent))
    keys = _credentials(home)
    with grpc.secure_channel(
        agent.address, grpc.ssl_channel_credentials(keys.ca, keys.key, keys.certificate)
    ) as channel:
        for method in methods.ENROLMENT:
            call = channel.unary_unary(method.path, request_serializer=bytes, response_deserializer=bytes)
            assert _code(lambda c=call: c(b"", timeout=10)) is grpc.StatusCode.UNIMPLEMENTED  # type: ignore[misc]
    with pytest.raises(grpc.RpcError):
        _call(agent, "Identify", b"")


def _signed(agent: Agent, authority: KeyedCertificate) -> bytes:
    """A certificate for the machine, by a CA."""
    request = pb.IdentifyResponse.FromString(_call(agent, "Identify", b"")).request
    return pki.sign_node(authority, request, fingerprint.parse(agent.fingerprint()), ["m1"], NOW)


def test_a_certificate_that_does_not_fit_is_refused_and_the_machine_waits_on(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    ca, other = (pki.make_authority("x", NOW) for _ in range(2))
    fits = _signed(agent, ca)
    wrong = [
        (pki.issue_node(ca, ["m1"], NOW).certificate, ca.certificate),  # for another key
        (fits, other.certificate),  # of another CA
        (pki.issue_client(ca, "mary", Role.ADMIN, NOW).certificate, ca.certificate),
        (b"", ca.certificate),
        (fits, b""),
        (fits, b"garbage"),
        (os.urandom(1000), os.urandom(1000)),
        (fits + fits, ca.certificate),
        (fits, ca.certificate + other.certificate),
        (fits, ca.key),
        (fits, fits),
    ]
    for certificate, authority in wrong:
        request = pb.EnrollRequest(certificate=certificate, ca=authority)
        assert _code(lambda r=request: _call(agent, "Enroll", r)) is not grpc.StatusCode.INTERNAL  # type: ignore[misc]
    assert not (agent.state / "adamant/identity/identity.pem").exists()
    _done(capsys, *_enroll(agent))


@pytest.mark.parametrize("data", [b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x0f", bytes(range(256))])
def test_bytes_that_are_no_request_do_no_harm(agent: Agent, data: bytes) -> None:
    for name in ("Identify", "Enroll"):
        with contextlib.suppress(grpc.RpcError):
            _call(agent, name, data)
    assert _call(agent, "Identify", b"")


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\xff" * 4000, os.urandom(2000)]
)
def test_what_is_no_tls_is_cut_off(agent: Agent, data: bytes) -> None:
    with socket.create_connection(client.parse_address(agent.address), timeout=limits.HANDSHAKE_SECONDS + 5) as plain:
        plain.sendall(data)
        plain.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionError):
            while chunk := plain.recv(4096):
                received += chunk
    assert b"200" not in received
    assert _call(agent, "Identify", b"")


def test_a_request_above_the_cap_is_refused(agent: Agent) -> None:
    request = pb.EnrollRequest(certificate=bytes(limits.ENROLMENT_MESSAGE_SIZE))
    assert _code(lambda: _call(agent, "Enroll", request)) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert _call(agent, "Identify", b"")


def test_of_two_who_enroll_at_once_one_is_its_owner(agent: Agent) -> None:
    authorities = [pki.make_authority("x", NOW) for _ in range(6)]
    signed = [_signed(agent, authority) for authority in authorities]
    outcomes: list[str] = []

    def enroll(number: int) -> None:
        request = pb.EnrollRequest(certificate=signed[number], ca=authorities[number].certificate)
        try:
            _call(agent, "Enroll", request)
        except (grpc.RpcError, AdamantError, OSError):
            outcomes.append("refused")
        else:
            outcomes.append(f"owner {number}")

    threads = [threading.Thread(target=enroll, args=(number,)) for number in range(len(signed))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    owners = [outcome for outcome in outcomes if outcome != "refused"]
    assert len(owners) == 1
    kept = Store(agent.state).load()
    assert kept
    assert kept.ca == authorities[int(owners[0].split()[1])].certificate


def test_who_comes_second_hears_that_another_was_first(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    thief = pki.make_authority("thief", NOW)
    _call(agent, "Enroll", pb.EnrollRequest(certificate=_signed(agent, thief), ca=thief.certificate))
    agent.serves()
    shown = agent.fingerprint()
    code, _, err = run(
        capsys, "node", "enroll", agent.address, "--name", "m1", "--cluster", "lab", "--fingerprint", shown
    )
    assert code == 5
    assert "obeys another CA" in err
    assert "somebody was faster" in err
    assert contexts.read().contexts == {}


def test_enrolment_stands_in_the_audit_log_by_event_and_line(
    agent: Agent, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(grpc.RpcError):
        _call(agent, "Enroll", pb.EnrollRequest(certificate=b"", ca=b""))
    _done(capsys, *_enroll(agent))
    agent.serves()
    with client.connect(agent.address, _credentials(home), seconds=60) as node:
        found = [(event.kind.value, event.message, event.fields) for event in node.events()]
    calls = [fields for kind, message, fields in found if (kind, message) == ("call", "Enroll was called")]
    assert [(fields["method"], fields["outcome"], fields["client"]) for fields in calls] == [
        ("Enroll", "failed", ""),
        ("Enroll", "done", ""),
    ]
    assert all(fields["peer"].startswith("ipv4:127.0.0.1:") for fields in calls)
    keys = [fields for kind, message, fields in found if (kind, message) == ("keys", "the machine was enrolled")]
    assert len(keys) == 1
    assert keys[0]["peer"] == calls[1]["peer"]
    ca = fingerprint.show(fingerprint.of(ssl.PEM_cert_to_DER_cert(_credentials(home).ca.decode())))
    assert keys[0]["ca"] == ca
    lines = [line for line in agent.said().splitlines() if "enrolled peer" in line or "Enroll was" in line]
    assert len(lines) == 3
    assert lines[1] == f"<6>the machine was enrolled peer={calls[1]['peer']} ca={ca}"
    assert lines[2] == f"<6>Enroll was called client= role= peer={calls[1]['peer']} method=Enroll outcome=done"


def test_callers_who_send_no_request_are_ended_and_keep_nobody_from_enrolling(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = threading.Event()

    def nothing() -> Iterator[bytes]:
        ended.wait(120)
        yield from ()

    with (
        Tunnel(*client.parse_address(agent.address), pinned.anybody()) as tunnel,
        grpc.insecure_channel(tunnel.target) as channel,
    ):
        paths = [method.path for method in methods.ENROLMENT] * (limits.ENROLMENT_CALLS // len(methods.ENROLMENT))
        silent = [channel.stream_stream(path, None, None)(nothing(), timeout=120) for path in paths]
        for one in silent:
            with pytest.raises(grpc.RpcError) as caught:
                list(one)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert f"within the limit of {limits.ENROLMENT_REQUEST_SECONDS:.0f} s" in str(caught.value.details())
        ended.set()
    _done(capsys, *_enroll(agent))


def test_a_call_above_the_cap_is_refused_and_the_limit_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ENROLMENT_REQUEST_SECONDS", 300.0)
    running, address, _ = _lying(tmp_path, b"")
    ended = threading.Event()

    def nothing() -> Iterator[bytes]:
        ended.wait(300)
        yield from ()

    try:
        with (
            Tunnel(*client.parse_address(address), pinned.anybody()) as tunnel,
            grpc.insecure_channel(tunnel.target) as channel,
            Tunnel(*client.parse_address(address), pinned.anybody()) as another,
            grpc.insecure_channel(another.target) as other,
            contextlib.ExitStack() as stack,
        ):
            path = methods.ENROLMENT[0].path
            for _ in range(2 * limits.ENROLMENT_CALLS):  # one that comes while we ask is refused, and then one lacks
                stack.callback(channel.stream_stream(path, None, None)(nothing()).cancel)

            def ask() -> None:
                """Until all of them have come."""
                deadline = time.monotonic() + 60
                while time.monotonic() < deadline:
                    enrolment._machine(other, address).call("Identify", pb.IdentifyRequest())

            with pytest.raises(BusyError) as caught:
                ask()
            assert caught.value.reference == "call-limit"
            assert f"the limit of {limits.ENROLMENT_CALLS} calls at once" in caught.value.message
    finally:
        ended.set()
        running.stop(None).wait()


def _lying(tmp_path: Path, request: bytes) -> tuple[Any, str, str]:
    """A machine whose TLS is honest and whose request is not."""
    own = key.make()
    shown = key.self_signed(own)
    of_key = pki.key_fingerprint(ssl.PEM_cert_to_DER_cert(shown.decode()))
    lie = maintenance.Enrolment(own, of_key, request, Store(tmp_path), {}, Events())
    running, port = maintenance.serve(lie.handlers(), Events(), shown, own, "127.0.0.1:0")
    return running, f"127.0.0.1:{port}", fingerprint.show(of_key)


@pytest.mark.parametrize(
    ("request_", "reference"),
    [
        (key.request(key.make()), "request-other-key"),
        (b"", "request-malformed"),
        (os.urandom(5000), "request-malformed"),
        (key.make(), "request-malformed"),
    ],
    ids=["another key", "empty", "garbage", "a key"],
)
def test_a_request_that_does_not_fit_the_key_is_never_signed(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], request_: bytes, reference: str
) -> None:
    running, address, shown = _lying(tmp_path, request_)
    try:
        code, _, err = run(capsys, "node", "enroll", address, "--cluster", "lab", "--fingerprint", shown)
    finally:
        running.stop(None).wait()
    assert code == 3
    assert reference in err
    assert [facts.kind for facts in cluster.issued(home)] == ["client"]


@contextlib.contextmanager
def _relay(target: str) -> Iterator[tuple[str, list[bytes]]]:
    """Somebody in the middle who passes every byte on, and keeps them."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def carry(near: socket.socket, far: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := near.recv(65536):
                    seen.append(data)
                    far.sendall(data)
            with contextlib.suppress(OSError):
                far.shutdown(socket.SHUT_WR)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    near, _ = listening.accept()
                    try:
                        far = socket.create_connection(client.parse_address(target))
                    except ConnectionRefusedError:  # it goes over from maintenance to serving
                        near.close()
                        continue
                    for pair in ((near, far), (far, near)):
                        threading.Thread(target=carry, args=pair, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", seen
        listening.shutdown(socket.SHUT_RDWR)


def test_somebody_in_between_can_pass_bytes_on_and_read_none(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    with _relay(agent.address) as (address, seen):
        shown = ["--fingerprint", agent.fingerprint()]
        _done(capsys, "node", "enroll", address, "--name", "m1", "--cluster", "lab", *shown)
    assert len(seen) > 4
    assert b"BEGIN CERTIFICATE" not in b"".join(seen)


def test_somebody_in_between_with_a_key_of_their_own_is_seen(
    agent: Agent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one in the middle asks the machine, and answers with what it said."""
    request = pb.IdentifyResponse.FromString(_call(agent, "Identify", b"")).request
    running, address, _ = _lying(tmp_path, request)
    try:
        shown = ["--fingerprint", agent.fingerprint()]
        code, _, err = run(capsys, "node", "enroll", address, "--cluster", "lab", *shown)
    finally:
        running.stop(None).wait()
    assert code == 3
    assert "fingerprint-differs" in err


def test_what_is_no_node_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=lambda: listening.accept()[0].sendall(b"HTTP/1.1 400\r\n\r\n"), daemon=True).start()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(UnreachableError):
            enrolment.enroll(address, None, b"", lambda _waiting: b"")
    with pytest.raises(UnreachableError):
        enrolment.enroll("127.0.0.1:1", None, b"", lambda _waiting: b"")


def test_handshakes_that_stall_keep_nobody_out_and_cost_little(agent: Agent) -> None:
    _call(agent, "Identify", b"")
    before = agent.memory()
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # the begin of a ClientHello, and no more
    stalled = [socket.create_connection(client.parse_address(agent.address)) for _ in range(300)]
    try:
        for plain in stalled:
            plain.sendall(hello)
        assert _call(agent, "Identify", b"")
        assert agent.memory() - before < 64 << 20
    finally:
        for plain in stalled:
            plain.close()
    assert _call(agent, "Identify", b"")


def test_credentials_go_before_what_the_state_keeps(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _done(capsys, "keys", "cluster", "node", "m1", "--cluster", "lab")
    with Agent(tmp_path, credentials=home / "nodes" / "m1") as agent:
        agent.serves()
        assert not (agent.state / "adamant" / "identity").exists()
        with client.connect(agent.address, _credentials(home)) as node:
            node.version()


def test_a_damaged_identity_is_said_and_not_tried_again(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    _done(capsys, *_enroll(agent))
    path = agent.state / "adamant/identity/identity.pem"
    path.write_bytes(path.read_bytes()[:700])
    agent.restart()
    assert agent.process.wait(60) == 78
    assert "identity-damaged" in agent.said()
    assert "waits to be enrolled" not in agent.said()


def test_a_passphrase_that_is_wrong_stops_it_before_anything_happens(
    agent: Agent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "right").write_text("open sesame\n")
    (tmp_path / "wrong").write_text("open barley\n")
    _done(capsys, "keys", "cluster", "init", "closed", "--passphrase-file", str(tmp_path / "right"))
    enroll = [*_enroll(agent), "--cluster", "closed", "--passphrase-file"]
    assert run(capsys, *enroll, str(tmp_path / "wrong"))[0] == 3
    assert not (agent.state / "adamant/identity/identity.pem").exists()
    _done(capsys, *enroll, str(tmp_path / "right"))


def test_the_library_raises_what_it_promises(agent: Agent, home: Path) -> None:
    authority = cluster.unlock(home, lambda: b"")
    other = fingerprint.of(b"another")

    def sign(waiting: enrolment.Waiting) -> bytes:
        return cluster.sign_request(home, authority, waiting.request, waiting.key, ["127.0.0.1"], NOW)

    with pytest.raises(VerificationError, match="fingerprint-differs"):
        enrolment.enroll(agent.address, other, authority.certificate, sign)
    pinned = fingerprint.parse(agent.fingerprint())
    assert enrolment.enroll(agent.address, pinned, authority.certificate, sign).key == pinned
    assert enrolment.await_serving(agent.address, _credentials(home), pinned).kernel
    with pytest.raises(BusyError, match="node-enrolled"):
        enrolment.enroll(agent.address, pinned, authority.certificate, sign)
