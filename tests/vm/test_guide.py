"""The pages of the guide that boot machines: every command works, in the order in which it is printed."""

from pathlib import Path

import pytest

from adamant.machine.machine import Machines
from tests import guide
from tests.tool.containerd import busybox


@pytest.mark.long
def test_every_command_of_the_page_of_machines_works(tmp_path: Path) -> None:
    _run("machines.md", tmp_path)


def test_the_life_of_a_machine_is_as_the_guide_says(tmp_path: Path) -> None:
    archive = busybox(tmp_path / "busybox.tar")
    _run("life.md", tmp_path, f"cp {archive} tools.tar")


def _run(name: str, tmp_path: Path, first: str = "") -> None:
    try:
        guide.run_page(name, tmp_path, first)
    finally:
        machines = Machines(tmp_path / "state" / "machines")
        for machine in machines.list():
            machines.delete(machine.name, force=True)
