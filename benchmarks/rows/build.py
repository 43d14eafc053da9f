"""How long builds take: the first one, one with nothing changed, one with one package changed. Dev profile."""

from benchmarks.bench import Bench, Work
from benchmarks.changed_package import Changer
from benchmarks.mkosi import Options
from benchmarks.result import Aim, Result, Table, Unit


def first(bench: Bench) -> Result:
    """All packages downloaded, nothing unpacked; mkosi makes a disk image with no cached tree."""
    ours, theirs = bench.alternate(
        "first build",
        Work(lambda: bench.adamant.build("dev"), before=bench.adamant.forget),
        lambda mkosi: Work(lambda: mkosi.build(Options())),
    )
    return Result(
        "first",
        "First build",
        Unit.SECONDS,
        ours,
        Aim("6 times faster", ratio=6.0),
        theirs,
        "mkosi, disk image",
        tables=(_steps(bench),),
    )


def unchanged(bench: Bench) -> Result:
    """The same build again."""
    bench.adamant.build("dev")
    if bench.mkosi is not None:
        bench.mkosi.build(Options(incremental=True))
    ours, theirs = bench.alternate(
        "nothing changed",
        Work(lambda: bench.adamant.build("dev")),
        lambda mkosi: Work(lambda: mkosi.build(Options(incremental=True))),
    )
    return Result(
        "unchanged", "Nothing changed", Unit.SECONDS, ours, Aim("below 1 s", below=1.0), theirs, "mkosi, incremental"
    )


def changed(bench: Bench) -> Result:
    """One package has a new version with one more file; a version that was never built before, in every round.

    mkosi's cached tree is of no use when its list of packages changes, so it is given its best case: the package is
    one of VolatilePackages=, which are installed into the cached tree at every build.
    """
    changer = Changer(bench.adamant, bench.lock, bench.scratch)
    options = Options(incremental=True, volatile=(changer.name,))
    bench.adamant.build("dev")
    if bench.mkosi is not None:
        bench.mkosi.build(options)
    try:
        ours, theirs = bench.alternate(
            "one package changed",
            Work(lambda: bench.adamant.build("dev"), before=changer.change),
            lambda mkosi: Work(lambda: mkosi.build(options)),
        )
    finally:
        bench.adamant.write_lock(bench.lock)
    return Result(
        "changed",
        f"One package changed ({changer.name})",
        Unit.SECONDS,
        ours,
        Aim("below 6 s", below=6.0),
        theirs,
        "mkosi, incremental, the package volatile",
        tables=(_steps(bench),),
    )


def _steps(bench: Bench) -> Table:
    """What the last build did. Steps that run side by side count in full, so the sum is more than the build took."""
    slowest = sorted((s for s in bench.adamant.steps if not s.reused), key=lambda s: -s.seconds)
    rows = tuple((s.step, f"{s.seconds:.2f} s", s.reason) for s in slowest)
    return Table("Adamant's steps in the last round", ("step", "took", "why"), rows)
