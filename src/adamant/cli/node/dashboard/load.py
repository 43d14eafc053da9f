"""What a node says of its load, from resources to what is drawn. Pure; resources are as `api.resources` makes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from adamant.api.resources import Resource
from adamant.cli.node.dashboard.snapshot import Gauge, Service

Values = Mapping[str, Any]

_KEPT = ("ext4", "xfs", "btrfs", "vfat")
"""File systems that fill up: not those of memory, and not images."""
_WORK = ("user_usec", "nice_usec", "system_usec", "interrupt_usec", "stolen_usec")
_REST = ("idle_usec", "wait_usec")


def actual(resources: Sequence[Resource], name: str) -> Values:
    """What the resource `name` is; nothing when there is none."""
    return next((resource.actual or {} for resource in resources if resource.name == name), {})


def processors(before: Values, now: Values) -> Gauge | None:
    """How busy all processors were between two answers; None when there is nothing to compare."""
    work = sum(int(now.get(name, 0)) - int(before.get(name, 0)) for name in _WORK)
    rest = sum(int(now.get(name, 0)) - int(before.get(name, 0)) for name in _REST)
    if not before or work < 0 or rest < 0 or work + rest == 0:
        return None
    part = work / (work + rest)
    loads = " ".join(f"{float(now.get(f'load_{minutes}', 0)):.2f}" for minutes in (1, 5, 15))
    return Gauge("cpu", part, f"{part:.0%}, load {loads}")


def memory(now: Values) -> Gauge | None:
    """How much of the memory is not available."""
    total, available = int(now.get("total_bytes", 0)), int(now.get("available_bytes", 0))
    if total <= 0:
        return None
    used = max(0, total - available)
    return Gauge("memory", used / total, f"{size(used)} of {size(total)}")


def pressure(resources: Sequence[Resource]) -> Gauge | None:
    """How much of the last ten seconds something waited for a processor, a disk or memory (PSI, some avg10)."""
    found = {name: float(actual(resources, name).get("some_10", 0.0)) for name in ("cpu", "io", "memory")}
    if not resources:
        return None
    return Gauge(
        "pressure", max(found.values()) / 100, ", ".join(f"{name} {share:.0f} %" for name, share in found.items())
    )


def disks(resources: Sequence[Resource]) -> list[Gauge]:
    """How full each file system is that can fill up."""
    gauges = []
    for resource in resources:
        usage = resource.actual or {}
        if usage.get("type") in _KEPT and int(usage.get("size_bytes", 0)) > 0:
            used, whole = int(usage.get("used_bytes", 0)), int(usage["size_bytes"])
            gauges.append(Gauge(resource.name, used / whole, f"{size(used)} of {size(whole)}"))
    return gauges


def services(resources: Sequence[Resource]) -> tuple[Service, ...]:
    """Services that run or failed, and whatever else failed."""
    found = []
    for resource in resources:
        unit = resource.actual or {}
        state, failed = str(unit.get("active", "")), unit.get("active") == "failed"
        if failed or (resource.name.endswith(".service") and unit.get("sub") in ("running", "start", "auto-restart")):
            found.append(Service(resource.name, str(unit.get("sub", "")) if not failed else state, failed))
    return tuple(found)


def size(count: int) -> str:
    """Bytes for people, in powers of 1024."""
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
