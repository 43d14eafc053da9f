"""The config of a booted machine, by the commands of a person: applied, tried, broken and back, and after a boot.

The image has a unit that kills the agent when a file of one config appears, so that it dies in the middle of an apply.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adamant.core import places
from adamant.image import project
from adamant.machine import up
from adamant.machine.machine import Machine, Machines, Stopped
from adamant.packages import tools
from tests.image.conftest import adamant, build
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
    assert {key["path"] for key in plan["keys"]} >= {"hostname", "time.servers"} or plan["keys"]
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


def test_after_a_reboot_the_machine_is_as_its_config_says(machine: Machine, tmp_path: Path) -> None:
    machines = Machines(places.state() / "machines")
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
