"""From power-on to a machine that is of use: our API healthy, mkosi's image at its login prompt. Same QEMU for both.

Both boot a fresh copy of their disk image for the first time, one after the other, with the same firmware, memory,
processors and devices. Power-on is the call that starts QEMU.
"""

from adamant.api.types import Boot
from adamant.machine.machine import Machine
from benchmarks import mkosi, place
from benchmarks.bench import Bench
from benchmarks.measure import Series
from benchmarks.result import Aim, Result, Table, Unit


def row(bench: Bench) -> Result:
    """Seconds from power-on; the boot phases and the ten slowest units of the last round."""
    image = bench.adamant.build("dev") / "disk.raw"
    rival = bench.mkosi.build(mkosi.Options()) if bench.mkosi is not None else None
    where = place.place(bench)
    ours, theirs = [], []
    for number in range(1, bench.rounds + 1):
        node = place.Node()
        ours.append(where.boot("adamant", image, node.credentials(), node.healthy))
        bench.say(f"boot: round {number} of {bench.rounds}: adamant {ours[-1]:.1f} s")
        if rival is not None:
            theirs.append(where.boot("mkosi", rival, {}, _at_login))
            bench.say(f"boot: round {number} of {bench.rounds}: mkosi {theirs[-1]:.1f} s")
    assert node.said is not None
    return Result(
        "boot",
        f"Power-on to healthy API ({where.accelerator})",
        Unit.SECONDS,
        Series(tuple(ours)),
        Aim("half its time, and below 30 s", below=30.0, ratio=2.0),
        Series(tuple(theirs)) if theirs else None,
        "mkosi's disk image to its login prompt",
        tables=_tables(node.said),
    )


def _at_login(machine: Machine) -> bool:
    return machine.console_log.exists() and b" login:" in machine.console_log.read_bytes()


def _tables(boot: Boot) -> tuple[Table, ...]:
    phases = [
        (f"{indent}{phase.name}", _seconds(phase.start_usec), _seconds(phase.duration_usec))
        for outer in boot.phases
        for indent, phase in [("", outer), *(("· ", part) for part in outer.parts)]
    ]
    units = [(u.unit, _seconds(u.start_usec), _seconds(u.duration_usec)) for u in boot.slowest_units]
    return (
        Table("Phases of the boot", ("phase", "began", "took"), tuple(phases)),
        Table("The ten slowest units", ("unit", "began", "took"), tuple(units)),
    )


def _seconds(microseconds: int) -> str:
    return f"{microseconds / 1e6:.2f} s"
