"""The machine of a fleet whose disk may stay shut: off, on, and what its console says then."""

import time

from adamant.core import places
from adamant.machine import console
from adamant.machine.machine import Machine, Machines
from tests.vm.conftest import SECONDS, node


def machines() -> Machines:
    return Machines(places.state() / "machines")


def off() -> Machine:
    """The machine, once it is off."""
    machines().stop("fleet", 120)
    return machines().get("fleet")


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
