"""Machines as a person has them: the reset button, and a key that is not theirs."""

import time
from pathlib import Path

from adamant.api import contexts
from adamant.api.client import connect
from adamant.api.types import Boot, CheckState
from adamant.core import places
from adamant.machine import console, fault
from adamant.machine import up as bring_up
from adamant.machine.console import Line, Reached, Watcher
from adamant.machine.machine import Machine, Machines, Options, Status
from adamant.model.arch import Arch
from adamant.model.errors import UnreachableError
from tests.image.conftest import adamant
from tests.vm.conftest import SECONDS, Probed


def boot_of(machine: Machine) -> Boot | None:
    """How a machine was booted, once it is healthy."""
    try:
        with connect(machine.address, contexts.credentials(bring_up.context_of(machine))) as node:
            return node.boot() if node.health().overall is CheckState.OK else None
    except UnreachableError:
        return None


def test_the_phases_of_a_boot_come_in_order(healthy: Machine) -> None:
    seen = Watcher(healthy.console_log).poll()
    shown = [reached.phase for reached in seen if isinstance(reached, Reached) and reached.boot == 1]
    assert shown == sorted(shown, key=console.ORDER.index)
    assert set(shown) >= {console.Phase.FIRMWARE, console.Phase.LOADER, console.Phase.KERNEL, console.Phase.SYSTEM}
    assert fault.explain(console.tail(healthy.console_log, 4 << 20)) is None


def test_the_reset_button_boots_the_machine_anew(healthy: Machine, probed: Probed) -> None:
    before = boot_of(healthy)
    assert before is not None
    probed.machines.reset(healthy.name)
    end = time.monotonic() + SECONDS
    after = None
    while after is None or after.boot_id == before.boot_id:
        assert time.monotonic() < end, "not healthy again"
        time.sleep(0.5)
        after = boot_of(healthy)
    assert after.root_hash == before.root_hash


def test_a_disk_that_another_key_signed_is_refused(probed: Probed, tmp_path: Path) -> None:
    adamant("keys", "init", tmp_path / "keys")
    certificate = (tmp_path / "keys" / "secure-boot.crt").read_bytes()
    machines = Machines(tmp_path / "machines")
    machines.create("other", probed.example.output / "disk.raw", Options(Arch.AMD64, certificate=certificate))
    try:
        machine = machines.start("other", probed.tools, places.cache())
        running = lambda: machines.get("other").status is Status.RUNNING  # noqa: E731
        lines: list[str] = []
        for seen in Watcher(machine.console_log).follow(running, SECONDS):
            if isinstance(seen, Line):
                lines.append(seen.text)
                if "No bootable option" in seen.text:
                    break
        found = fault.explain(lines)
        assert found is not None, lines
        assert found.fault.id == "secure-boot-refused"
        assert not any("Linux version" in line for line in lines)
    finally:
        machines.delete("other", force=True)
