"""Processors: where their time went (proc_stat(5)), and how much work there was (proc_loadavg(5))."""

import os

from adamant.api import resources_pb2 as pb
from adamant.node.resources import keyed
from adamant.node.resources.found import Found, Sources

_FIELDS = ("user_usec", "nice_usec", "system_usec", "idle_usec", "wait_usec")


def parse(stat: str, loadavg: str, cpuinfo: str, ticks: int) -> list[Found]:
    """`all` and each processor. `ticks` is how many there are in a second (sysconf(3), _SC_CLK_TCK)."""
    found = []
    model = next(
        (line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith(("model name", "Model"))),
        "",
    )
    for line in stat.splitlines():
        words = line.split()
        if not words or not words[0].startswith("cpu") or len(words) < 6:
            continue
        times = [min(keyed.number(word) * 1_000_000 // ticks, (1 << 64) - 1) for word in words[1:]] + [0] * 3
        cpu = pb.Cpu(model=model)
        for field, value in zip(_FIELDS, times, strict=False):
            setattr(cpu, field, value)
        cpu.interrupt_usec = min(times[5] + times[6], (1 << 64) - 1)
        cpu.stolen_usec = times[7]
        name = words[0].removeprefix("cpu") or "all"
        if name == "all":
            cpu.load_1, cpu.load_5, cpu.load_15 = _loads(loadavg)
        found.append(Found(name, cpu))
    return found


def _loads(loadavg: str) -> tuple[float, float, float]:
    try:
        one, five, fifteen = (float(word) for word in loadavg.split()[:3])
    except ValueError:
        return 0.0, 0.0, 0.0
    return one, five, fifteen


def collect(sources: Sources) -> list[Found]:
    """All processors together, and each."""
    proc = sources.root / "proc"
    stat, loadavg, cpuinfo = (keyed.text(proc / name) for name in ("stat", "loadavg", "cpuinfo"))
    return parse(stat, loadavg, cpuinfo, os.sysconf("SC_CLK_TCK"))
