"""Acting on one booted machine by the commands that a person uses: services, debug containers, reboot, reset."""

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adamant.api import contexts, pki
from adamant.api.identity import Role
from adamant.core import places
from adamant.machine import up
from adamant.machine.machine import Machine, Status
from adamant.model.errors import ExitCode
from tests import oci_archive
from tests.image.conftest import COMMAND, adamant, require_program
from tests.vm.conftest import SECONDS, Probed, node, probe_lines

NAME = "act"
TASKS = "/host/run/containerd/io.containerd.runtime.v2.task"


@pytest.fixture(scope="module")
def machine(probed: Probed) -> Iterator[Machine]:
    adamant("up", probed.example.folder, "--name", NAME, "--json", "--seconds", str(SECONDS))
    yield probed.machines.get(NAME)
    probed.machines.delete(NAME, force=True)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    busybox = Path(require_program("busybox", "busybox-static"))
    path = tmp_path_factory.mktemp("archive") / "busybox.tar"
    oci_archive.write(path, busybox.read_bytes(), ["sh", "ls", "ps", "cat", "touch", "sleep", "echo", "true"])
    return path


def debug(archive: Path, *command: str, options: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    return adamant("node", "-c", NAME, "debug", "--image-archive", archive, *options, "--", *command, check=False)


def boots(machine: Machine) -> int:
    """How often the machine was booted, as the probe keeps it in /var."""
    for _ in range(600):
        lines = probe_lines(machine.console_log)
        if lines and lines[-1] == ["end"]:
            return int(lines[0][1])
        time.sleep(0.5)
    pytest.fail("the probe did not end")


def on(*arguments: str) -> Any:
    return node("-c", NAME, *arguments)


def test_a_restarted_service_has_another_main_process(machine: Machine) -> None:
    done = on("service", "restart", "systemd-timesyncd")
    assert (done["unit"], done["active"]) == ("systemd-timesyncd.service", "active")
    assert 0 < done["main_pid_before"] != done["main_pid"] > 0


def test_a_service_that_there_is_not_and_one_that_is_protected_are_told_apart(machine: Machine) -> None:
    unknown = adamant("node", "-c", NAME, "service", "start", "no-such", check=False)
    assert "unit-refused" in unknown.stderr
    protected = adamant("node", "-c", NAME, "service", "stop", "systemd-networkd", check=False)
    assert "unit-protected" in protected.stderr
    assert protected.returncode == ExitCode.BUSY


def told_by_itself() -> list[dict[str, str]]:
    """What was told of the service that stumbles, and was done by nobody."""
    said = adamant("node", "-c", NAME, "events", "--kind", "service", "--json").stdout.splitlines()
    told = [event["fields"] for event in map(json.loads, said)]
    return [fields for fields in told if fields["unit"] == "stumbles.service" and "client" not in fields]


def test_a_service_that_crashes_by_itself_is_an_event_and_so_is_that_it_is_back(machine: Machine) -> None:
    on("service", "start", "stumbles")
    deadline = time.monotonic() + SECONDS
    again = False
    while True:
        by_itself = told_by_itself()
        early = [fields for fields in by_itself if "restarts" in fields]
        live = [fields for fields in by_itself if "restarts" not in fields]
        if len(live) > 1:
            break
        if early and not again:  # it crashed in the agent's first seconds, when nobody listens: once more
            again = True
            on("service", "stop", "stumbles")
            on("service", "start", "stumbles")
        assert time.monotonic() < deadline, f"what was told: {by_itself}"
        time.sleep(2)
    assert [fields["state"] for fields in live] == ["failed", "active"]
    assert live[0]["result"] == "exit-code"
    assert all(fields["restarts"] == "1" for fields in early)
    on("service", "stop", "stumbles")


@pytest.mark.parametrize("role", [Role.READER, Role.UPDATER])
def test_a_smaller_role_cannot_act(machine: Machine, role: Role) -> None:
    folder = places.config() / "roles"
    pki.save(folder, role.value, pki.issue_client(pki.load(up.local_keys(), "ca"), "john", role, datetime.now(UTC)))
    mine = contexts.read().contexts[NAME]
    pair = {"certificate": f"roles/{role.value}.crt", "key": f"roles/{role.value}.key"}
    contexts.put(role.value, contexts.Context(mine.address, ca=mine.ca, **pair))
    contexts.use(NAME)
    for command in (["reboot"], ["service", "restart", "containerd"], ["reset", "--dry-run", "logs"], ["debug", "x"]):
        done = adamant("node", "-c", role.value, *command, check=False)
        assert "not-authorised" in done.stderr, command


def test_a_debug_container_sees_the_host_and_writes_nothing_to_it(machine: Machine, archive: Path) -> None:
    script = "ps; ls /host; touch /host/var/x || echo refused; exit 9"
    done = debug(archive, "sh", "-c", script)
    assert done.returncode == 9, done.stderr
    assert "systemd-journald" in done.stdout
    assert "usr" in done.stdout.split()
    assert done.stdout.split()[-1] == "refused"


def only_one(archive: Path) -> None:
    """No container but that of this session runs. (containerd keeps the empty folder of each namespace.)"""
    for _ in range(8):
        found = debug(archive, "sh", "-c", f"ls -d {TASKS}/*/*").stdout.split()
        if len(found) == 1:
            return
        time.sleep(2)
    pytest.fail(f"left: {found}")


def test_a_session_ends_with_its_time_and_nothing_is_left(machine: Machine, archive: Path) -> None:
    done = debug(archive, "sleep", "1000", options=("--time", "30s"))
    assert "debug-over" in done.stderr
    only_one(archive)


def test_a_session_ends_with_the_agent_and_nothing_is_left(machine: Machine, archive: Path) -> None:
    argv = [*COMMAND, "node", "-c", NAME, "debug", "--image-archive", str(archive), "--", "sh", "-c"]
    running = subprocess.Popen(
        [*argv, "echo up; sleep 1000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout is not None
    assert running.stdout.readline() == b"up\n"
    adamant("node", "-c", NAME, "service", "restart", "adamant-agent")
    running.communicate(timeout=120)
    assert running.returncode != 0
    only_one(archive)


@pytest.mark.long
def test_a_reboot_ends_with_a_healthy_machine_of_another_boot(machine: Machine) -> None:
    before = on("get", "boot")["resources"][0]["actual"]["boot_id"]
    done = on("reboot", "--reason", "a test")
    assert done["back"]
    assert done["boot_id"] == before != done["new_boot_id"]
    assert on("get", "boot")["resources"][0]["actual"]["boot_id"] == done["new_boot_id"]
    assert on("health")["overall"] == "ok"


def test_a_reset_wipes_what_its_preview_named_and_nothing_else(machine: Machine) -> None:
    count = boots(machine)
    shown = json.loads(adamant("node", "-c", NAME, "reset", "--dry-run", "logs", "containers", "--json").stdout)
    sizes = {item["path"]: item["size"] for item in shown["items"]}
    assert set(sizes) == {
        "/var/log",
        "/var/lib/systemd/pstore",
        "/state/adamant/crash",
        "/var/lib/containerd",
        "/var/lib/host-containerd",
        "/var/lib/cni",
    }
    unconfirmed = adamant("node", "-c", NAME, "reset", "logs", check=False)
    assert "confirmation-needed" in unconfirmed.stderr
    assert on("reset", "logs", "containers", "--yes")["back"]
    assert boots(machine) == count + 1
    journal = adamant("node", "-c", NAME, "logs", "--boot", "-1", check=False).stdout
    assert "Reached target" not in journal


def test_a_reset_of_var_makes_it_anew(machine: Machine) -> None:
    assert boots(machine) > 1
    assert on("reset", "var", "--yes")["back"]
    assert boots(machine) == 1


def test_a_machine_that_is_shut_down_ends_by_itself_and_answers_no_more(machine: Machine, probed: Probed) -> None:
    refused = adamant("node", "-c", NAME, "shutdown", check=False)
    assert "confirmation-needed" in refused.stderr
    assert on("health")["overall"] == "ok"
    on("shutdown", "--yes", "--reason", "moves to another rack")
    assert probed.machines.wait(NAME, SECONDS), "it did not end"
    assert probed.machines.get(NAME).status is Status.STOPPED, "QEMU ended in order, as after a power-off of the guest"
    gone = adamant("node", "-c", NAME, "version", check=False)
    assert gone.returncode == ExitCode.UNREACHABLE
    # The next boot tells how this one ended: services were stopped in their order, and the disk was let go of.
    up.start(probed.machines, NAME, probed.tools, places.cache(), lambda _phase: None, SECONDS)
    journal = adamant("node", "-c", NAME, "logs", "--boot", "-1").stdout
    assert "moves to another rack" in journal
    assert "Stopped containerd.service" in journal, "what is told later may find the disk gone"
    assert "recovering journal" not in adamant("node", "-c", NAME, "dmesg").stdout, "file systems were unmounted"
