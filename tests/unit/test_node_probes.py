"""Health checks of a machine config: what answers is well, and what does not says why."""

from pathlib import Path

import pytest

from adamant.model.machine.document import HealthCheck, HttpCheck, TcpCheck
from adamant.node import probes
from adamant.node.containers.runtime import HOST, WORKLOAD
from adamant.node.health import FAILING
from adamant.node.systemd import Systemd


def test_no_checks_ask_nobody() -> None:
    assert probes.run((), Path("/nowhere")) == []


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (HealthCheck("c", container="web"), "containerd"),
        (HealthCheck("u", unit="x.service"), "systemd"),
        (HealthCheck("h", http=HttpCheck("http:///x")), "names no host"),
    ],
)
def test_a_check_that_cannot_be_made_does_not_hold(
    check: HealthCheck, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Systemd.__init__, "__defaults__", ("/nowhere/systemd", 1.0))
    (found,) = probes.run([check], Path("/nowhere"))
    assert found.name == f"config:{check.name}"
    assert found.state == FAILING
    assert why in found.message


def test_a_container_is_looked_for_where_the_config_has_it(tmp_path: Path) -> None:
    (tmp_path / HOST.spec("agent")).parent.mkdir(parents=True)
    (tmp_path / HOST.spec("agent")).write_text("{}")
    checks = [HealthCheck("a", container="agent"), HealthCheck("w", container="web")]
    agent, web = probes.run(checks, tmp_path)
    assert HOST.unit in agent.message
    assert f" {WORKLOAD.unit}" in web.message


def test_names_of_ours_cannot_be_taken() -> None:
    (found,) = probes.run([HealthCheck("usr-verity", tcp=TcpCheck("", 1))], Path("/nowhere"))
    assert found.name == "config:usr-verity"
