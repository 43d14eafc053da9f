"""What a config adds to a machine beyond services: containers, a disk of their own, files below /etc, kernel arguments.

The registry is a real one on this computer, which the machine reaches as 10.0.2.2.
"""

import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.conftest import adamant
from tests.tool.containerd import registry
from tests.vm.conftest import SECONDS, Probed, node

NAME = "hosting"
SCRIPT = (
    "ls /data; touch /data/was-here; echo serving; trap 'echo told to end; exit 0' TERM; while true; do sleep 1; done"
)


SECRETS = ("hush-hush", "swordfish-swordfish")


def config(port: int, *, word: str, **more: Any) -> str:
    """A machine config, as JSON (which is YAML)."""
    container = {
        "name": "web",
        "image": "reg.lan/lib/busybox:1",
        "command": ["sh", "-c", SCRIPT],
        "environment": {"TOKEN": SECRETS[0]},
        "memory": "64M",
        "mounts": [{"source": "/var/mnt/data/www", "target": "/data"}],
    }
    return json.dumps(
        {
            "kind": "Machine",
            "network": {
                "interfaces": [
                    {"name": "enp0s2"},
                    {"name": "office", "vlan": {"id": 7, "link": "enp0s2"}, "addresses": ["192.0.2.7/24"]},
                    {"name": "br0", "bridge": {}, "addresses": ["198.51.100.1/24"]},
                ]
            },
            "registries": [{"host": "reg.lan", "mirrors": [f"http://10.0.2.2:{port}"], "fallback": False}],
            "volumes": [{"name": "data", "disk": {"serial": "disk-1"}}],
            "files": [
                {"path": "/etc/app/word", "content": word},
                {"path": "/etc/app/key", "mode": "0600", "secret": SECRETS[1]},
            ],
            "containers": [container],
            "health": [{"name": "web", "container": "web"}],
            **more,
        }
    )


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with registry(tmp_path_factory.mktemp("registry"), ["lib/busybox:1"]) as found:
        yield found


