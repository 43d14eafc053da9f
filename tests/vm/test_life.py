"""The life of a machine by the commands of a person alone, and no shell on it.

From maintenance to a config, through a bad one and back, looked into, and reset to what it was when it was new.
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
from tests import oci_archive
from tests.image.conftest import adamant, require_program
from tests.tool.agent import SHOWN
from tests.vm.conftest import SECONDS, Probed, node

NAME = "life"
_WAITS = re.compile(rf"\]: ({SHOWN.pattern})\s*$", re.MULTILINE)
"""The fingerprint stands alone in its line; that of a CA, with which a machine was enrolled, does not."""
CONFIG = "kind: Machine\nhostname: {name}\nkernel: {{sysctls: {{vm.swappiness: '{swappiness}'}}}}\n"
CUT_OFF = """\
network:
  interfaces:
    - {name: enp0s2, addresses: [192.168.77.5/24], routes: [{via: 192.168.77.1}]}
"""


@pytest.fixture(scope="module")
def new(probed: Probed) -> Iterator[tuple[Machine, str]]:
    """A machine that is new, and the fingerprint that its console shows."""
    options = ("--maintenance", "--tpm", "--name", NAME, "--json", "--seconds", str(SECONDS))
    done = adamant("up", probed.example.folder, *options)
    yield probed.machines.get(NAME), json.loads(done.stdout)["fingerprint"]
    probed.machines.delete(NAME, force=True)


def on(*arguments: str) -> Any:
    return node("-c", NAME, *arguments)


def apply(folder: Path, text: str, *options: str, expect: tuple[int, ...] = (0,)) -> None:
    (folder / "machine.yaml").write_text(text)
    done = adamant("node", "-c", NAME, "apply", folder / "machine.yaml", *options, check=False)
    assert done.returncode in expect, done.stdout + done.stderr


def until(what: str, holds: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            if holds():
                return
        except AssertionError:
            pass  # no answer yet
        assert time.monotonic() < deadline, f"it never came to hold: {what}"
        time.sleep(2)


def test_a_machine_is_enrolled_configured_broken_and_back_looked_into_and_reset(
    new: tuple[Machine, str], probed: Probed, tmp_path: Path
) -> None:
    machine, fingerprint = new
    # From maintenance to a machine that obeys, and has a config; by the fingerprint that its console shows alone.
    assert _shown(machine) == fingerprint
    unpinned = adamant("node", "enroll", machine.address, "--cluster", "local", check=False)
    assert unpinned.returncode == ExitCode.USAGE
    wrong = ("--cluster", "local", "--fingerprint", "0" * 64)
    assert adamant("node", "enroll", machine.address, *wrong, check=False).returncode == ExitCode.VERIFICATION
    given = tmp_path / "machine.yaml"
    given.write_text(CONFIG.format(name="alpha", swappiness="7"))
    pinned = ("--cluster", "local", "--fingerprint", fingerprint)
    enroll = ("node", "enroll", machine.address, "--name", NAME, *pinned, "--config", given)
    recorded = Path(__file__).parents[1] / "recorded" / "manifest.json"
    unproven = adamant(*enroll, "--release", recorded, check=False)
    assert (unproven.returncode, "release-unproven" in unproven.stderr) == (ExitCode.VERIFICATION, True)
    adamant(*enroll, "--release", probed.example.output)
    assert contexts.read().contexts[NAME].attestation is not None
    until("healthy", lambda: on("health")["overall"] == "ok")
    assert on("version")["hostname"] == "alpha"

    # Configured anew: first what it would do, then done.
    given.write_text(CONFIG.format(name="beta", swappiness="9"))
    assert "hostname" in adamant("node", "-c", NAME, "diff", given).stdout
    assert len(on("config", "history")["generations"]) == 1
    apply(tmp_path, CONFIG.format(name="beta", swappiness="9"))
    assert on("version")["hostname"] == "beta"
    swappiness = on("get", "sysctls", "vm.swappiness")["resources"][0]
    assert swappiness["actual"]["value"] == "9"

    # Broken by a config that cuts it off, and back by itself.
    apply(tmp_path, CONFIG.format(name="lost", swappiness="9") + CUT_OFF, expect=(1, 4))
    until("the config is back", lambda: on("config", "history")["under_way"] == 0)
    assert on("version")["hostname"] == "beta"
    assert on("config", "history")["generations"][0]["why"] == "return"

    # Looked into, without a shell of its own.
    busybox = Path(require_program("busybox", "busybox-static"))
    oci_archive.write(tmp_path / "busybox.tar", busybox.read_bytes(), ["sh", "ps", "ls"])
    inside = adamant("node", "-c", NAME, "debug", "--image-archive", tmp_path / "busybox.tar", "--", "ps")
    assert "systemd" in inside.stdout
    assert "config" in adamant("node", "-c", NAME, "events", "--kind", "config").stdout
    assert adamant("node", "-c", NAME, "logs", "adamant-agent", "-n", "5").stdout

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
    until("it shows a new key", lambda: _shown(machine) not in {"", fingerprint})
    refused = adamant("node", "enroll", machine.address, "--name", "late", *pinned, check=False)
    assert (refused.returncode, "fingerprint-differs" in refused.stderr) == (ExitCode.VERIFICATION, True)
    assert adamant("node", "-c", NAME, "version", check=False).returncode != 0

    # And from there to a machine that obeys again, under another name, and knows nothing of what it was.
    anew = ("--cluster", "local", "--fingerprint", _shown(machine))
    adamant("node", "enroll", machine.address, "--name", "again", *anew)
    until("healthy again", lambda: node("-c", "again", "health")["overall"] == "ok")
    assert node("-c", "again", "version")["hostname"] == NAME, "that of its credentials, and not of a config"
    assert node("-c", "again", "config", "history")["generations"] == []
    swappiness = node("-c", "again", "get", "sysctls", "vm.swappiness")["resources"][0]
    assert swappiness["actual"]["value"] != "9"


def _certificate() -> str:
    """What health says of the machine's certificate, which is well."""
    check = next(check for check in on("health")["checks"] if check["name"] == "certificate")
    assert check["state"] == "ok"
    return str(check["message"])


def _shown(machine: Machine) -> str:
    """The fingerprint that the machine's console showed last as its own, or nothing."""
    found = _WAITS.findall("\n".join(console.tail(machine.console_log, 4 << 20)))
    return fingerprints.parse(found[-1]) if found else ""
