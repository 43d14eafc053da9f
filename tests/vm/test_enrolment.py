"""A machine that got no keys: enrolled once it has proven its release, renewed, and another one after a reset.

What a person does with it in between is the page docs/guide/life.md, whose commands test_guide.py runs.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adamant.api import contexts
from adamant.api import fingerprint as fingerprints
from adamant.core import places
from adamant.machine import console, up
from adamant.machine.machine import Machine, Stopped
from adamant.model.errors import ExitCode
from tests.image.conftest import adamant
from tests.tool.agent import SHOWN
from tests.vm.conftest import SECONDS, Probed, node
from tests.vm.fleet import await_health

NAME = "unclaimed"
_WAITS = re.compile(rf"\]: ({SHOWN.pattern})\s*$", re.MULTILINE)
"""The fingerprint stands alone in its line; that of a CA, with which a machine was enrolled, does not."""


@pytest.fixture(scope="module")
def new(probed: Probed) -> Iterator[tuple[Machine, str]]:
    """A machine that is new, and the fingerprint that its console shows."""
    options = ("--maintenance", "--tpm", "--name", NAME, "--json", "--seconds", str(SECONDS))
    done = adamant("up", probed.example.folder, *options)
    yield probed.machines.get(NAME), json.loads(done.stdout)["fingerprint"]
    probed.machines.delete(NAME, force=True)


def test_a_machine_is_enrolled_by_its_console_and_its_proof_and_stays_until_a_reset(
    new: tuple[Machine, str], probed: Probed, tmp_path: Path
) -> None:
    machine, fingerprint = new
    # By the fingerprint that its console shows, and once it has proven its release.
    assert _shown(machine) == fingerprint
    to = ("node", "enroll", machine.address, "--cluster", "local")
    assert adamant(*to, check=False).returncode == ExitCode.USAGE
    assert adamant(*to, "--fingerprint", "0" * 64, check=False).returncode == ExitCode.VERIFICATION
    given = tmp_path / "machine.yaml"
    given.write_text("kind: Machine\nhostname: alpha\n")
    pinned = (*to, "--fingerprint", fingerprint)
    enroll = (*pinned, "--name", NAME, "--config", given)
    recorded = Path(__file__).parents[1] / "recorded" / "manifest.json"
    unproven = adamant(*enroll, "--release", recorded, check=False)
    assert (unproven.returncode, "release-unproven" in unproven.stderr) == (ExitCode.VERIFICATION, True)
    adamant(*enroll, "--release", probed.example.output)
    assert contexts.read().contexts[NAME].attestation is not None
    await_health(NAME, SECONDS)  # a machine may be enrolled before it is up
    assert _on("version")["hostname"] == "alpha"

    # Its certificate is renewed, and stays over a restart.
    adamant("node", "-c", NAME, "renew", "--days", "20")
    renewed = _certificate()
    assert "adamant node renew" in renewed
    assert probed.machines.stop(NAME, 120) is Stopped.SHUT_DOWN
    up.start(probed.machines, NAME, probed.tools, places.cache(), lambda _phase: None, SECONDS)
    assert _certificate().split(",")[0] == renewed.split(",")[0], "the day it ends; the days until then pass"
    assert "waits to be enrolled" not in "\n".join(console.tail(machine.console_log, 1 << 20))

    # Reset to what it was when it was new: nobody's, with another key.
    adamant("node", "-c", NAME, "reset", "all", "--yes", "--no-wait")
    deadline = time.monotonic() + SECONDS
    while _shown(machine) in {"", fingerprint}:
        assert time.monotonic() < deadline, "it showed no new key"
        time.sleep(2)
    refused = adamant(*pinned, "--name", "late", check=False)
    assert (refused.returncode, "fingerprint-differs" in refused.stderr) == (ExitCode.VERIFICATION, True)
    assert adamant("node", "-c", NAME, "version", check=False).returncode != 0

    # And from there to a machine that obeys again, under another name, and knows nothing of what it was.
    adamant(*to, "--fingerprint", _shown(machine), "--name", "again")
    await_health("again", SECONDS)
    assert node("-c", "again", "version")["hostname"] == NAME, "that of its credentials, and not of a config"
    assert node("-c", "again", "config", "history")["generations"] == []


def _on(*arguments: str) -> Any:
    return node("-c", NAME, *arguments)


def _certificate() -> str:
    """What health says of the machine's certificate, which is well."""
    check = next(check for check in _on("health")["checks"] if check["name"] == "certificate")
    assert check["state"] == "ok"
    return str(check["message"])


def _shown(machine: Machine) -> str:
    """The fingerprint that the machine's console showed last as its own, or nothing."""
    found = _WAITS.findall("\n".join(console.tail(machine.console_log, 4 << 20)))
    return fingerprints.parse(found[-1]) if found else ""
