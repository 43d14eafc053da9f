"""The agent and the task `attest`, over the socket between them."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from adamant.api import attest as client
from adamant.api import attest_pb2 as pb
from adamant.api.client import Node
from adamant.model import attestation
from adamant.model.errors import AdamantError, InputError
from adamant.node import attesting
from adamant.node.tasks import attest
from adamant.node.tasks.answer import Answer
from tests.tool.task import served

RECORDED = Path(__file__).parents[1] / "recorded"


class Direct:
    """A node whose handlers are called without a network between."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def call(self, name: str, request: Any, _seconds: float) -> Any:
        handlers: dict[str, Any] = {"Attest": attesting.attest, "Activate": attesting.activate}
        return handlers[name](request, self._folder)


def test_what_the_tpm_says_arrives_whole(tmp_path: Path) -> None:
    found = attestation.decode((RECORDED / "attestation.json").read_bytes())
    asked: list[Mapping[str, Any]] = []

    def work(request: Mapping[str, Any], answer: Answer) -> Mapping[str, Any]:
        asked.append(request)
        answer.send(b"opened" if "blob" in request else attestation.encode(found))
        return {}

    node = cast(Node, Direct(tmp_path))
    with served(tmp_path / "attest", work):
        assert client.attest(node, b"12345678") == found
    with served(tmp_path / "attest", work):
        assert client.activate(node, b"\1", b"\2") == b"opened"
    assert asked == [{"nonce": b"12345678".hex()}, {"blob": "01", "secret": "02"}]


def test_errors_of_the_task_keep_their_names(tmp_path: Path) -> None:
    work = partial(attest.work, root=tmp_path)
    with served(tmp_path / "attest", work), pytest.raises(AdamantError, match="tpm-absent"):
        attesting.attest(pb.AttestRequest(nonce=bytes(16)), tmp_path)
    with served(tmp_path / "attest", work), pytest.raises(AdamantError, match="tpm-absent"):
        attesting.activate(pb.ActivateRequest(), tmp_path)
    with served(tmp_path / "attest", work), pytest.raises(InputError, match="nonce-size"):
        attesting.attest(pb.AttestRequest(nonce=b"1"), tmp_path)


def test_what_is_no_attestation_is_a_failed_task(tmp_path: Path) -> None:
    def work(_request: Mapping[str, Any], answer: Answer) -> Mapping[str, Any]:
        answer.send(b"{}")
        return {}

    with served(tmp_path / "attest", work), pytest.raises(AdamantError, match="task-failed"):
        attesting.attest(pb.AttestRequest(nonce=bytes(16)), tmp_path)
