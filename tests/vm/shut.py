"""The machine of a fleet whose disk may stay shut: off, on, and what its console says then."""

import time

from adamant.core import places
from adamant.image import project
from adamant.machine import console, up
from adamant.machine.machine import Machine, Machines
from adamant.packages import tools
from adamant.packages.tools import ToolsTree
from tests.vm.conftest import SECONDS, node
from tests.vm.fleet import Fleet


def tree_of(fleet: Fleet) -> ToolsTree:
    """The tools that the machine runs by."""
    return tools.open_tools(project.read_lock(project.read_project(fleet.folder)).tools, places.cache())


def machines() -> Machines:
    return Machines(places.state() / "machines")


def off(fleet: Fleet) -> Machine:
    """The machine, which is off."""
    machines().stop("fleet", 120)
    return machines().get("fleet")


def healthy(fleet: Fleet) -> str:
    """What the machine says of its encryption, once it is healthy."""
    found = up.start(machines(), "fleet", tree_of(fleet), places.cache(), lambda _phase: None, SECONDS)
    return next(check.message for check in found.health.checks if check.name == "disk-encryption")


def console_until(machine: Machine, *words: str) -> str:
    """What the console says, once it has said all `words`."""
    deadline = time.monotonic() + SECONDS
    while True:
        said = "\n".join(console.tail(machine.console_log))
        if all(word in said for word in words):
            return said
        assert time.monotonic() < deadline, said[-4000:]
        time.sleep(0.5)


def volumes() -> list[tuple[str, str, int, int]]:
    found = node("encryption")
    return [(one["opened_by"], one["cipher"], len(one["tpm_keys"]), one["other_keys"]) for one in found]
