"""What an update moves: from the example of Debian's main archive to the same with its security updates.

Both are built in the release profile and published; the second is then staged into files by the code that stages it on
a machine, from a server on this computer. An image-based rival moves its whole image: that is the new /usr as squashfs.
"""

import json
import shutil
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import msgspec

from adamant.core import files, proc
from adamant.image.project import LOCK
from adamant.model import lock as locks
from adamant.model.lock import Lock
from adamant.packages import tools
from adamant.release.serving import make_server
from benchmarks.adamant import with_package
from benchmarks.bench import Bench
from benchmarks.measure import Series
from benchmarks.result import Aim, Result, Table, Unit
from benchmarks.staging import Staged

_PRODUCT = "example"
_KERNEL = "linux-image-"


class _Case(NamedTuple):
    """An update: its name, changed packages, bytes of the new usr image, and what staging it took by the way `way`."""

    name: str
    changed: int
    usr: int
    staged: Staged
    way: str

    @property
    def delta(self) -> int:
        """Bytes fetched for /usr: blocks, or a patch of them, and their tree."""
        return self.total - self.staged.fetched.get("efi", 0)

    @property
    def total(self) -> int:
        """Bytes fetched in all."""
        return sum(self.staged.fetched.values())


def row(bench: Bench) -> Result:
    """Bytes of a real security update, with and without its kernel."""
    home = bench.mkosi.work if bench.mkosi is not None else bench.scratch
    with files.work_folder(home, "update") as work:
        old = _lock(bench, work / "old", "base.pockets=[]")
        new = _lock(bench, work / "new")
        shutil.copytree(work / "old", work / "small")
        small = _without_kernel(old, new)
        files.write_atomic(work / "small" / LOCK, locks.encode(small))
        builds = {
            name: bench.adamant.build("release", work / name, settings=(f"version={version}", *more))
            for name, version, more in (
                ("old", "1", ("base.pockets=[]",)),
                ("new", "2", ()),
                ("small", "2", ("base.pockets=[]",)),
            )
        }
        cases = [
            _Case(
                title,
                _changed(old, lock),
                _size(builds[name]),
                _stage(bench, work / f"{name}-{way}", builds, name, way),
                way,
            )
            for name, title, lock in (
                ("new", "with the kernel", new),
                ("small", "without the kernel", small),
            )
            for way in ("delta", "patch")
        ]
        squashfs = _squashfs(bench, builds["new"], work)
        layer = _layer(bench, builds["new"], work)
    whole, patched, little, _ = cases
    uki = (whole.staged.fetched.get("efi", 0)) / 1e6
    return Result(
        "update",
        "Bytes that a security update moves for /usr",
        Unit.BYTES,
        Series((float(whole.delta),)),
        Aim("at most 20 % of the usr image", below=0.2 * whole.usr),
        Series((float(squashfs),)),
        "the whole /usr as squashfs (zstd)",
        notes=(
            f"{whole.changed} packages, the kernel among them; its UKI moves {uki:.1f} MB more",
            f"by patch {patched.delta / 1e6:.1f} MB, {patched.delta / patched.usr:.1%} (aim: 8 %)",
            f"without the kernel {little.total / 1e6:.1f} MB in all, the UKI included (aim: below 12 MB)",
            f"the same /usr as one OCI layer (tar, zstd): {layer / 1e6:.1f} MB",
        ),
        tables=(Table("Updates", _HEADER, tuple(_line(case) for case in cases)),),
    )


_HEADER = (
    *("update", "way", "packages", "usr image", "fetched of it", "share", "UKI", "in all", "requests"),
    *("staged in", "processor", "memory"),
)


def _line(case: _Case) -> tuple[str, ...]:
    staged = case.staged
    return (
        case.name,
        case.way,
        str(case.changed),
        f"{case.usr / 1e6:.1f} MB",
        f"{case.delta / 1e6:.1f} MB",
        f"{case.delta / case.usr:.1%}",
        f"{staged.fetched.get('efi', 0) / 1e6:.1f} MB",
        f"{case.total / 1e6:.1f} MB",
        str(staged.requests),
        f"{staged.seconds:.1f} s",
        f"{staged.processor:.1f} s",
        f"{staged.memory / (1 << 20):.0f} MiB",
    )


