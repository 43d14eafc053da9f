"""A machine whose state is shut, as the network sees it: who brings its recovery keys has it reboot, nobody else.

It proves by a real TPM what it runs, or is given no keys.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from adamant.api import attest_pb2, cluster, contexts, fingerprint, methods, pinned, pki
from adamant.api import encryption_pb2 as pb
from adamant.api.contexts import Context
from adamant.api.fingerprint import Fingerprint
from adamant.api.tunnel import Tunnel
from adamant.core import limits
from adamant.model import tpm
from adamant.model.errors import InputError
from adamant.node import attesting, certificate, encryption, key, maintenance, mounts
from adamant.node.events import Events
from adamant.node.recovering import Recovery
from adamant.node.tasks.answer import Answer
from adamant.packages.tools import ToolsTree
from tests.command import run
from tests.image.conftest import require_program
from tests.tool.agent import SHOWN, free_port
from tests.tool.proving import RECORDED, proving
from tests.tool.task import served
from tests.unit.test_node_encryption import KEY, shut

OTHER = KEY[::-1]
RELEASE = str(RECORDED / "manifest.json")


class Machine:
    """A machine whose state and var are shut and open by KEY. `restarts` counts; `asked` is what reached its task."""

    def __init__(
        self, root: Path, of: Fingerprint | None = None, answers: Sequence[str] = ("Prove", "OpenChallenge", "Recover")
    ) -> None:
        """`of` is whose proofs it passes on, when not its own; `answers` are the methods that it has."""
        self.root = shut(root, "state", "var")
        self.tasks = root / "tasks"
        self.tasks.mkdir()
        self.restarts = 0
        self.asked: list[Mapping[str, str]] = []
        self.events = Events()
        own = key.make()
        shown = key.self_signed(own)
        self.key = certificate.read_pem(shown).key
        recovery = Recovery(of or self.key, self.root, self._restart, self.tasks)
        handlers = {method: handle for method, handle in recovery.handlers().items() if method.name in answers}
        self.server, port = maintenance.serve(handlers, self.events, shown, own, "127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"

    def _restart(self) -> None:
        self.restarts += 1

    def work(self, request: Mapping[str, Any], _answer: Answer) -> Mapping[str, Any]:
        """The task, without disks."""
        self.asked.append(request["keys"])
        if set(request["keys"].values()) != {KEY}:
            raise InputError("recovery-key-wrong", "the recovery key of state does not open it")
        return {}

    def recover(self, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
        return run(capsys, "node", "recover", self.address, *more)


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAMANT_CONFIG", str(tmp_path / "config"))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    require_program("openssl", "openssl")
    made = Machine(tmp_path)
    yield made
    made.server.stop(None).wait()


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has a person give these recovery keys to the command."""

    def give(**keys: str) -> None:
        text = "".join(f"{name}  {key}\n" for name, key in keys.items())
        monkeypatch.setattr("sys.stdin.read", lambda _size: text)

    return give


