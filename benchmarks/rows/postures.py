"""What each posture costs and leaves out, of one definition by one word: sizes, counts, and a machine at rest.

Figures of rivals are those that they publish: 12 programs in Talos 1.7, and 2,391 in Flatcar, as Sidero Labs
counts both; Talos calls its image smaller than 80 MB. They are no measurement of ours.
"""

import shutil
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adamant.api import client
from adamant.core.source import open_source
from adamant.model.posture import Posture
from adamant.model.tree import Kind
from adamant.reading import listing
from benchmarks import place
from benchmarks.bench import Bench
from benchmarks.measure import Series
from benchmarks.result import Aim, Result, Table, Unit, megabytes

_REST_SECONDS = 20.0
"""From healthy to rest: what a boot puts off has been done by then."""
_LOOPBACK = ("127.", "[::1]")


def row(bench: Bench, postures: Sequence[Posture] = tuple(Posture)) -> Result:
    """The usr image of the last of `postures` in the release profile, which is that of sealed; the table has all."""
    columns = [_column(bench, posture) for posture in postures]
    rows = tuple((name, *(column[name] for column in columns)) for name in columns[0])
    image = _build(bench, postures[-1]) / "usr.erofs"
    return Result(
        "postures",
        f"usr image of a machine that is {postures[-1]}, release profile",
        Unit.BYTES,
        Series((float(image.stat().st_size),)),
        Aim("at most 75 MB", below=75e6),
        tables=(Table("Postures", ("of the example", *(posture.value for posture in postures)), rows),),
    )


def _column(bench: Bench, posture: Posture) -> dict[str, str]:
    _lock(bench, posture)
    made = _build(bench, posture)
    with open_source(made / "usr.erofs") as image:
        found = list(listing.list_image(image).items())
    programs = [one for path, one in found if one.kind is Kind.FILE and one.mode & 0o111 and ".so" not in path]
    column = {
        "usr image, release": megabytes((made / "usr.erofs").stat().st_size),
        "UKI": megabytes(next(made.glob("*.efi")).stat().st_size),
        "programs": str(len(programs)),
        "set-user-id and set-group-id files": str(
            sum(bool(one.mode & (stat.S_ISUID | stat.S_ISGID)) for one in programs)
        ),
    }
    times = []
    for number in range(bench.rounds):
        node = place.Node()
        where = place.place(bench)
        with where.running("adamant", made / "disk.raw", node.credentials(), node.healthy) as (machine, seconds):
            times.append(seconds)
            bench.say(f"postures: {posture} round {number + 1} of {bench.rounds}: {seconds:.1f} s")
            if number == 0:
                time.sleep(_REST_SECONDS)
                with client.connect(machine.address, node.keys()) as connection:
                    column |= _at_rest(connection)
    return column | {"power-on to healthy": f"{sorted(times)[len(times) // 2]:.1f} s"}


def _folder(bench: Bench, posture: Posture) -> Path:
    return bench.scratch / "postures" / posture.value


def _lock(bench: Bench, posture: Posture) -> None:
    """The example with a lock of its own: a posture with a shell has more packages."""
    folder = _folder(bench, posture)
    shutil.rmtree(folder, ignore_errors=True)
    bench.adamant.copy_definition(folder)
    words = [word for setting in _settings(bench, posture) for word in ("--set", setting)]
    bench.adamant.run("lock", "-C", folder, *words)


def _build(bench: Bench, posture: Posture) -> Path:
    return bench.adamant.build("release", _folder(bench, posture), settings=_settings(bench, posture))


def _settings(bench: Bench, posture: Posture) -> tuple[str, ...]:
    """A sealed machine has a kernel of one's own, where there is one, and Debian's else."""
    if posture is not Posture.SEALED:
        return (f"posture={posture}",)
    own = f"kernel.own={bench.kernel.folder}" if bench.kernel else "kernel.debian=accepted"
    return (f"posture={posture}", own)


def _at_rest(node: client.Node) -> dict[str, str]:
    memory = _actual(node, "memory")[0]
    processes = [one for one in _actual(node, "processes") if one["memory_bytes"]]
    local = [one["local"] for one in _actual(node, "sockets") if one["state"] == "listen" and "tcp" in one["type"]]
    return {
        "packages": str(len(_actual(node, "packages"))),
        "processes at rest, kernel threads apart": str(len(processes)),
        "memory in use at rest": megabytes(memory["total_bytes"] - memory["available_bytes"]),
        "TCP ports that others reach": str(
            len({each.rpartition(":")[2] for each in local if not each.startswith(_LOOPBACK)})
        ),
    }


def _actual(node: client.Node, kind: str) -> list[dict[str, Any]]:
    return [one.actual for one in node.get(kind).resources if one.actual is not None]
