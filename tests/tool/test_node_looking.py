"""What a person looks at with `adamant node`, by the real command, of a real agent with a real systemd and journal."""

import datetime
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adamant.api import contexts, pki
from adamant.api.contexts import Context
from adamant.api.identity import Role
from adamant.node.identity import CREDENTIALS
from tests.tool import contained
from tests.tool.contained import Contained

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)
SECONDS = 120.0

pytestmark = pytest.mark.skipif(bool(contained.reason()), reason=contained.reason())

UNITS = contained.units(
    ("steady.service", "while sleep 1; do :; done", ()),
    ("breaks.service", "sleep 1; exit 3", ()),
    ("crashes.service", "[ -e /run/crashed ] || { touch /run/crashed; exit 4; }; sleep 100000", ("Restart=always",)),
    ("adamant-container@db.service", "while sleep 1; do :; done", ()),
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contained]:
    """A container with an agent in it, and a context of a person's own that leads to it."""
    folder = tmp_path_factory.mktemp("machine")
    keys = folder / "keys"
    keys.mkdir()
    for name, data in zip(CREDENTIALS, (CA.certificate, NODE.certificate, NODE.key), strict=True):
        (keys / name).write_bytes(data)
    home = folder / "config"
    before = {name: os.environ.pop(name, None) for name in ("ADAMANT_CONFIG", "ADAMANT_CONTEXT")}
    os.environ["ADAMANT_CONFIG"] = str(home)
    pki.save(home, "ca", CA)
    pki.save(home, "mary", pki.issue_client(CA, "mary", Role.ADMIN, NOW))
    with Contained(folder / "own", UNITS) as made:
        keys.rename(made.folder / "keys")
        assert made.run("systemctl", "start", "steady", "adamant-container@db").returncode == 0
        with made.agent(made.folder / "keys") as agent:
            agent.serves()
            contexts.put("m1", Context(agent.address, "ca.crt", "mary.crt", "mary.key"))
            yield made
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


COMMAND = [sys.executable, "-m", "adamant.cli.main", "node"]


def _run(*arguments: str) -> str:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _lines(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _run(*arguments, "--json").splitlines()]


class Following:
    """A command that follows something: its lines, as they come, as JSON."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen([*COMMAND, *arguments, "--json"], stdout=subprocess.PIPE, text=True)
        self._lines: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(json.loads(line))
                self._changed.notify_all()

    def __enter__(self) -> "Following":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def find(self, holds: Callable[[dict[str, Any]], bool], again: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """The first line for which `holds`; `again` is called each second until it is there."""
        deadline = time.monotonic() + SECONDS
        while True:
            again()
            with self._changed:
                found = next((line for line in self._lines if holds(line)), None)
                if found is not None:
                    return found
                assert time.monotonic() < deadline, f"it did not come; there were {self._lines}"
                self._changed.wait(1)


def test_a_unit_that_fails_is_an_event_and_so_is_the_check_that_fails_with_it(machine: Contained) -> None:
    with (
        Following("events", "-f", "--kind", "service") as services,
        Following("events", "-f", "--kind", "health") as checks,
    ):
        machine.run("systemctl", "start", "breaks")
        failed = services.find(lambda event: event["fields"].get("unit") == "breaks.service")
        assert failed["kind"] == "service"
        assert failed["fields"]["state"] == "failed"
        assert "breaks.service" in failed["message"]

        def of_systemd(state: str) -> Callable[[dict[str, Any]], bool]:
            return lambda event: event["fields"]["check"] == "systemd" and event["fields"]["state"] == state

        ill = checks.find(of_systemd("failing"))
        assert ill["kind"] == "health"
        assert "breaks.service" in ill["fields"]["message"]
        machine.run("systemctl", "reset-failed")
        well = checks.find(of_systemd("ok"))
        assert well["fields"]["before"] == "failing"
        assert well["sequence"] > ill["sequence"]
        back = services.find(lambda event: event["fields"] == {"unit": "breaks.service", "state": "inactive"})
        assert back["sequence"] > failed["sequence"]


def test_a_service_that_crashes_and_is_started_again_at_once_is_an_event(machine: Contained) -> None:
    machine.run("systemctl", "start", "crashes")
    with Following("events", "-f", "--kind", "service") as events:
        crashed = events.find(lambda event: event["fields"].get("unit") == "crashes.service")
        assert crashed["fields"] == {"unit": "crashes.service", "state": "failed", "result": "exit-code"}
        back = events.find(lambda event: event["fields"] == {"unit": "crashes.service", "state": "active"})
        assert back["sequence"] > crashed["sequence"]