def _size(build: Path) -> int:
    return (build / "usr.erofs").stat().st_size


def _lock(bench: Bench, folder: Path, *settings: str) -> Lock:
    """The example's definition in `folder`, locked with what the mirrors have now."""
    bench.adamant.copy_definition(folder)
    words = [word for setting in settings for word in ("--set", setting)]
    bench.adamant.run("lock", "-C", folder, "--update", *words)
    return locks.decode((folder / LOCK).read_bytes())


def _without_kernel(old: Lock, new: Lock) -> Lock:
    """The old lock with the newer packages, but for the kernel's."""
    found = old
    known = {package.name for package in old.image.packages}
    for package in new.image.packages:
        if package.name in known and not package.name.startswith(_KERNEL):
            found = with_package(found, package)
    return found


def _changed(old: Lock, new: Lock) -> int:
    """How many packages of the new image are not in the old one."""
    before = {(package.name, package.version) for package in old.image.packages}
    return len({(package.name, package.version) for package in new.image.packages} - before)


def _stage(bench: Bench, work: Path, builds: dict[str, Path], name: str, way: str) -> Staged:
    """Publish the old build and the one called `name`, and stage that on what runs the old one."""
    repository, keys = work / "repository", work / "keys"
    (work / "efi/EFI/Linux").mkdir(parents=True)
    run = bench.adamant.run
    run("repo", "init", repository, "--keys", keys)
    run("repo", "publish", repository, builds["old"], "--keys", keys)
    run("repo", "publish", repository, builds[name], "--keys", keys, *(["--patch-from", "1"] if way == "patch" else []))
    files.write_atomic(work / "root.json", run("repo", "root", repository).stdout)
    shutil.copyfile(builds["old"] / "usr.erofs", work / "usr-a")
    shutil.copyfile(builds["old"] / "usr.verity", work / "usr-a-verity")
    shutil.copyfile(builds["old"] / f"{_PRODUCT}_1.efi", work / f"efi/EFI/Linux/{_PRODUCT}_1.efi")
    with make_server(repository, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        command = [sys.executable, "-m", "benchmarks.staging", str(work), base, _PRODUCT, "1", "2", way]
        done = proc.run("stage the update", command, environment={"PYTHONPATH": ":".join(sys.path)}, seconds=600)
        server.shutdown()
    staged = msgspec.json.decode(done.stdout, type=Staged)
    bench.say(f"update: {name} by {way}: {json.dumps(staged.fetched)}")
    return staged


def _unpacked(bench: Bench, build: Path, work: Path) -> Path:
    tree = work / "unpacked"
    if not tree.exists():
        unpack = ("fsck.erofs", f"--extract={tree}", "--no-preserve", build / "usr.erofs")
        proc.run("unpack the usr image", tools.open_tools(bench.lock.tools, bench.adamant.cache).argv(*unpack))
    return tree


def _squashfs(bench: Bench, build: Path, work: Path) -> int:
    """Bytes of the same files as squashfs; 0 without mkosi's tools, which have mksquashfs."""
    if bench.mkosi is None:
        return 0
    out = work / "usr.squashfs"
    bench.mkosi.squashfs(_unpacked(bench, build, work), out, ("-comp", "zstd"))
    return out.stat().st_size


def _layer(bench: Bench, build: Path, work: Path) -> int:
    """Bytes of the same files as a layer of an OCI image."""
    out = work / "layer.tar.zst"
    tree = _unpacked(bench, build, work)
    proc.run("pack the layer", ["tar", "--zstd", "-cf", out, "-C", tree, "."], environment={"ZSTD_CLEVEL": "9"})
    return out.stat().st_size
