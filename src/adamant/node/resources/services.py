"""Units of systemd: services, sockets, timers and mounts, with what they use and, for those that an image starts, what
they should be.

A unit should be active when a target that is active wants or requires it by a link in the image or in /run: that is how
units are started at boot. One that runs once and ends is not expected to stay.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

from adamant.api import resources_pb2 as pb
from adamant.node.resources import cgroups
from adamant.node.resources.found import Found, Sources
from adamant.node.systemd import Systemd, Unit

PATTERNS = ("*.service", "*.socket", "*.timer", "*.mount")
FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system")
_INTERFACES = {"service": "Service", "socket": "Socket", "mount": "Mount"}
_OF_RUNNING = (("cgroup", "ControlGroup"), ("main_pid", "MainPID"), ("restarts", "NRestarts"))


class Details(NamedTuple):
    """What systemd says of a unit beyond its states. `condition` says whether those to start it held."""

    since: int = 0
    main_pid: int = 0
    restarts: int = 0
    result: str = ""
    cgroup: str = ""
    type: str = ""
    condition: bool = True


def links(root: Path) -> dict[str, set[str]]:
    """Which targets want or require a unit, by links in the folders of units."""
    found: dict[str, set[str]] = {}
    for folder in FOLDERS:
        for inner in _folders(root / folder):
            target = inner.name.rpartition(".")[0]
            for name in _names(inner):
                found.setdefault(name, set()).add(target)
    return found


def _folders(folder: Path) -> Iterator[Path]:
    try:
        yield from (
            inner for inner in sorted(folder.iterdir()) if inner.name.endswith((".target.wants", ".target.requires"))
        )
    except OSError:
        return


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def judge(unit: Unit, details: Details, wanted: bool) -> tuple[pb.Service | None, str]:
    """What a unit should be, or None, and why it is not that."""
    if not wanted or unit.load != "loaded":
        return None, ""
    if details.type == "oneshot" and unit.active == "inactive" and details.result in ("", "success"):
        return None, ""  # it ran, or there was nothing to do, and nothing of it stays
    desired = pb.Service(load="loaded", active="active")
    if unit.active == "active":
        return desired, ""
    if not details.condition:
        return None, "a condition of it does not hold on this machine"
    if unit.active == "failed":
        return desired, f"it failed: {details.result or 'unknown'}"
    if unit.active in ("activating", "reloading"):
        return desired, "it is being started"
    return desired, f"it is {unit.active}"


def wanted(units: Sequence[Unit], by: Mapping[str, Collection[str]], targets: Set[str]) -> set[str]:
    """Names of units that one of the active `targets` wants."""
    return {unit.name for unit in units if not targets.isdisjoint(by.get(unit.name, ()))} if targets else set()


def questions(unit: Unit, wanted: bool) -> list[tuple[str, str, str]]:
    """What is asked of a unit beyond its states, each as field of Details, interface, property.

    A machine has a hundred units, and each question costs PID 1 and the agent their time: what follows from the states
    is not asked for.
    """
    kind = unit.name.rpartition(".")[2]
    asked = [("since", "Unit", "StateChangeTimestamp")]
    if unit.active in ("active", "activating", "reloading", "deactivating"):
        if kind == "service":
            asked += [(field, "Service", name) for field, name in _OF_RUNNING]
    elif wanted or unit.active == "failed":
        asked += [("condition", "Unit", "ConditionResult"), ("tested", "Unit", "ConditionTimestamp")]
        if kind in _INTERFACES:
            asked.append(("result", _INTERFACES[kind], "Result"))
        if kind == "service":
            asked.append(("type", "Service", "Type"))
    return asked


def _details(systemd: Systemd, units: Sequence[Unit], wanted: Collection[str]) -> list[Details]:
    """Details of units, asked for all at once."""
    asked = [questions(unit, unit.name in wanted) for unit in units]
    values = iter(
        systemd.get([(unit.path, of, name) for unit, part in zip(units, asked, strict=True) for _, of, name in part])
    )
    found = []
    for part in asked:
        known: dict[str, Any] = {field: value for field, _, _ in part if (value := next(values)) is not None}
        if not known.pop("tested", 0):
            known["condition"] = True  # nobody has tried to start it
        found.append(Details(**known))
    return found


def collect(sources: Sources) -> list[Found]:
    """Every unit of those types that systemd has loaded, or those that are asked for."""
    with Systemd() as systemd:
        listed = systemd.units([], [*PATTERNS, "*.target"])
        targets = {unit.name for unit in listed if unit.name.endswith(".target") and unit.active == "active"}
        units = [unit for unit in listed if not unit.name.endswith(".target")]
        if sources.names:
            units = [unit for unit in units if unit.name in sources.names]
        else:  # others name them, but there is no such unit
            units = [unit for unit in units if unit.load != "not-found" or unit.active != "inactive"]
        names = wanted(units, links(sources.root), targets)
        details = _details(systemd, units, names)
    found = []
    for unit, known in zip(units, details, strict=True):
        memory, cpu = 0, 0
        if known.cgroup.strip("/"):
            memory, cpu = cgroups.usage(sources.root / cgroups.FOLDER / known.cgroup.strip("/"))
        desired, reason = judge(unit, known, unit.name in names)
        message = pb.Service(
            description=unit.description,
            load=unit.load,
            active=unit.active,
            sub=unit.sub,
            since_usec=known.since & (1 << 63) - 1,
            main_pid=known.main_pid,
            memory_bytes=memory,
            cpu_usec=cpu,
            restarts=known.restarts,
            result=known.result,
            cgroup=known.cgroup,
        )
        found.append(Found(unit.name, message, desired, reason))
    return found
