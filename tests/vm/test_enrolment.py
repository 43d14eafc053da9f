"""A machine that got no keys is enrolled, renewed and started again, by the commands that a person uses."""

import json
from collections.abc import Iterator

import pytest

from adamant.core import places
from adamant.machine import console, up
from adamant.machine.machine import Machine, Stopped
from tests.image.conftest import adamant
from tests.vm.conftest import SECONDS, Probed, node
from tests.vm.fleet import await_health

NAME = "unclaimed"


@pytest.fixture(scope="module")
def waiting(probed: Probed) -> Iterator[tuple[Machine, str]]:
    """A machine in maintenance, and the fingerprint that its console shows."""
    folder = probed.example.folder
    done = adamant("up", folder, "--maintenance", "--name", NAME, "--json", "--seconds", str(SECONDS))
    yield probed.machines.get(NAME), json.loads(done.stdout)["fingerprint"]
    probed.machines.delete(NAME, force=True)


def _said(machine: Machine) -> str:
    return "\n".join(console.tail(machine.console_log, 1 << 20))


def test_a_machine_goes_from_its_console_s_fingerprint_to_health_and_stays(
    waiting: tuple[Machine, str], probed: Probed
) -> None:
    machine, shown = waiting
    assert shown in _said(machine).replace(":", "")
    refused = adamant("node", "enroll", machine.address, "--cluster", "local", check=False)
    assert refused.returncode == 2
    wrong = ["--fingerprint", "0" * 64]
    refused = adamant("node", "enroll", machine.address, "--cluster", "local", *wrong, check=False)
    assert refused.returncode == 3

    adamant("node", "enroll", machine.address, "--name", NAME, "--cluster", "local", "--fingerprint", shown)
    await_health(NAME, SECONDS)  # a machine may be enrolled before it is up
    health = {check["name"]: check for check in node("-c", NAME, "health")["checks"]}
    assert health["certificate"]["state"] == "ok"
    assert node("-c", NAME, "version")["hostname"] == NAME

    adamant("node", "-c", NAME, "renew", "--days", "20")
    soon = next(c for c in node("-c", NAME, "health")["checks"] if c["name"] == "certificate")
    assert soon["state"] == "ok"
    assert "adamant node renew" in soon["message"]

    assert probed.machines.stop(NAME, 120) is Stopped.SHUT_DOWN
    up.start(probed.machines, NAME, probed.tools, places.cache(), lambda _phase: None, SECONDS)
    again = next(c for c in node("-c", NAME, "health")["checks"] if c["name"] == "certificate")
    assert again["message"].split(",")[0] == soon["message"].split(",")[0], "the day it ends; the days until then pass"
    assert "waits to be enrolled" not in _said(probed.machines.get(NAME))
