"""The config of a booted machine, by the commands of a person: applied, tried, broken and back, and after a boot.

The image has a unit that kills the agent when a file of one config appears, so that it dies in the middle of an apply;
one that kills it when it is told to; and one that sets the clock back by more than a year.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adamant.core import places
from adamant.image import project
from adamant.machine import up
from adamant.machine.machine import Machine, Machines, Stopped
from adamant.model.errors import ExitCode
from adamant.packages import tools
from tests.image.conftest import COMMAND, adamant, build
from tests.vm.conftest import SECONDS, node

DEFINITION = """\
kind: Image
name: configured
version: "1"
profile: dev
packages: [containerd, runc, python3]
kernel:
  arguments: [systemd.default_device_timeout_sec=300]  # an emulated machine on a busy computer
units:
  - name: killer.path
    content: |
      [Path]
      PathExists=/run/systemd/resolved.conf.d/50-adamant-config.conf
      [Install]
      WantedBy=multi-user.target
  - name: killer.service
    enable: false
    content: |
      [Unit]
      ConditionPathExists=!/run/killed
      [Service]
      Type=oneshot
      RemainAfterExit=yes
      ExecStart=/usr/bin/systemctl kill --signal=KILL adamant-agent.service
      ExecStart=/usr/bin/touch /run/killed
  - name: kill-agent.service
    enable: false
    content: |
      [Service]
      Type=oneshot
      ExecStart=/usr/bin/systemctl kill --signal=KILL adamant-agent.service
  - name: turn-back.service
    enable: false
    content: |
      [Service]
      Type=oneshot
      RemainAfterExit=yes
      ExecStart=/usr/bin/python3 /usr/lib/turn.py back
      ExecStop=/usr/bin/python3 /usr/lib/turn.py forth
files:
  - {path: /usr/lib/turn.py, source: turn.py}
"""

TURN = """\
import pathlib, sys, time

kept = pathlib.Path("/run/turned-by")
now = time.clock_gettime(time.CLOCK_REALTIME)
if sys.argv[1] == "back":
    by = now - 1748736000  # 2025-06-01
    kept.write_text(str(by))
else:
    by = -float(kept.read_text())
time.clock_settime(time.CLOCK_REALTIME, now - by)
"""

FIRST = """\
kind: Machine
hostname: alpha
time: {servers: [ntp.example.org]}
kernel: {sysctls: {vm.swappiness: "7"}}
"""

STATIC = """\
network:
  interfaces:
    - {name: enp0s2, addresses: [10.0.2.15/24], routes: [{via: 10.0.2.2}]}
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A healthy machine without a config."""
    home = tmp_path_factory.mktemp("configured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAMANT_STATE", str(home / "state"))
        patch.setenv("ADAMANT_CONFIG", str(home / "config"))
        folder = home / "image"
        folder.mkdir()
        (folder / "adamant.yaml").write_text(DEFINITION)
        (folder / "turn.py").write_text(TURN)
        adamant("lock", "-C", folder)
        build(folder)
        adamant("up", folder, "--json", "--seconds", str(SECONDS))
        machines = Machines(places.state() / "machines")
        yield machines.get("configured")
        machines.delete("configured", force=True)


def apply(folder: Path, text: str, *options: str, expect: int | set[int] = 0) -> Any:
    """Apply a config by the command."""
    (folder / "machine.yaml").write_text(text)
    done = adamant("node", "apply", folder / "machine.yaml", "--json", *options, check=False)
    assert done.returncode in ({expect} if isinstance(expect, int) else expect), done.stdout + done.stderr
    return json.loads(done.stdout)


def until(holds: Any) -> None:
    """Wait until the node answers so that `holds`; it may be out of reach until then."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            if holds():
                return
        except AssertionError:
            pass  # no answer yet
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(1)


def hostname() -> str:
    return str(node("version")["hostname"])


def all_equal() -> bool:
    return all(status["equal"] for status in node("config", "status")["statuses"])


def test_a_config_is_planned_then_applied(machine: Machine, tmp_path: Path) -> None:
    plan = apply(tmp_path, FIRST, "--dry-run")
    assert plan["running"] == 0
    assert {key["path"] for key in plan["keys"]} >= {"hostname", "time", "kernel"}
    assert "restart systemd-timesyncd.service" in plan["actions"]
    assert node("config", "history")["generations"] == []
    done = apply(tmp_path, FIRST)
    assert (done["generation"], done["state"]) == (1, "good")
    assert hostname() == "alpha"
    statuses = {status["name"]: status for status in node("config", "status")["statuses"]}
    assert statuses["vm/swappiness"]["actual"] == "7"
    assert all_equal()
    assert json.loads(node("config", "show")["document"])["hostname"] == "alpha"


