"""From one definition to a machine that answers, seen on booted machines, by the commands that a person uses."""

import time
from typing import Any

import pytest

from adamant.core import places
from adamant.machine import console, up
from adamant.machine.machine import Machine, Stopped
from tests.image.conftest import adamant
from tests.vm.conftest import SECONDS, Probed, node, probe_lines


def probe(machine: Machine) -> dict[str, str]:
    """What the probe of the last boot said, once it has ended."""
    for _ in range(600):
        lines = probe_lines(machine.console_log)
        if lines and lines[-1] == ["end"]:
            return {words[0]: " ".join(words[1:]) for words in lines[:-1]}
        time.sleep(0.5)
    pytest.fail("the probe did not end")


def boot_of_node() -> Any:
    """What the node says of its boot."""
    return node("get", "boot")["resources"][0]["actual"]


def test_up_ends_with_a_machine_whose_every_check_is_ok(healthy: Machine) -> None:
    health = node("health")
    assert health["overall"] == "ok"
    names = {check["name"] for check in health["checks"]}
    assert names >= {"root-read-only", "etc-read-only", "state-writable", "var-writable", "containerd", "systemd"}


def test_the_node_says_what_was_built(healthy: Machine, probed: Probed) -> None:
    boot, version = boot_of_node(), node("version")
    manifest = probed.example.manifest
    assert boot["root_hash"] == manifest.root_hash
    assert boot["slot"] == "usr-a"
    assert boot["verity"] == "verified"
    assert boot["secure_boot"] == "enabled"
    assert "probed_1.efi" in str(boot["uki"])
    phases = {phase["name"]: phase for phase in boot["phases"]}
    assert set(phases) >= {"kernel", "initrd", "system"}
    assert all(phase["duration_usec"] > 0 for phase in phases.values())
    assert (version["image"], version["image_version"]) == ("probed", "1")
    assert version["kernel"] == manifest.kernel
    assert version["posture"] == "guarded"


def test_its_console_shows_who_it_is_and_no_complaint_of_the_agent(healthy: Machine) -> None:
    deadline = time.monotonic() + 120
    while "reach it" not in (shown := "\n".join(console.tail(healthy.console_log, 4 << 20))):
        assert time.monotonic() < deadline, "the screen did not come"
        time.sleep(1)
    for row in (
        "image       probed 1",
        "posture     guarded",
        "slot        usr-a",
        "checks hold",
        "addresses   10.0.2.15",
    ):
        assert row in shown
    assert "Traceback" not in shown


def test_what_the_initrd_did_for_a_short_start_leaves_nothing_behind(healthy: Machine) -> None:
    """Its child has ended, PID 1 did not load libbpf, and what PID 1 starts does not look for libraries elsewhere."""
    said = probe(healthy)
    assert said["initrd"] == "none"
    assert said["libbpf"] == "withheld"
    assert "LD_LIBRARY_PATH" not in said["variables"].split()


def test_no_unit_was_left_out_of_the_boot(healthy: Machine) -> None:
    """systemd breaks a cycle of orderings by leaving out a unit of its choice, and says so in the kernel's log."""
    log = adamant("node", "dmesg").stdout
    assert "Linux version" in log
    assert "ordering cycle" not in log


def test_a_reboot_brings_back_the_released_state_and_keeps_var(healthy: Machine, probed: Probed) -> None:
    before = probe(healthy)
    assert probed.machines.stop(healthy.name, 120) is Stopped.SHUT_DOWN
    up.start(probed.machines, healthy.name, probed.tools, places.cache(), lambda _phase: None, SECONDS)
    after = probe(healthy)
    assert after["system"] == before["system"]
    assert int(after["boots"]) == int(before["boots"]) + 1
    assert boot_of_node()["root_hash"] == probed.example.manifest.root_hash
