"""Host containers on a booted machine: apart from its workload, within their limits, and shown what the config says."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.conftest import adamant
from tests.tool.containerd import registry
from tests.vm.conftest import SECONDS, Probed, node

NAME = "looked-after"
IMAGES = ["lib/busybox:1"]
LINGER = "trap 'exit 0' TERM; while true; do sleep 1; done"
LOOK = """
echo SAW links $(ls /sys/class/net)
echo SAW host $(ls /host)
echo SAW journals $(ls /var/log/journal /run/log/journal)
echo SAW processes $(ls /proc | grep -c '^[0-9]')
echo SAW sockets $(ls /run /host/run /var/run)
echo SAW release $(grep -c ^ID= /host/usr/lib/os-release)
echo SAW init $(cat /proc/1/comm)
echo SAW variables $(grep -c . /proc/1/environ)
for process in /proc/[0-9]*; do
  read name < $process/comm
  read group < $process/cgroup
  case $name$group in containerd*|*adamant-web.scope) kill -9 ${process#/proc/} && echo ended another;; esac
done
touch /host/etc/x
sleep 100 & kill $! && echo ended its own
echo SAW all
"""


def _container(name: str, script: str, **more: Any) -> dict[str, Any]:
    image = "reg.lan/lib/busybox:1"
    return {"name": name, "image": image, "command": ["sh", "-c", f"{script}\n{LINGER}"], "memory": "48M", **more}


def config(port: int, *, host: bool = True) -> str:
    """A machine config, as JSON (which is YAML)."""
    section = {
        "limits": {"cpuWeight": 20, "memory": "200M", "tasks": 300},
        "containers": [
            _container("blind", LOOK),
            _container("eyes", LOOK, sees=["journal", "network", "processes", "root"]),
        ],
    }
    checks = ["web", *(["blind", "eyes"] if host else [])]
    return json.dumps(
        {
            "kind": "Machine",
            "registries": [{"host": "reg.lan", "mirrors": [f"http://10.0.2.2:{port}"], "fallback": False}],
            "containers": [_container("web", "sleep 100 & kill $! && echo ended its own")],
            "health": [{"name": name, "container": name} for name in checks],
            **({"hostContainers": section} if host else {}),
        }
    )


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with registry(tmp_path_factory.mktemp("registry"), IMAGES) as found:
        yield found


@pytest.fixture(scope="module")
def machine(probed: Probed, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A machine that got its config with its first boot, and is healthy."""
    path = tmp_path_factory.mktemp("config") / "machine.yaml"
    path.write_text(config(port))
    adamant("up", probed.example.folder, "--name", NAME, "--config", path, "--seconds", str(SECONDS))
    yield NAME
    probed.machines.delete(NAME, force=True)


def _log(name: str) -> str:
    return adamant("node", "-c", NAME, "logs", f"adamant-container@{name}").stdout


def _said(name: str) -> dict[str, str]:
    """What a container wrote of what it saw, by its first word."""
    deadline = time.monotonic() + SECONDS
    while "SAW all" not in (text := _log(name)):
        assert time.monotonic() < deadline, text
        time.sleep(2)
    return dict(re.findall(r"SAW ([a-z]+) ?(.*)$", text, re.MULTILINE))


def _containers() -> dict[str, dict[str, Any]]:
    found = node("-c", NAME, "get", "containers")["resources"]
    return {one["name"]: one["actual"] for one in found if one["actual"]}  # not those that only should be


def _units() -> dict[str, dict[str, Any]]:
    return {one["name"]: one["actual"] for one in node("-c", NAME, "get", "services")["resources"]}


def _of_containerd(unit: str) -> set[str]:
    """The processes of a containerd and of its shims."""
    found = node("-c", NAME, "get", "processes")["resources"]
    return {one["name"] for one in found if one["actual"]["cgroup"].endswith(f"/{unit}")}


def test_both_kinds_run_each_in_a_containerd_of_its_own(machine: str) -> None:
    found = _containers()
    assert {name: (one["state"], one["containerd"]) for name, one in found.items()} == {
        "adamant/web": ("running", "containerd"),
        "host/blind": ("running", "host-containerd"),
        "host/eyes": ("running", "host-containerd"),
    }
    assert _of_containerd("containerd.service")
    assert _of_containerd("host-containerd.service")
    checks = adamant("node", "-c", machine, "health").stdout
    assert "host-containerd runs" in checks
    assert "eyes runs" in checks


def test_the_audit_has_nothing_to_say_of_them(machine: str) -> None:
    done = adamant("node", "-c", machine, "audit", "--json", check=False)
    assert done.returncode in {0, 3}, "3: the image has a probe, which is no program of Adamant's"
    assert not re.search(r"host-containerd|host-containers|adamant-(blind|eyes|web)", done.stdout), done.stdout


def test_a_container_without_words_sees_nothing_of_the_host(machine: str) -> None:
    seen, text = _said("blind"), _log("blind")
    assert set(seen["links"].split()) <= {"lo", "tunl0", "sit0", "gre0"}
    assert (seen["host"], seen["journals"], seen["init"]) == ("", "", "sh")
    assert "containerd" not in seen["sockets"]
    assert int(seen["processes"]) < 10
    assert "ended its own" in text
    assert "ended its own" in _log("web")


def test_each_word_shows_what_it_says_and_lets_it_be_read_alone(machine: str) -> None:
    seen, text = _said("eyes"), _log("eyes")
    assert "enp0s2" in seen["links"].split()
    assert seen["host"].split() == ["etc", "usr"]
    assert seen["release"] == "1"
    assert "system.journal" in seen["journals"] or re.search(r"\b[0-9a-f]{32}\b", seen["journals"])
    assert seen["init"] == "systemd"
    assert int(seen["processes"]) > 30
    assert "containerd" not in seen["sockets"]
    assert "Read-only file system" in text
    assert seen["variables"] == "", "those of PID 1"
    assert text.count("can't kill") >= 4, "containerds, a shim, a container of the workload"
    assert "ended another" not in text
    assert "ended its own" in text


def test_their_limits_are_the_kernel_s(machine: str) -> None:
    for place, limit in {
        "host.slice/cpu.weight": 20,
        "host.slice/host-containers.slice/memory.max": 200 << 20,
        "host.slice/host-containers.slice/pids.max": 300,
        "host.slice/host-containers.slice/adamant-blind.scope/memory.max": 48 << 20,
    }.items():
        assert adamant("node", "-c", machine, "cat", f"/sys/fs/cgroup/{place}").stdout == f"{limit}\n", place
    most = adamant("node", "-c", machine, "cat", "/sys/fs/cgroup/host.slice/memory.max").stdout
    assert most.strip().isdigit(), "three quarters of the machine's memory"
    groups = _cgroups()
    assert "/host.slice/host-containers.slice/host-containerd.service" in groups
    assert {name for name in groups if name.endswith(".scope") and "adamant-" in name} == {
        "/host.slice/host-containers.slice/adamant-blind.scope",
        "/host.slice/host-containers.slice/adamant-eyes.scope",
        "/system.slice/adamant-web.scope",
    }


def test_neither_containerd_takes_the_containers_of_the_other_with_it(machine: str) -> None:
    before = _containers()
    adamant("node", "-c", machine, "service", "stop", "containerd")
    kept = _containers()
    assert kept["host/eyes"] == before["host/eyes"]
    assert kept["host/blind"] == before["host/blind"]
    assert "adamant/web" not in kept
    adamant("node", "-c", machine, "service", "restart", "adamant-container@web")
    _await("adamant/web")
    between = _containers()
    adamant("node", "-c", machine, "service", "restart", "host-containerd")
    assert _containers()["adamant/web"] == between["adamant/web"]
    _await("host/blind")
    _await("host/eyes")


def _await(name: str) -> None:
    deadline = time.monotonic() + SECONDS
    while _containers().get(name, {}).get("state") != "running":
        assert time.monotonic() < deadline, _log(name.partition("/")[2])
        time.sleep(2)


def test_a_config_without_them_stops_their_containerd_and_leaves_the_rest(
    machine: str, port: int, tmp_path: Path
) -> None:
    before = _containers()["adamant/web"]
    path = tmp_path / "machine.yaml"
    path.write_text(config(port, host=False))
    shown = adamant("node", "-c", machine, "diff", path).stdout
    assert "stop host-containerd.service" in shown
    adamant("node", "-c", machine, "apply", path)
    assert _containers() == {"adamant/web": before}
    assert _of_containerd("host-containerd.service") == set()
    assert _units().get("host-containerd.service", {}).get("active", "inactive") == "inactive"
    assert "host-containerd" not in adamant("node", "-c", machine, "health").stdout
    assert not any("host" in name for name in _cgroups())


def _cgroups() -> set[str]:
    return {one["name"] for one in node("-c", NAME, "get", "cgroups")["resources"]}