def test_a_trial_that_nobody_confirms_goes_back(machine: Machine, tmp_path: Path) -> None:
    assert apply(tmp_path, FIRST.replace("alpha", "beta"), "--try", "25s")["state"] == "on-trial"
    assert hostname() == "beta"
    busy = apply(tmp_path, FIRST.replace("alpha", "gamma"), expect=5)
    assert busy["error"]["reference"] == "config-trial"
    until(lambda: hostname() == "alpha")
    assert node("config", "history")["generations"][0]["why"] == "return"


def test_a_trial_that_is_confirmed_stays_and_unset_takes_it_back(machine: Machine, tmp_path: Path) -> None:
    apply(tmp_path, FIRST.replace("alpha", "beta"), "--try", "2m")
    node("confirm")
    assert node("config", "history")["trial"] == 0
    node("unset", "hostname")
    assert hostname() not in {"alpha", "beta"}
    node("config", "revert", "1")
    assert hostname() == "alpha"


def test_a_plan_that_waits_for_a_reboot_says_so_by_its_exit_code(machine: Machine, tmp_path: Path) -> None:
    later = FIRST.replace("kernel: {", "kernel: {arguments: [hugepages=2], ")
    for command in (["apply", "--dry-run"], ["diff"]):
        (tmp_path / "machine.yaml").write_text(later)
        done = adamant("node", *command, tmp_path / "machine.yaml", "--json", check=False)
        assert done.returncode == ExitCode.REBOOT_NEEDED, done.stdout + done.stderr
        assert json.loads(done.stdout)["reboot"] == ["kernel arguments"]
    assert node("config", "show")["generation"]["number"] == node("config", "history")["running"]


