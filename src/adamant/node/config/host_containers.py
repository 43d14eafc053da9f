"""Host containers of a machine config: their files, the containerd that runs them, and what it may use of the machine.

A dash in a slice's name is a step in the tree of slices (systemd.slice(5)): `host-containers.slice` lies in
`host.slice`. Weights count among neighbours, so the share of the processors stands at the upper one, beside the slices
of all else.
"""

from collections.abc import Callable

from adamant.model.machine.document import HostContainers, HostLimits
from adamant.model.machine.measures import bytes_of
from adamant.model.machine.secret import Secret
from adamant.node.config import containers
from adamant.node.config.rendered import UNITS, File
from adamant.node.containers.runtime import HOST

WHERE = "hostContainers.containers"
MOST_MEMORY = "75%"
"""Of the machine's memory: what no config lets them go beyond, so that the workload always has some."""


def files(section: HostContainers, reveal: Callable[[Secret], str]) -> dict[str, File]:
    """The files of the section; none without containers. `reveal` gives the text of a secret."""
    if not section.containers:
        return {}
    made = containers.files(section.containers, reveal, WHERE)
    made[f"{UNITS}/host.slice"] = _slice(f"CPUWeight={section.limits.cpu_weight}", f"MemoryMax={MOST_MEMORY}")
    made[f"{UNITS}/{HOST.slice}"] = _slice(*_limits(section.limits))
    return made


def units(section: HostContainers) -> set[str]:
    """The units that run them, and their containerd."""
    return containers.units(section.containers) | ({HOST.unit} if section.containers else set())


def _limits(limits: HostLimits) -> list[str]:
    return [f"MemoryMax={bytes_of(limits.memory)}", f"TasksMax={limits.tasks}"]


def _slice(*lines: str) -> File:
    words = ["[Unit]", "Description=Host containers", "DefaultDependencies=no", "Conflicts=shutdown.target"]
    return File("\n".join([*words, "Before=shutdown.target", "[Slice]", *lines, ""]).encode())
