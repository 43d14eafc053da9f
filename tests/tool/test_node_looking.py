"""What a person looks at with `adamant node`, by the real command, of a real agent with a real systemd and journal."""

import datetime
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from adamant.api import contexts, pki
from adamant.api.contexts import Context
from adamant.api.identity import Role
from adamant.cli import main
from adamant.node.identity import CREDENTIALS
from tests.tool import contained
from tests.tool.contained import Contained
from tests.tool.following import Lines

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)
SECONDS = 120.0

pytestmark = pytest.mark.skipif(bool(contained.reason()), reason=contained.reason())

UNITS = contained.units(
    ("steady.service", "while sleep 1; do :; done", ()),
    ("breaks.service", "sleep 1; exit 3", ()),
    ("crashes.service", "[ -e /run/crashed ] || { touch /run/crashed; exit 4; }; sleep 100000", ("Restart=always",)),
    ("talks.service", "while sleep 1; do echo talking; done", ()),
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
        assert made.run("systemctl", "start", "steady", "talks", "adamant-container@db").returncode == 0
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


class Following(Lines):
    """A command that follows something: its lines as JSON."""

    def __init__(self, *arguments: str) -> None:
        super().__init__([*COMMAND, *arguments, "--json"])

    def object(
        self, holds: Callable[[dict[str, Any]], bool], again: Callable[[], object] = lambda: None
    ) -> dict[str, Any]:
        """The first one for which `holds`; `again` is called about each second until it is there."""
        found: dict[str, Any] = json.loads(self.find(lambda line: holds(json.loads(line)), again))
        return found


def test_a_unit_that_fails_is_an_event_and_so_is_the_check_that_fails_with_it(machine: Contained) -> None:
    with (
        Following("events", "-f", "--kind", "service") as services,
        Following("events", "-f", "--kind", "health") as checks,
    ):
        machine.run("systemctl", "start", "breaks")
        failed = services.object(lambda event: event["fields"].get("unit") == "breaks.service")
        assert failed["kind"] == "service"
        assert failed["fields"]["state"] == "failed"
        assert "breaks.service" in failed["message"]

        def of_systemd(state: str) -> Callable[[dict[str, Any]], bool]:
            return lambda event: event["fields"]["check"] == "systemd" and event["fields"]["state"] == state

        ill = checks.object(of_systemd("failing"))
        assert ill["kind"] == "health"
        assert "breaks.service" in ill["fields"]["message"]
        machine.run("systemctl", "reset-failed")
        well = checks.object(of_systemd("ok"))
        assert well["fields"]["before"] == "failing"
        assert well["sequence"] > ill["sequence"]
        back = services.object(lambda event: event["fields"] == {"unit": "breaks.service", "state": "inactive"})
        assert back["sequence"] > failed["sequence"]


def test_a_service_that_crashes_and_is_started_again_at_once_is_an_event(machine: Contained) -> None:
    machine.run("systemctl", "start", "crashes")
    with Following("events", "-f", "--kind", "service") as events:
        crashed = events.object(lambda event: event["fields"].get("unit") == "crashes.service")
        assert crashed["fields"] == {"unit": "crashes.service", "state": "failed", "result": "exit-code"}
        back = events.object(lambda event: event["fields"] == {"unit": "crashes.service", "state": "active"})
        assert back["sequence"] > crashed["sequence"]


def test_logs_are_followed_from_their_last_lines_on(machine: Contained) -> None:
    machine.write("an old line", "-t", "follow")
    with Following("logs", "-f") as logs:
        logs.object(lambda entry: bool(entry["cursor"]))  # it follows now
        machine.write("a new line", "-t", "follow")
        found = logs.object(lambda entry: entry["message"] == "a new line")
        assert (found["identifier"], found["priority"]) == ("follow", 6)
    with Following("logs", "-f", "-n", "1", "--contains", "later") as logs:
        again = 0

        def write() -> None:
            nonlocal again
            again += 1
            machine.write(f"one earlier and {again} later", "-t", "follow")

        logs.object(lambda entry: entry["message"].endswith("later"), write)
        assert "a new line" not in logs.text()


def test_logs_of_a_unit_are_followed_and_no_other_s(machine: Contained) -> None:
    with Following("logs", "-f", "talks") as logs:
        logs.object(lambda entry: entry["message"] == "talking")
        assert {json.loads(line)["unit"] for line in logs.text().splitlines()} == {"talks.service"}


def test_a_line_for_people_says_when_and_who(machine: Contained) -> None:
    machine.write("shown to people", "-t", "people")
    with Lines([*COMMAND, "logs", "-f", "-n", "1000"]) as logs:
        line = logs.find(lambda line: "shown to people" in line)
    assert re.fullmatch(r"20[0-9-]{8} [0-9:]{8}  people\[[0-9]+\]  shown to people", line), line


def _between(*arguments: str) -> set[str]:
    found = {entry["message"] for entry in _lines("logs", *arguments)}
    return found & {"the first one", "the second one"}


def test_logs_since_and_until_a_time_are_those_of_that_time(machine: Contained) -> None:
    machine.write("the first one", "-t", "times")
    first = next(entry for entry in _lines("logs") if entry["message"] == "the first one")["time_usec"]
    while time.time() < first / 1e6 + 3:  # times of day are whole seconds
        time.sleep(0.2)
    machine.write("the second one", "-t", "times")
    middle = datetime.datetime.fromtimestamp(first // 1_000_000 + 2, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    assert _between("--since", middle) == {"the second one"}
    assert _between("--until", middle) == {"the first one"}
    assert _between("--since", "2h") == {"the first one", "the second one"}
    assert _between("--until", "2h") == set()
    tomorrow = datetime.datetime.fromtimestamp(time.time() + 86400, datetime.UTC)
    assert _between("--since", f"{tomorrow:%Y-%m-%d}") == set()
    assert _between("--since", "2h", "--until", middle) == {"the first one"}
    assert _between("--since", middle, "--until", middle) == set()


def test_what_the_kernel_says_is_followed_and_nothing_else(machine: Contained) -> None:
    token = f"adamant-test-{os.getpid()}"
    machine.write(f"{token} of a program", "-t", "kernel")
    with Following("dmesg", "-f") as said:
        # Whatever is written there stands in the kernel's log as the kernel's own words do.
        found = said.object(
            lambda entry: token in entry["message"], lambda: Path("/dev/kmsg").write_text(f"<5>{token} is followed\n")
        )
        assert (found["message"].removeprefix(f"{token} "), found["unit"]) == ("is followed", "")
        assert "of a program" not in said.text()


def test_a_watch_of_services_tells_of_one_that_stops_and_of_one_that_starts(machine: Contained) -> None:
    with Lines([*COMMAND, "get", "services", "-w"]) as watching:
        watching.find(lambda line: line.startswith("steady.service "))
        machine.run("systemctl", "stop", "steady")
        watching.find(lambda line: line == "removed  steady.service")  # nothing names it any more
        machine.run("systemctl", "start", "steady")
        watching.find(lambda line: line.startswith("added    steady.service  ") and "active=active" in line)


def test_the_space_of_a_file_system_is_what_it_has_and_one_that_is_covered_is_not_shown(machine: Contained) -> None:
    where = "/run/small"
    for command in (
        ("mkdir", where),
        ("mount", "-t", "tmpfs", "-o", "size=8m,nr_inodes=100", "small", where),
        ("dd", "if=/dev/zero", f"of={where}/x", "bs=1M", "count=3", "status=none"),
    ):
        assert machine.run(*command).returncode == 0
    usage = json.loads(_run("get", "disk-usage", where, "--json"))["resources"][0]["actual"]
    assert (usage["type"], usage["source"]) == ("tmpfs", "small")
    assert (usage["size_bytes"], usage["used_bytes"], usage["free_bytes"]) == (8 << 20, 3 << 20, 5 << 20)
    assert (usage["files"], usage["files_used"]) == (100, 2)
    assert machine.run("mount", "-t", "tmpfs", "-o", "size=4m", "over", where).returncode == 0
    shown = json.loads(_run("get", "disk-usage", "--json"))["resources"]
    found = [(item["actual"]["source"], item["actual"]["size_bytes"]) for item in shown if item["name"] == where]
    assert found == [("over", 4 << 20)]
    assert "/proc" not in {item["name"] for item in shown}, "what has no size is not shown"
    assert [line.split()[2:4] for line in _run("get", "disk-usage").splitlines() if line.startswith(where)] == [
        ["4.0", "MiB"]
    ]


@pytest.mark.parametrize(
    ("words", "incomplete", "there", "not_there"),
    [
        (["logs"], "adamant-container@", "adamant-container@db.service", "steady.service"),
        (["logs"], "", "-.mount", "nonsense.service"),
        (["service", "restart"], "", "adamant-container@db.service", "-.mount"),
        (["service", "stop"], "st", "steady.service", "adamant-container@db.service"),
    ],
)
def test_completion_offers_the_units_that_the_machine_has(
    words: list[str], incomplete: str, there: str, not_there: str, machine: Contained
) -> None:
    completion = ShellComplete(main.root, {}, "adamant", "_ADAMANT_COMPLETE")
    found = {item.value for item in completion.get_completions(["node", *words], incomplete)}
    assert there in found
    assert not_there not in found
