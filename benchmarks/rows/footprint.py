"""What our side costs besides time: memory of a build, and the answer to --help."""

from pathlib import Path

from adamant.core import proc
from benchmarks.bench import Bench
from benchmarks.measure import Series, peak_memory, seconds
from benchmarks.result import Aim, Result, Unit

_LAUNCHER = Path(__file__).parents[2] / "adamant"
_HELP_ROUNDS = 10


def memory(bench: Bench) -> Result:
    """Peak of the resident memory of a first build, all its processes together, in both profiles."""
    samples = []
    for profile in ("dev", "release"):
        bench.adamant.forget()
        with peak_memory() as peak:
            bench.adamant.build(profile)
        bench.say(f"memory: {profile} {peak.value / (1 << 20):.0f} MiB")
        samples.append(float(peak.value))
    return Result(
        "memory",
        "Memory of a first build, all processes",
        Unit.BYTES,
        Series((max(samples),)),
        Aim("below 2 GiB", below=float(2 << 30)),
        notes=(f"dev {samples[0] / (1 << 20):.0f} MiB, release {samples[1] / (1 << 20):.0f} MiB; sampled every 50 ms",),
    )


def answer(bench: Bench) -> Result:
    """`./adamant --help`, by the launcher."""

    def ask() -> None:
        proc.run("ask for help", [_LAUNCHER, "--help"])

    ask()
    samples = tuple(seconds(ask) for _ in range(_HELP_ROUNDS))
    bench.say(f"help: {min(samples):.3f} s at best")
    return Result("help", "adamant --help", Unit.SECONDS, Series(samples), Aim("below 0.3 s", below=0.3))