@pytest.fixture(scope="module")
def machine(probed: Probed, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A machine that got its config with its first boot, and is healthy."""
    path = tmp_path_factory.mktemp("config") / "machine.yaml"
    path.write_text(config(port, word="one"))
    folder = probed.example.folder
    adamant("up", folder, "--name", NAME, "--config", path, "--disk", "256", "--seconds", str(SECONDS))
    yield NAME
    probed.machines.delete(NAME, force=True)


def _log(unit: str) -> str:
    return adamant("node", "-c", NAME, "logs", unit).stdout


def _get(kind: str) -> dict[str, Any]:
    return {one["name"]: one for one in node("-c", NAME, "get", kind)["resources"]}


def _reasons(kind: str) -> dict[str, str]:
    """Why resources are not as they should be."""
    return {name: one["reason"] for name, one in _get(kind).items() if one["reason"]}


def _await_health() -> None:
    deadline = time.monotonic() + SECONDS
    while (asked := adamant("node", "-c", NAME, "health", check=False)).returncode:
        assert time.monotonic() < deadline, asked.stdout + asked.stderr
        time.sleep(2)


def test_the_first_boot_brings_all_of_it(machine: str) -> None:
    (found,) = node("-c", machine, "get", "containers")["resources"]
    assert (found["name"], found["actual"]["state"]) == ("adamant/web", "running")
    image = "reg.lan/lib/busybox:1"
    assert found["desired"] == {
        "namespace": "adamant",
        "image": image,
        "state": "running",
        "containerd": "containerd",
    }
    assert _get("images")[f"adamant/{image}"]["desired"]
    said = _log("adamant-container@web")
    assert "serving" in said
    assert SECRETS[0] not in said
    mounts = {one["name"]: one["actual"] for one in node("-c", machine, "get", "mounts")["resources"]}
    assert mounts["/var/mnt/data"]["type"] == "ext4"
    assert "with a new ext4" in _log("adamant-volume@data")
    assert adamant("node", "-c", machine, "cat", "/etc/app/word").stdout == "one"
    addresses = adamant("node", "-c", machine, "get", "addresses").stdout
    assert "192.0.2.7/24" in addresses
    assert "198.51.100.1/24" in addresses
    assert _get("links")["office"]["desired"] == {"kind": "vlan", "vlan": 7, "below": "enp0s2", "state": "up"}
    assert _get("addresses")["br0/198.51.100.1/24"]["desired"]
    assert _get("mounts")["/var/mnt/data"]["desired"] == {"access": "writable"}
    assert "/var/mnt/data" in {(one["desired"] or {}).get("mounted_at") for one in _get("disks").values()}
    for kind in ("links", "addresses", "routes", "containers", "images", "disks", "mounts", "modules", "slots"):
        assert _reasons(kind) == {}, kind


def test_a_secret_of_the_config_is_in_no_file_that_is_given_and_in_no_bundle(machine: str, tmp_path: Path) -> None:
    for path in (
        "/etc/app/key",
        "/run/adamant/etc/app/key",
        "/run/containerd/io.containerd.runtime.v2.task/adamant/web/config.json",
        "/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db",
    ):
        refused = adamant("node", "-c", machine, "cat", path, check=False)
        assert "file-refused" in refused.stderr, refused.stdout + refused.stderr
    adamant("node", "-c", machine, "support", "-o", tmp_path / "support.tar.gz")
    with tarfile.open(tmp_path / "support.tar.gz") as archive:
        parts = {one.name: archive.extractfile(one).read() for one in archive if one.isfile()}  # type: ignore[union-attr]
    assert len(parts) > 40
    shown = adamant("node", "-c", machine, "config", "show").stdout
    assert "(secret)" in shown
    for secret in SECRETS:
        assert secret not in shown
        assert [name for name, data in parts.items() if secret.encode() in data] == []


def test_a_container_is_started_once_and_told_to_end_when_the_machine_restarts(machine: str) -> None:
    assert _log("adamant-container@web").count("Started adamant-container@web.service") == 1


def test_what_the_kernel_and_etc_get_waits_for_a_reboot_and_comes_with_it(
    machine: str, port: int, tmp_path: Path
) -> None:
    changed = tmp_path / "machine.yaml"
    kernel = {"arguments": ["transparent_hugepage=never"], "modules": ["nbd"]}
    changed.write_text(config(port, word="two", kernel=kernel, time={"zone": "Europe/Berlin"}))
    shown = adamant("node", "-c", machine, "diff", changed, check=False)
    assert shown.returncode == 6
    applied = adamant("node", "-c", machine, "apply", changed, check=False)
    assert applied.returncode == 6, applied.stderr
    waiting = {line.partition("needs a reboot: ")[2] for line in applied.stdout.splitlines()[1:]}
    assert waiting == {"/etc/app/word", "/etc/localtime", "/etc/timezone", "kernel arguments"}
    assert adamant("node", "-c", machine, "cat", "/etc/app/word").stdout == "one"
    assert _get("kernel-arguments")["transparent_hugepage"]["actual"] is None
    assert _reasons("kernel-arguments") == {"transparent_hugepage": "it waits for a reboot"}
    assert _reasons("time") == {"clock": "the config asks for zone Europe/Berlin"}
    assert _get("modules")["nbd"]["desired"] == {"state": "live"}

    adamant("node", "-c", machine, "reboot")
    _await_health()
    assert "told to end" in adamant("node", "-c", machine, "logs", "adamant-container@web", "--boot", "-1").stdout
    assert adamant("node", "-c", machine, "cat", "/etc/app/word").stdout == "two"
    assert "transparent_hugepage=never" in adamant("node", "-c", machine, "cat", "/proc/cmdline").stdout
    assert "nbd" in {one["name"] for one in node("-c", machine, "get", "modules")["resources"] if one["actual"]}
    assert node("-c", machine, "get", "time")["resources"][0]["actual"]["zone"] == "Europe/Berlin"
    assert _get("kernel-arguments")["transparent_hugepage"]["desired"] == {"value": "never"}
    assert _reasons("kernel-arguments") == _reasons("time") == _reasons("modules") == {}
    assert "was-here" in _log("adamant-container@web"), "the disk was not made anew"
    assert "new ext4" not in _log("adamant-volume@data")
    assert "ordering cycle" not in adamant("node", "-c", machine, "dmesg").stdout


def test_a_disk_that_is_not_there_brings_the_config_back(machine: str, port: int, tmp_path: Path) -> None:
    wrong = tmp_path / "machine.yaml"
    document = json.loads(config(port, word="two"))
    document["volumes"].append({"name": "more", "disk": {"serial": "none"}})
    wrong.write_text(json.dumps(document))
    refused = adamant("node", "-c", machine, "apply", wrong, check=False)
    assert "config-returned" in refused.stderr
    assert "no disk fits serial none" in _log("adamant-volume@more")
    _await_health()


def test_what_the_config_no_longer_says_is_gone(machine: str) -> None:
    done = adamant("node", "-c", machine, "unset", "containers", "health", "volumes", "kernel", check=False)
    assert done.returncode == 6, done.stderr
    assert node("-c", machine, "get", "containers")["resources"] == []
    assert "/var/mnt/data" not in {one["name"] for one in node("-c", machine, "get", "mounts")["resources"]}
    adamant("node", "-c", machine, "reboot")
    assert "transparent_hugepage" not in adamant("node", "-c", machine, "cat", "/proc/cmdline").stdout