def test_the_recovery_keys_bind_the_disks_and_the_machine_reboots(
    machine: Machine, typed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed(state=KEY, var=KEY)
    with served(machine.tasks / "encryption", machine.work):
        code, out, err = machine.recover(capsys, "--fingerprint", fingerprint.show(machine.key), "--json")
    unproven = {"release": "", "attestation_key": "", "endorsement_key": ""}
    assert (code, json.loads(out), KEY in err) == (0, {"recovered": ["state", "var"], **unproven}, False)
    assert (machine.restarts, machine.asked) == (1, [{"state": KEY, "var": KEY}])
    calls = [event.fields for event in machine.events.follow(0, [], 10, wait=False, alive=lambda: True)]
    assert [(call["method"], call["outcome"], call["client"]) for call in calls] == [("Recover", "done", "")]
    assert KEY not in str(calls)


def test_a_key_that_opens_nothing_changes_nothing_and_costs_time(
    machine: Machine, typed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed(state=OTHER, var=KEY)
    begin = time.monotonic()
    with served(machine.tasks / "encryption", machine.work):
        code, _, err = machine.recover(capsys, "--fingerprint", machine.key)
    assert (code, "recovery-key-wrong" in err, machine.restarts) == (2, True, 0)
    assert time.monotonic() - begin >= limits.RECOVERY_PAUSE_SECONDS
    assert OTHER not in err


def test_recovery_keys_go_to_nobody_with_another_key_or_without_a_fingerprint(
    machine: Machine, typed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed(state=KEY, var=KEY)
    assert "fingerprint-needed" in machine.recover(capsys)[2]
    assert "fingerprint-needed" in run(capsys, "node", "recover", "--fingerprint", machine.key)[2]
    code, _, err = machine.recover(capsys, "--fingerprint", "0" * 64)
    assert (code, "fingerprint-differs" in err) == (3, True)
    assert (machine.asked, machine.restarts) == ([], 0)


def test_a_machine_that_waits_for_recovery_keys_answers_nothing_else(machine: Machine) -> None:
    with Tunnel("127.0.0.1", int(machine.address.rpartition(":")[2]), pinned.anybody()) as tunnel:
        assert pki.key_fingerprint(tunnel.certificate) == Fingerprint(machine.key)
        with grpc.insecure_channel(tunnel.target) as channel:
            for method in (*methods.METHODS, *methods.ENROLMENT):
                call = channel.unary_unary(method.path, request_serializer=bytes, response_deserializer=bytes)
                with pytest.raises(grpc.RpcError) as caught:
                    call(b"", timeout=10)
                assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED, method.name


def test_garbage_reaches_no_task(machine: Machine) -> None:
    with (
        Tunnel("127.0.0.1", int(machine.address.rpartition(":")[2]), pinned.anybody()) as tunnel,
        grpc.insecure_channel(tunnel.target) as channel,
    ):
        path = f"/{methods.RECOVERY_SERVICE}/Recover"
        call = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
        guess = pb.RecoverRequest(keys=[pb.RecoveryKey(volume="state", key="hunter2")]).SerializeToString()
        for data in (b"\xff" * 100, b"", guess):
            with pytest.raises(grpc.RpcError) as caught:
                call(data, timeout=20)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (machine.asked, machine.restarts) == ([], 0)


@pytest.fixture
def proves(machine: Machine, tree: ToolsTree) -> Iterator[str]:
    """Has the machine's TPM measured a boot of the recorded release; the fingerprint of its attestation key."""
    with proving(tree, machine.tasks):
        yield tpm.fingerprint(attesting.attest(attest_pb2.AttestRequest(nonce=bytes(32)), machine.tasks).ak)


def known(machine: Machine, key: str) -> None:
    """Have a context m1 for it, in which this attestation key is pinned."""
    contexts.put("m1", Context(machine.address, "ca.crt", "mary.crt", "mary.key", key))


def test_a_machine_that_proves_its_release_gets_the_keys_and_its_attestation_key_is_told(
    machine: Machine, proves: str, typed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed(state=KEY, var=KEY)
    with served(machine.tasks / "encryption", machine.work):
        code, out, err = machine.recover(capsys, "--fingerprint", machine.key, "--release", RELEASE, "--json")
    assert code == 0, err
    shown = json.loads(out)
    assert (shown["recovered"], shown["release"]) == (["state", "var"], "attest-img 1")
    assert (shown["attestation_key"], machine.restarts) == (proves, 1)


def test_a_machine_that_proves_another_release_gets_no_key(
    machine: Machine, proves: str, typed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed(state=KEY, var=KEY)
    assert run(capsys, "keys", "cluster", "init", "lab")[0] == 0, "a root of nobody who makes TPMs"
    for more, code, reference in (
        (["--release", str(RECORDED / "other-manifest.json")], 3, "release-unproven"),
        (["--release", RELEASE, "--secure-boot"], 3, "secure-boot-off"),
        (["--release", RELEASE, "--ek-roots", str(cluster.place("lab") / "ca.crt")], 3, "endorsement-uncertified"),
        (["--secure-boot"], 2, "proof-release-missing"),
        (["--replace-key"], 2, "proof-release-missing"),
    ):
        found, _, err = machine.recover(capsys, "--fingerprint", machine.key, *more)
        assert (found, reference in err) == (code, True), err
    calls = [event.fields["method"] for event in machine.events.follow(0, [], 10, wait=False, alive=lambda: True)]
    assert (calls, machine.asked, machine.restarts) == ([], [], 0), "no call of Recover was made"


def test_a_machine_gets_no_key_for_what_another_proves(
    machine: Machine, proves: str, tmp_path: Path, typed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed(state=KEY, var=KEY)
    (tmp_path / "broken").mkdir()
    broken = Machine(tmp_path / "broken", of=machine.key)
    (broken.tasks / "attest").symlink_to(machine.tasks / "attest")
    try:
        code, _, err = broken.recover(capsys, "--fingerprint", broken.key, "--release", RELEASE)
    finally:
        broken.server.stop(None).wait()
    assert (code, "quote-replayed" in err, broken.asked) == (3, True, []), err


def test_a_tpm_that_is_another_than_the_one_pinned_gets_keys_only_when_that_is_said(
    machine: Machine, proves: str, typed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed(state=KEY, var=KEY)
    known(machine, "0" * 64)
    asked = ["-c", "m1", "recover", machine.address, "--fingerprint", machine.key, "--release", RELEASE]
    code, _, err = run(capsys, "node", *asked)
    assert (code, "attestation-key-changed" in err, machine.asked) == (3, True, []), err
    for more, where in ((["--replace-key"], "pinned now"), ([], "as pinned")):
        with served(machine.tasks / "encryption", machine.work):
            code, out, err = run(capsys, "node", *asked, *more)
        assert code == 0, err
        assert f"runs attest-img 1; attestation key {proves} ({where})" in out
        assert contexts.read().contexts["m1"].attestation == proves


def test_a_machine_of_an_older_release_gets_keys_only_when_no_proof_is_asked_for(
    tmp_path: Path, typed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed(state=KEY, var=KEY)
    old = Machine(tmp_path, answers=("Recover",))
    try:
        code, _, err = old.recover(capsys, "--fingerprint", old.key, "--release", RELEASE)
        assert (code, "proof-unknown" in err, old.asked) == (1, True, []), err
        with served(old.tasks / "encryption", old.work):
            code, out, err = old.recover(capsys, "--fingerprint", old.key)
        assert (code, "nothing was proven" in out) == (0, True), err
    finally:
        old.server.stop(None).wait()


def test_an_agent_that_hears_of_a_shut_disk_shows_a_key_on_the_console_and_takes_recovery_keys(
    tmp_path: Path, typed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    require_program("openssl", "openssl")
    root = shut(tmp_path / "root", "state", "var")
    (root / mounts.TABLE).parent.mkdir(parents=True)
    (root / mounts.TABLE).touch()
    address, said = f"127.0.0.1:{free_port()}", tmp_path / "said"
    code = "import pathlib, sys; from adamant.node import agent; agent.run(pathlib.Path(sys.argv[1]), sys.argv[2])"
    environment = {name: value for name, value in os.environ.items() if name != "CREDENTIALS_DIRECTORY"}
    with said.open("wb") as out:
        agent = subprocess.Popen([sys.executable, "-c", code, str(root), address], env=environment, stderr=out)
    try:
        time.sleep(2)
        assert "recovery" not in said.read_text(), "nobody has told it yet"
        (root / encryption.WAITS).parent.mkdir(parents=True)
        (root / encryption.WAITS).touch()
        deadline = time.monotonic() + 60
        while "adamant node recover ADDRESS" not in (text := said.read_text()):
            assert time.monotonic() < deadline, text
            time.sleep(0.1)
        match = SHOWN.search(text)
        assert match
        typed(state=KEY, var=KEY)
        # This computer has no such task, and the call has come that far.
        assert "task-missing" in run(capsys, "node", "recover", address, "--fingerprint", match[0])[2]
        agent.terminate()
        assert agent.wait(30) == 0
    finally:
        agent.kill()
        agent.wait()
