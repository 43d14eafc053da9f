"""Locked packages as files: downloads those that the cache lacks, and checks each.

Owns `debs/` in the cache: `SHA256.deb`. A file gets that name only after its SHA-256 was checked here, whatever apt
said, and each one handed out has been checked in this call. Needs no index and no solver, so a lock stays good as long
as a mirror has its packages.
"""

import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from adamant.core import events, files, limits
from adamant.model.arch import Arch
from adamant.model.definition import Base
from adamant.model.digest import Sha256
from adamant.model.errors import AdamantError
from adamant.model.lock import Package
from adamant.packages import apt, complaint, mirror

_HELPER = "/usr/lib/apt/apt-helper"
_STEP = "fetch"


def fetch(packages: Iterable[Package], cache: Path, watch: events.Watch = events.silent) -> dict[Sha256, Path]:
    """The .deb files of `packages`, by SHA-256, each checked.

    Raises AdamantError package-gone, VerificationError package-hash-mismatch, UnreachableError mirror-unreachable.
    """
    begin = time.monotonic()
    wanted = {Sha256(p.sha256): p for p in packages}
    home = cache / "debs"
    missing = [p for p in wanted.values() if not _there(p, home)]
    if missing:
        try:
            # two builds that miss the same packages: the second waits, and then finds them
            with files.locked(cache / "locks" / "debs", "the package cache"):
                missing = [p for p in missing if not _there(p, home)]
                _download(missing, home, watch)
        except OSError as error:
            raise files.write_failed(home, error) from error
        reason = f"{len(missing)} of {len(wanted)} downloaded"
        watch(events.Finished(_STEP, not missing, reason, time.monotonic() - begin))
    return {digest: home / f"{digest}.deb" for digest in wanted}


def _there(package: Package, home: Path) -> bool:
    """Whether the cache has the package, whole. A damaged file is removed."""
    path = home / f"{package.sha256}.deb"
    try:
        sound = path.stat().st_size == package.size and files.sha256_file(path) == package.sha256
    except FileNotFoundError:
        return False
    if not sound:
        path.unlink(missing_ok=True)
    return sound


def _download(missing: Sequence[Package], home: Path, watch: events.Watch) -> None:
    if not missing:
        return
    mirrors = mirror.find()
    total = sum(p.size for p in missing)
    watch(events.Started(_STEP, total, "bytes"))
    done = 0
    for left in home.glob(".fetch.*"):  # of a killed process: the caller holds the lock
        shutil.rmtree(left, ignore_errors=True)
    with files.work_folder(home, "fetch") as work:
        settings = work / "apt.conf"
        # neither suites nor architecture matter here: files are asked for by name and digest
        settings.write_text(apt.configuration(work, Arch.AMD64, Base()))
        for batch in _batches(missing):
            _download_batch(batch, mirrors, settings, work)
            for package in batch:
                _accept(package, work, home)
                done += package.size
            watch(events.Advanced(_STEP, done, batch[-1].name))
        files.sync_folder(home)


def _batches(packages: Sequence[Package]) -> list[list[Package]]:
    """Packages in lots of a size that shows progress."""
    lots: list[list[Package]] = [[]]
    size = 0
    for package in packages:
        if lots[-1] and (size + package.size > limits.FETCH_BATCH or len(lots[-1]) >= limits.APT_ARGUMENTS):
            lots.append([])
            size = 0
        lots[-1].append(package)
        size += package.size
    return lots


def _download_batch(batch: Sequence[Package], mirrors: mirror.Mirror, settings: Path, work: Path) -> None:
    triples: list[str] = []
    for package in batch:
        uri = mirrors.uri(package.suite) + quote(package.filename, safe="/~:")
        triples += [uri, str(work / f"{package.sha256}.deb"), f"SHA256:{package.sha256}"]
    argv = [_HELPER, "-c", str(settings), "download-file", *triples]
    _, failed = apt.call("download packages", argv, mirrors)
    if failed is not None:
        names = {p.filename: f"{p.name} {p.version}" for p in batch}
        raise complaint.of_fetch(unquote(failed), names)


def _accept(package: Package, work: Path, home: Path) -> None:
    """Move a downloaded package into the cache when it is what the lock says."""
    path = work / f"{package.sha256}.deb"
    which = f"{package.name} {package.version}"
    if not path.is_file():
        raise AdamantError("apt-output", f"apt says that it downloaded {which}, but it is not there")
    if path.is_symlink():
        # of a mirror in a local folder apt makes a link; the cache must not depend on that folder
        origin = path.resolve()
        path.unlink()
        shutil.copyfile(origin, path)
    if path.stat().st_size != package.size or files.sha256_file(path) != package.sha256:
        raise complaint.package_mismatch(which)
    path.chmod(0o644)
    path.rename(home / path.name)
