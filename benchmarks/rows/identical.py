"""Whether two builds of the same packages give the same bytes."""

import hashlib
from pathlib import Path

from adamant.core import files
from benchmarks.bench import Bench
from benchmarks.measure import Series
from benchmarks.mkosi import Options
from benchmarks.result import Aim, Result, Unit

_BLOCK = 4096
_OTHER = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7", "HOME": "/nonexistent"}


def row(bench: Bench) -> Result:
    """Ours: every output of two builds, in two folders, the second with other settings and nothing kept.

    mkosi: the disk image of two builds, with its time and its seed of identifiers fixed.
    """
    notes = []
    bench.adamant.forget()
    one = _digests(bench.adamant.build("dev"))
    bench.adamant.forget()
    with files.work_folder(bench.scratch, "identical") as folder:
        other = folder / "another folder"
        bench.adamant.copy_definition(other)
        two = _digests(bench.adamant.build("dev", other, _OTHER))
    differing = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
    notes.append(
        f"adamant: {', '.join(differing)} differ" if differing else f"adamant: all {len(one)} outputs are the same"
    )
    rival = None
    if bench.mkosi is not None:
        blocks = [_blocks(bench.mkosi.build(Options(reproducible=True))) for _ in range(2)]
        unequal = sum(a != b for a, b in zip(*blocks, strict=False)) + abs(len(blocks[0]) - len(blocks[1]))
        notes.append(f"mkosi: {unequal} of {len(blocks[0])} blocks of 4 KiB of the disk image differ")
        rival = Series((float(unequal == 0),))
    return Result(
        "identical",
        "Bit-identical",
        Unit.TRUTH,
        Series((float(not differing),)),
        Aim("yes", least=1.0),
        rival,
        "mkosi, time and seed fixed",
        tuple(notes),
    )


def _digests(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): files.sha256_file(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def _blocks(image: Path) -> list[bytes]:
    found = []
    with image.open("rb") as reader:
        while block := reader.read(_BLOCK):
            found.append(hashlib.blake2b(block, digest_size=16).digest())
    return found
