"""Every kind of resource, as a booted machine tells of itself, by the command that a person uses."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from adamant.machine.machine import Machine
from tests import guide
from tests.image.conftest import adamant
from tests.vm.conftest import Probed, node

REST_BYTES = 64 << 20
"""What the agent may have in RAM after it was asked for everything: its service's limit is far above."""


pytestmark = pytest.mark.usefixtures("healthy")


def _get(kind: str, *names: str) -> dict[str, Any]:
    answer = node("get", kind, *names)
    assert answer["kind"] == kind
    return {item["name"]: item for item in answer["resources"]}


def test_every_kind_answers_as_a_table_and_as_json() -> None:
    kinds = [kind["name"] for kind in node("get")["kinds"]]
    assert len(kinds) >= 27
    empty = {"containers", "images", "extensions", "config-generations"}
    for kind in kinds:
        found = _get(kind)
        assert bool(found) is (kind not in empty), kind
        table = adamant("node", "get", kind).stdout
        assert table.startswith("no " if kind in empty else ("slot " if kind == "boot" else "NAME")), table[:200]


def test_what_should_be_is() -> None:
    for kind in ("mounts", "sysctls"):
        for name, item in _get(kind).items():
            assert item["reason"] == "", (kind, name)
    mounts = _get("mounts")
    assert (mounts["/usr"]["actual"]["type"], mounts["/usr"]["desired"]) == ("erofs", {"access": "read-only"})
    services = _get("services")
    assert services["containerd.service"]["actual"]["active"] == "active"
    assert services["containerd.service"]["desired"]["active"] == "active"
    assert services["adamant-agent.service"]["actual"]["memory_bytes"] > 1 << 20
    assert services["adamant-agent.service"]["actual"]["main_pid"] > 1


def test_the_slot_that_runs_is_the_one_that_was_built(probed: Probed) -> None:
    slots = _get("slots")
    assert slots["usr-a"]["actual"]["running"]
    assert slots["usr-a"]["actual"]["root_hash"] == probed.example.manifest.root_hash
    assert slots["usr-a"]["actual"]["version"] == "1"
    assert not slots["usr-b"]["actual"]["running"]
    labels = [part["label"] for part in _get("disks")["vda"]["actual"]["partitions"]]
    assert labels == ["esp", "usr-a", "usr-a-verity", "usr-b", "usr-b-verity", "state", "var"]


def test_the_kernel_tells_of_its_networks_and_their_owners() -> None:
    links = _get("links")
    assert links["lo"]["actual"]["type"] == "loopback"
    ether = [name for name, item in links.items() if item["actual"]["type"] == "ether"]
    assert any(item["actual"]["link"] in ether for item in _get("addresses").values())
    assert any(item["actual"]["destination"] == "default" for item in _get("routes").values())
    listening = [item["actual"] for item in _get("sockets").values() if item["actual"]["local"] == "[::]:4510"]
    assert [item["cgroup"] for item in listening if item["state"] == "listen"] == [
        "/system.slice/adamant-agent.service"
    ]
    assert _get("resolvers")["all"]["actual"]["servers"]


def test_what_the_machine_was_built_of_is_told(healthy: Machine) -> None:
    packages = _get("packages")
    assert {"libc6", "systemd", "containerd"} <= set(packages)
    assert _get("kernel-arguments")["adamant.usrhash"]["actual"]["value"]
    assert _get("modules")["erofs"]["actual"]["signed"]
    certificates = _get("certificates")
    assert healthy.name in certificates["node"]["actual"]["names"]
    assert certificates["authority"]["actual"]["authority"]
    assert certificates["node"]["actual"]["issuer"] == certificates["authority"]["actual"]["subject"]


def test_any_setting_is_told_by_name_and_a_secret_is_not() -> None:
    found = _get("sysctls", "net.ipv4.ip_forward", "net.ipv4.tcp_fastopen_key")
    assert found["net.ipv4.ip_forward"]["actual"]["value"] in {"0", "1"}
    assert found["net.ipv4.tcp_fastopen_key"]["actual"]["value"] == "(masked)"


@pytest.mark.parametrize("page", ["looking.md", "logs-and-files.md"])
def test_the_commands_of_the_guide_work(page: str, tmp_path: Path) -> None:
    for command in guide.commands((guide.FOLDER / page).read_text()):
        program, *arguments = shlex.split(command.text)
        assert program == "adamant"
        done = adamant(*arguments, cwd=tmp_path)
        assert done.stdout or done.stderr, command.text


def test_an_agent_that_was_asked_for_everything_stays_small() -> None:
    processes = [item["actual"] for item in _get("processes").values()]
    agent = [process for process in processes if "/usr/lib/adamant/run agent" in process["command"]]
    assert [item["user"] for item in agent] == ["root"]
    assert 8 << 20 < agent[0]["memory_bytes"] < REST_BYTES
