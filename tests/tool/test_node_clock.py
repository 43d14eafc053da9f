"""Agents whose clock is a year behind: who may talk to them, and what they can still do."""

import datetime
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adamant.api import client, pki, renewal
from adamant.api.identity import Role
from adamant.api.pki import Credentials
from adamant.api.types import CheckState
from adamant.model.errors import VerificationError
from adamant.node.identity import Keys, Store
from adamant.packages.tools import ToolsTree
from tests import shifted_clock
from tests.tool.agent import Agent

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("lab", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)
YEAR = 365


def _client() -> Credentials:
    pair = pki.issue_client(CA, "mary", Role.ADMIN, NOW)
    return Credentials(CA.certificate, pair.certificate, pair.key)


@pytest.fixture(scope="module")
def clock(tree: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shifted_clock.build(tree, -YEAR, tmp_path_factory.mktemp("clock"))


@pytest.fixture
def behind(tmp_path: Path, clock: Path) -> Iterator[Agent]:
    """An enrolled machine whose clock was set back by a year."""
    (tmp_path / "state").mkdir()
    Store(tmp_path / "state").enroll(Keys(CA.certificate, NODE.certificate, NODE.key))
    with Agent(tmp_path, clock=clock) as agent:
        agent.serves()
        yield agent


def test_who_has_a_certificate_of_ours_is_let_in_by_a_machine_whose_clock_was_set_back(behind: Agent) -> None:
    with client.connect(behind.address, _client()) as node:
        node.version()
        begun = next(node.events(last=1))
        assert begun.time_usec / 1e6 < time.time() - (YEAR - 1) * 86400, "its clock is really another"
        checks = {check.name: check for check in node.health().checks}
        assert checks["certificate"].state is CheckState.OK


def test_a_machine_whose_clock_was_set_back_is_renewed(behind: Agent) -> None:
    def sign(request: bytes, key: str, names: object) -> bytes:
        return pki.sign_node(CA, request, pki.request_fingerprint(request), ["m1"], datetime.datetime.now(datetime.UTC))

    with client.connect(behind.address, _client()) as node:
        renewed = renewal.renew(node, sign)
    behind.restart()
    behind.serves()
    with client.connect(behind.address, _client()) as node:
        node.version()
    kept = Store(behind.state).load()
    assert kept
    assert pki.facts(kept.certificate).fingerprint == renewed.fingerprint


def test_a_certificate_that_says_from_when_it_holds_is_refused_before_by_the_machine_s_clock(
    behind: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:  # as other programs make them
        patch.setattr(pki, "BEGINS", NOW - datetime.timedelta(days=1))
        other = _client()
    with client.connect(behind.address, other) as node, pytest.raises(VerificationError) as refused:
        node.version()
    assert refused.value.reference == "certificate-rejected"
    assert "the node does not accept the client's certificate" in refused.value.message
    assert "valid by the node's clock" in refused.value.hint
    # It is the clock alone: a machine whose clock is right takes it.
    home = tmp_path / "right"
    (home / "state").mkdir(parents=True)
    Store(home / "state").enroll(Keys(CA.certificate, NODE.certificate, NODE.key))
    with Agent(home) as right:
        right.serves()
        with client.connect(right.address, other) as node:
            node.version()
