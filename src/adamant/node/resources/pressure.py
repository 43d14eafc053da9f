"""Pressure: how much work waits for processors, memory, disks (kernel, Documentation/accounting/psi.rst)."""

import math

from adamant.api import resources_pb2 as pb
from adamant.node.resources import keyed
from adamant.node.resources.found import Found, Sources

FOLDER = "proc/pressure"


def parse(content: str) -> pb.Pressure:
    """The lines `some` and `full` of a file of pressure."""
    pressure = pb.Pressure()
    for line in content.splitlines():
        kind, *words = line.split()[:5] or [""]
        if kind not in ("some", "full"):
            continue
        fields = keyed.pairs("\n".join(words))
        for span in ("10", "60", "300"):
            setattr(pressure, f"{kind}_{span}", _share(fields.get(f"avg{span}", "")))
        setattr(pressure, f"{kind}_usec", keyed.count(fields.get("total", "")))
    return pressure


def _share(content: str) -> float:
    try:
        value = float(content)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0


def collect(sources: Sources) -> list[Found]:
    """One resource for each file of pressure: cpu, io, irq, memory."""
    folder = sources.root / FOLDER
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [Found(name, parse(keyed.text(folder / name))) for name in names]
