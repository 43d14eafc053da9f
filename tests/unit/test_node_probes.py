"""Health checks of a machine config: what answers is well, and what does not says why."""

import pytest

from adamant.model.machine import quantity
from adamant.model.machine.document import HealthCheck, HttpCheck, TcpCheck
from adamant.node import probes
from adamant.node.health import FAILING
from adamant.node.systemd import Systemd


def test_no_checks_ask_nobody() -> None:
    assert probes.run(()) == []


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (HealthCheck("c", container="web"), "cannot make such a check"),
        (HealthCheck("u", unit="x.service"), "systemd"),
        (HealthCheck("h", http=HttpCheck("http:///x")), "names no host"),
    ],
)
def test_a_check_that_cannot_be_made_does_not_hold(
    check: HealthCheck, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Systemd.__init__, "__defaults__", ("/nowhere/systemd", 1.0))
    (found,) = probes.run([check])
    assert found.name == f"config:{check.name}"
    assert found.state == FAILING
    assert why in found.message


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("2m", 120), ("1h", 3600), ("1d", 86400)])
def test_times_are_seconds(text: str, seconds: int) -> None:
    assert quantity.seconds(text) == seconds


def test_names_of_ours_cannot_be_taken() -> None:
    (found,) = probes.run([HealthCheck("usr-verity", tcp=TcpCheck("", 1))])
    assert found.name == "config:usr-verity"
