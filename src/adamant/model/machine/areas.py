"""What a change of a machine config does: one table from its sections to areas, and what an area asks for.

A dry run prints it and an apply does it; nothing else says which service restarts or when a reboot is needed.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from adamant.model.machine.paths import Change
from adamant.model.posture import RULES, Posture


class Act(StrEnum):
    """What a change asks for, from the least to the most."""

    NOTHING = "nothing"
    RELOAD = "reload"
    RESTART = "restart"
    REBOOT = "reboot"


class Area(NamedTuple):
    """A part of the machine that is rendered as one: the sections of the config that it is made from, and the act."""

    name: str
    sections: tuple[str, ...]
    act: Act
    unit: str = ""
    """The unit that is reloaded or restarted."""
    why: str = ""
    """Why a reboot is needed, where it is."""


_ETC = "/etc is made when the machine boots, and is read-only afterwards"

AREAS: tuple[Area, ...] = (
    Area("hostname", ("hostname",), Act.NOTHING),
    Area("network", ("network.interfaces",), Act.RELOAD, "systemd-networkd.service"),
    Area("resolver", ("network.dns",), Act.RESTART, "systemd-resolved.service"),
    Area("time", ("time.servers",), Act.RESTART, "systemd-timesyncd.service"),
    Area("zone", ("time.zone",), Act.REBOOT, why=_ETC),
    Area("users", ("users",), Act.NOTHING),
    Area("registries", ("registries",), Act.NOTHING),
    Area("sysctl", ("kernel.sysctls",), Act.NOTHING),
    Area("modules", ("kernel.modules",), Act.NOTHING),
    Area("kernel", ("kernel.arguments",), Act.REBOOT, why="the kernel reads its command line when it starts"),
    Area("volumes", ("volumes",), Act.NOTHING),
    Area("files", ("files",), Act.REBOOT, why=_ETC),
    Area("units", ("units",), Act.RESTART),
    Area("health", ("health",), Act.NOTHING),
    Area("update", ("update",), Act.NOTHING),
    Area("trusted", ("certificates.trusted",), Act.REBOOT, why=_ETC),
    Area("certificates", ("certificates.revoked", "certificates.names"), Act.NOTHING),
    Area("containers", ("containers",), Act.RESTART),
    Area("host-limits", ("hostContainers.limits",), Act.REBOOT, why="a slice gets its limits when it is made"),
    Area("host-containers", ("hostContainers.containers",), Act.RESTART),
)
"""In the order in which they are applied."""

_ETC_ON_DISK: Mapping[str, Act] = {"files": Act.NOTHING, "trusted": Act.NOTHING, "zone": Act.NOTHING}
"""What is otherwise where /etc is on disk and writable."""


class Consequence(NamedTuple):
    """What the changes of one area ask for."""

    area: str
    act: Act
    unit: str
    why: str


def area_of(path: str) -> Area | None:
    """The area that a path of a config belongs to."""
    return next((a for a in AREAS if any(path == s or path.startswith((f"{s}.", f"{s}[")) for s in a.sections)), None)


def consequences(changes: Iterable[Change], posture: Posture) -> list[Consequence]:
    """What the changes ask for, each area once, in the order in which areas are applied."""
    touched = {area.name for change in changes for area in AREAS if _touches(change, area)}
    return [Consequence(area.name, _act(area, posture), area.unit, area.why) for area in AREAS if area.name in touched]


def _touches(change: Change, area: Area) -> bool:
    """A change of a whole section touches each area below it."""
    found = area_of(change.path)
    return found is area if found else any(s.startswith(f"{change.path}.") for s in area.sections)


def _act(area: Area, posture: Posture) -> Act:
    return _ETC_ON_DISK.get(area.name, area.act) if RULES[posture].persistent_root else area.act
