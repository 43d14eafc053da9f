"""A machine that waits to be enrolled proves by a real TPM what it runs, or its certificate is never signed."""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import grpc
import pytest

from adamant.api import attest_pb2 as pb
from adamant.api import cluster, contexts, enrolment, fingerprint, pinned, pki
from adamant.api.attest import Calls
from adamant.api.fingerprint import Fingerprint
from adamant.api.tunnel import Tunnel
from adamant.cli.node import asking
from adamant.cli.proof import Wanted
from adamant.core import limits
from adamant.model import tpm
from adamant.model.errors import AdamantError
from adamant.node import attesting, key, maintenance, server
from adamant.node.events import Events
from adamant.node.identity import Store
from adamant.node.tasks import attest
from adamant.packages.tools import ToolsTree
from tests.command import run
from tests.tool.proving import RECORDED, proving
from tests.tool.task import served


@dataclass(frozen=True)
class Waiting:
    """A machine in maintenance: where it answers, its key, and what came of its enrolment."""

    address: str
    shown: Fingerprint
    enrolment: maintenance.Enrolment


@pytest.fixture
def tasks(tree: ToolsTree, tmp_path: Path) -> Iterator[Path]:
    """The tasks of a machine whose TPM has measured a boot of the recorded release."""
    with proving(tree, tmp_path):
        yield tmp_path


@contextmanager
def waiting(tasks: Path, of: Fingerprint | None = None) -> Iterator[Waiting]:
    """A machine in maintenance; `of` is whose answers it passes on, when not its own."""
    own = key.make()
    certificate = key.self_signed(own)
    shown = pki.key_fingerprint(ssl.PEM_cert_to_DER_cert(certificate.decode()))
    made = maintenance.Enrolment(own, of or shown, key.request(own), Store(tasks / "state"), {}, Events(), tasks)
    running, port = maintenance.serve(made.handlers(), Events(), certificate, own, "127.0.0.1:0")
    try:
        yield Waiting(f"127.0.0.1:{port}", shown, made)
    finally:
        running.stop(None).wait()


@pytest.fixture(autouse=True)
def _cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ADAMANT_CONFIG", str(tmp_path / "config"))
    assert run(capsys, "keys", "cluster", "init", "lab")[0] == 0


def enroll(capsys: pytest.CaptureFixture[str], machine: Waiting, *more: str | Path) -> tuple[int, str]:
    """What `adamant node enroll` does and says."""
    known = ["--name", "m1", "--cluster", "lab", "--fingerprint", fingerprint.show(machine.shown)]
    code, out, err = run(capsys, "node", "enroll", machine.address, *known, *map(str, more))
    return code, out + err


def test_a_machine_that_proves_its_release_is_enrolled_and_its_key_known(tasks: Path) -> None:
    folder = cluster.place("lab")
    authority = cluster.unlock(folder, lambda: b"")
    wanted = Wanted((RECORDED / "manifest.json",), (), (), secure_boot=False, own_keys=False)
    found: list[str] = []

    def sign(told: enrolment.Waiting) -> bytes:
        assert found, "it is asked before"
        return cluster.sign_request(folder, authority, told.request, told.key, ["m1"], datetime.now(UTC))

    def examine(told: enrolment.Waiting, machine: Calls) -> None:
        found.append(asking.require_first_proof(told.key, machine, "m1", None, wanted, "it waits").key)

    with waiting(tasks) as machine:
        enrolment.enroll(machine.address, machine.shown, authority.certificate, sign, examine)
        assert machine.enrolment.enrolled.is_set()
    assert found == [tpm.fingerprint(attesting.attest(pb.AttestRequest(nonce=bytes(32)), tasks).ak)]


def test_a_machine_that_does_not_is_refused_and_waits_as_before(
    tasks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with waiting(tasks) as machine:
        for more, code, reference in (
            (["--release", RECORDED / "other-manifest.json"], 3, "release-unproven"),
            (["--release", RECORDED / "manifest.json", "--secure-boot"], 3, "secure-boot-off"),
            (["--release", RECORDED / "manifest.json", "--own-keys"], 3, "firmware-keys-unknown"),
            (["--secure-boot"], 2, "proof-release-missing"),
        ):
            found, said = enroll(capsys, machine, *more)
            assert (found, reference in said) == (code, True), said
        assert not machine.enrolment.enrolled.is_set()
        assert contexts.read().contexts == {}


def test_a_machine_cannot_pass_on_what_another_proves(tasks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with waiting(tasks) as sound, waiting(tasks, of=sound.shown) as broken:
        code, said = enroll(capsys, broken, "--release", RECORDED / "manifest.json")
        assert (code, "quote-replayed" in said) == (3, True), said
        assert not broken.enrolment.enrolled.is_set()


def test_a_machine_without_a_tpm_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:

    work = partial(attest.work, root=tmp_path)
    with served(tmp_path / "attest", work), waiting(tmp_path) as machine:
        code, said = enroll(capsys, machine, "--release", RECORDED / "manifest.json")
    assert (code, "tpm-absent" in said) == (1, True), said


def test_anybody_may_ask_the_tpm_and_only_so_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(limits, "ENROLMENT_PROOFS", 0)
    with waiting(tmp_path) as machine:
        code, said = enroll(capsys, machine, "--release", RECORDED / "manifest.json")
    assert (code, "call-limit" in said) == (5, True), said


def test_a_machine_of_an_older_release_is_told_as_that() -> None:
    own = key.make()
    running = grpc.server(ThreadPoolExecutor(1))
    port = server.bind(running, "127.0.0.1:0", grpc.ssl_server_credentials([(own, key.self_signed(own))]))
    running.start()
    try:
        with (
            Tunnel("127.0.0.1", port, pinned.anybody()) as tunnel,
            grpc.insecure_channel(tunnel.target) as channel,
            pytest.raises(AdamantError, match="proof-unknown"),
        ):
            enrolment._machine(channel, "127.0.0.1").call("Prove", pb.AttestRequest())
    finally:
        running.stop(None).wait()