def test_a_revoked_client_is_refused_its_stream_ends_and_others_go_on(machine: Machine, tmp_path: Path) -> None:
    for name in ("mary", "john"):
        adamant("keys", "cluster", "client", name, "--role", "reader", "--cluster", "local")
        whose = ["--cluster", "local", "--client", name]
        adamant("context", "add", name, "--address", machine.address, *whose)
    adamant("context", "use", "configured")
    streams = {
        name: subprocess.Popen(
            [*COMMAND, "node", "-c", name, "events", "-f", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for name in ("mary", "john")
    }
    try:
        for stream in streams.values():
            assert stream.stdout is not None
            assert stream.stdout.readline(), "what the node has kept: the stream is open"
        certificate = places.config() / "local" / "mary.crt"
        printed = adamant("keys", "cluster", "revoke", certificate, "--cluster", "local").stdout
        listed = printed[printed.index("certificates:") :]
        assert apply(tmp_path, FIRST + listed)["state"] == "good"

        def refused() -> bool:
            return "certificate-revoked" in adamant("node", "-c", "mary", "version", check=False).stderr

        until(refused)
        assert adamant("node", "-c", "mary", "version", check=False).returncode == ExitCode.VERIFICATION
        # Her stream ends with the next event, whatever it is.
        node("service", "restart", "systemd-timesyncd")
        said, _ = streams["mary"].communicate(timeout=120)
        assert b"certificate-revoked" in said
        assert streams["mary"].returncode == ExitCode.VERIFICATION
        assert streams["john"].poll() is None, "the stream of another client goes on"
        assert node("-c", "john", "version")["hostname"] == "alpha"
        events = adamant("node", "events", "--kind", "call").stdout
        assert any("mary" in line and "refused" in line for line in events.splitlines())
        # Taken off the list, she is let in again: the config alone says who is not.
        apply(tmp_path, FIRST)
        until(lambda: node("-c", "mary", "version")["hostname"] == "alpha")
    finally:
        for stream in streams.values():
            stream.kill()
            stream.communicate()


def test_the_network_takes_a_fixed_address(machine: Machine, tmp_path: Path) -> None:
    assert apply(tmp_path, FIRST + STATIC)["state"] == "good"
    assert all_equal()
    assert node("health")["overall"] == "ok"


def test_a_config_that_cuts_the_node_off_goes_back_by_itself(machine: Machine, tmp_path: Path) -> None:
    wrong = STATIC.replace("10.0.2.15", "192.168.77.5").replace("10.0.2.2}", "192.168.77.1}")
    # The command loses its connection; what it is told then depends on when the node is back.
    apply(tmp_path, FIRST.replace("alpha", "lost") + wrong, expect={1, 4})
    until(lambda: node("config", "history")["under_way"] == 0)
    newest = node("config", "history")["generations"][0]
    assert (newest["why"], newest["by"]) == ("return", "node")
    assert hostname() == "alpha"
    events = adamant("node", "events", "--kind", "config", "--last", "3").stdout
    assert "no default gateway answers" in events


def test_an_agent_killed_in_the_middle_of_an_apply_undoes_it(machine: Machine, tmp_path: Path) -> None:
    names = "network: {dns: {servers: [10.0.2.3]}}\n"
    apply(tmp_path, FIRST.replace("alpha", "killed") + names, expect={1, 4})
    until(lambda: node("config", "history")["generations"][0]["why"] == "return")
    until(lambda: hostname() == "alpha")
    until(all_equal)
    events = adamant("node", "events", "--kind", "config").stdout
    assert "the agent ended while it was put in place" in events


def test_an_agent_killed_during_a_trial_still_ends_it_in_time(machine: Machine, tmp_path: Path) -> None:
    apply(tmp_path, FIRST)
    assert apply(tmp_path, FIRST.replace("alpha", "tried"), "--try", "90s")["state"] == "on-trial"
    adamant("node", "service", "start", "kill-agent", check=False)  # the answer may be lost with the agent
    until(lambda: node("config", "history")["trial"] != 0)
    assert "status=9/KILL" in adamant("node", "logs", "adamant-agent").stdout, "it was killed, and not stopped"
    history = node("config", "history")
    assert 0 < history["trial_left_usec"] < 90_000_000, "its time went on, and did not begin anew"
    assert hostname() == "tried"
    until(lambda: hostname() == "alpha")
    newest = node("config", "history")["generations"][0]
    assert (newest["why"], newest["by"]) == ("return", "node")
    assert "nobody confirmed the trial in time" in adamant("node", "events", "--kind", "config").stdout
    until(all_equal)


def test_a_clock_that_is_set_back_by_more_than_a_year_loses_nothing(machine: Machine, tmp_path: Path) -> None:
    assert apply(tmp_path, FIRST.replace("alpha", "before"))["state"] == "good"
    assert apply(tmp_path, FIRST.replace("alpha", "tried"), "--try", "90s")["state"] == "on-trial"
    before = node("config", "history")["generations"][0]
    node("service", "start", "turn-back")
    # Every command is a new connection with a certificate that was made, by this clock, in the future.
    check = next(c for c in node_health()["checks"] if c["name"] == "time")
    assert check["state"] == "failing"
    assert 0 < node("config", "history")["trial_left_usec"] < 90_000_000
    until(lambda: hostname() == "before")
    back = node("config", "history")["generations"][0]
    assert (back["number"], back["why"]) == (before["number"] + 1, "return")
    assert back["created_usec"] < before["created_usec"], "the clock is really another"
    assert apply(tmp_path, FIRST.replace("alpha", "since"))["generation"] == back["number"] + 1
    # An agent that begins under that clock runs the last generation, and not the one with the latest time.
    adamant("node", "service", "restart", "adamant-agent")
    until(lambda: node("config", "history")["running"] == back["number"] + 1)
    assert hostname() == "since"
    until(all_equal)
    node("service", "stop", "turn-back")
    assert next(c for c in node_health()["checks"] if c["name"] == "time")["state"] == "ok"
    assert hostname() == "since"


def node_health() -> Any:
    """The health of the node, whatever it is."""
    return json.loads(adamant("node", "health", "--json", check=False).stdout)


def test_after_a_reboot_the_machine_is_as_its_config_says(machine: Machine, tmp_path: Path) -> None:
    machines = Machines(places.state() / "machines")
    apply(tmp_path, FIRST)
    assert apply(tmp_path, FIRST.replace("alpha", "delta"), "--at-boot")["state"] == "staged"
    assert hostname() == "alpha"
    assert machines.stop(machine.name, 120) is Stopped.SHUT_DOWN
    folder = machine.folder.parents[2] / "image"
    tree = tools.open_tools(project.read_lock(project.read_project(folder)).tools, places.cache())
    up.start(machines, machine.name, tree, places.cache(), lambda _phase: None, SECONDS)
    until(lambda: node("config", "history")["under_way"] == 0)
    assert hostname() == "delta"
    assert all_equal()
    history = node("config", "history")
    assert history["running"] == history["good"] == history["generations"][0]["number"]
    assert node("health")["overall"] == "ok"


def test_what_is_stands_beside_what_the_config_and_the_image_say(machine: Machine, tmp_path: Path) -> None:
    apply(tmp_path, FIRST + STATIC)

    def get(kind: str) -> Any:
        return {item["name"]: item for item in node("get", kind)["resources"]}

    link = get("links")["enp0s2"]
    assert (link["desired"], link["reason"]) == ({"state": "up"}, "")
    address = get("addresses")["enp0s2/10.0.2.15/24"]
    assert address["desired"] == {"link": "enp0s2", "address": "10.0.2.15/24", "family": 4}
    (route,) = [one for one in get("routes").values() if one["desired"]]
    assert route["desired"]["gateway"] == route["actual"]["gateway"] == "10.0.2.2"
    clock = get("time")["clock"]
    assert clock["desired"] == {"servers": ["ntp.example.org"], "synchronized": True}
    slots = get("slots")
    assert (slots["usr-a"]["desired"], slots["usr-b"]["desired"]) == ({"running": True, "version": "1"}, None)
    for kind in ("links", "addresses", "routes", "slots", "modules", "mounts", "disks"):
        assert {name: item["reason"] for name, item in get(kind).items() if item["reason"]} == {}, kind
