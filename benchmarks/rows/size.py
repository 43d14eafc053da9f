"""How big /usr is, ours against mkosi's, and what went where."""

import shutil
import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from adamant.core import files, proc
from adamant.packages import fetch, layer, tools
from benchmarks.bench import Bench
from benchmarks.measure import Series
from benchmarks.mkosi import Options
from benchmarks.result import Aim, Result, Table, Unit, megabytes

_SQUASHFS: Mapping[str, tuple[str, ...]] = {
    "gzip, mksquashfs's default": (),
    "zstd": ("-comp", "zstd"),
}
"""systemd-repart, which makes mkosi's images, leaves the compressor to mksquashfs unless Compression= names one."""

_FOLDERS = 16
_PACKAGES = 20
_MADE = "(made by the build)"
_NOT_OURS = "(packages that only mkosi's tree has, and what their scripts made)"


def row(bench: Bench) -> Result:
    """The usr image in the release profile, against mkosi's /usr of the same packages as squashfs.

    For a fair comparison of the formats, our own tree is packed as squashfs as well.
    """
    image = bench.adamant.build("release") / "usr.erofs"
    ours = image.stat().st_size
    notes: list[str] = []
    tables: list[Table] = []
    rival: tuple[str, float] | None = None
    home = bench.mkosi.work if bench.mkosi is not None else bench.scratch
    with files.work_folder(home, "size") as work:
        tree = work / "ours"
        # the images' owners cannot be restored by an ordinary user, and do not matter for sizes
        proc.run(
            "unpack the usr image",
            tools.open_tools(bench.lock.tools, bench.adamant.cache).argv(
                "fsck.erofs", f"--extract={tree}", "--no-preserve", image
            ),
        )
        trees = {"adamant": tree}
        if bench.mkosi is not None:
            built = bench.mkosi.build(Options(format="directory"))
            trees["mkosi"] = built / "usr"
            sizes = {
                (whose, how): _squashfs(bench, whose, path, work / "image", arguments)
                for whose, path in trees.items()
                for how, arguments in _SQUASHFS.items()
            }
            how = min(_SQUASHFS, key=lambda h: sizes["mkosi", h])
            rival = (f"mkosi's /usr as squashfs ({how})", float(sizes["mkosi", how]))
            notes = [f"{whose}'s /usr as squashfs ({h}): {megabytes(size)}" for (whose, h), size in sizes.items()]
        contents = {whose: _sizes(path) for whose, path in trees.items()}
        tables = [_by_folder(contents), _by_package(contents, _owners(bench))]
        shutil.rmtree(tree)
    for whose, found in contents.items():
        notes.append(f"{whose}'s /usr before compression: {megabytes(sum(found.values()))} in {len(found)} files")
    return Result(
        "size",
        "usr image, release profile",
        Unit.BYTES,
        Series((float(ours),)),
        Aim("not larger", ratio=1.0),
        None if rival is None else Series((rival[1],)),
        "" if rival is None else rival[0],
        tuple(notes),
        tuple(tables),
    )


def _squashfs(bench: Bench, whose: str, tree: Path, out: Path, arguments: tuple[str, ...]) -> int:
    assert bench.mkosi is not None
    bench.mkosi.squashfs(tree, out, arguments)
    size = out.stat().st_size
    out.unlink()
    bench.say(f"size: {whose}'s tree as squashfs {' '.join(arguments) or '(gzip)'}: {megabytes(size)}")
    return size


def _sizes(tree: Path) -> dict[str, int]:
    """Bytes of each regular file by its path below `tree`; of hard links only the first in order counts."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    for path in sorted(tree.rglob("*")):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_ino not in seen:
            seen.add(status.st_ino)
            found[str(path.relative_to(tree))] = status.st_size
    return found


def _owners(bench: Bench) -> dict[str, str]:
    """The package that ships each path below /usr; what it ships in /etc lies in share/factory."""
    packages = bench.lock.image.packages
    debs = fetch.fetch(packages, bench.adamant.cache)
    owners = {}
    for one in layer.unpack_layers(packages, debs, bench.adamant.cache):
        for entry in one.entries:
            path = entry.path.removeprefix("usr/")
            owners[f"share/factory/{path}" if path == entry.path else path] = one.package.name
    return owners


def _by_folder(contents: Mapping[str, Mapping[str, int]]) -> Table:
    sums = {whose: Counter[str]() for whose in contents}
    for whose, found in contents.items():
        for path, size in found.items():
            folders = path.split("/")[:-1]
            sums[whose]["/".join(folders[:2]) or "."] += size
    return _table("What went where: bytes by folder of /usr, before compression", "folder", sums, _FOLDERS)


def _by_package(contents: Mapping[str, Mapping[str, int]], owners: Mapping[str, str]) -> Table:
    known = contents["adamant"]
    sums = {whose: Counter[str]() for whose in contents}
    for whose, found in contents.items():
        for path, size in found.items():
            sums[whose][owners.get(path) or (_MADE if path in known else _NOT_OURS)] += size
    return _table("What went where: bytes by package, before compression", "package", sums, _PACKAGES)


def _table(title: str, what: str, sums: Mapping[str, Counter[str]], most: int) -> Table:
    """The largest of `sums`, with a column for each side and a last row for the rest."""
    names = sorted(set().union(*sums.values()), key=lambda n: (-max(s[n] for s in sums.values()), n))
    rows = [(name, *(megabytes(s[name]) for s in sums.values())) for name in names[:most]]
    if names[most:]:
        rows.append(
            (f"the other {len(names) - most}", *(megabytes(sum(s[n] for n in names[most:])) for s in sums.values()))
        )
    rows.append(("sum", *(megabytes(s.total()) for s in sums.values())))
    return Table(title, (what, *sums), tuple(rows))
