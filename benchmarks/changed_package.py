"""A new version of a package that the example has: the same .deb with another version and one more file."""

import secrets
from pathlib import Path

import msgspec

from adamant.core import files, proc
from adamant.model.errors import AdamantError
from adamant.model.lock import Lock
from benchmarks.adamant import Adamant, with_package

_LEAVES = ("nftables", "iproute2", "runc")
"""Packages of the example on which no other of its packages depends."""


class Changer:
    """Puts a version that was never built before of one package into the lock and the cache of `adamant`."""

    def __init__(self, adamant: Adamant, lock: Lock, scratch: Path) -> None:
        self._adamant = adamant
        self._lock = lock
        self._scratch = scratch
        names = {p.name: p for p in lock.image.packages}
        found = [names[leaf] for leaf in _LEAVES if leaf in names]
        if not found:
            raise AdamantError("benchmark-package", f"the lock has none of {', '.join(_LEAVES)}")
        self._package = found[0]

    @property
    def name(self) -> str:
        """The package that changes."""
        return self._package.name

    def change(self) -> None:
        """Make the next version. Takes dpkg-deb of the host."""
        mark = secrets.token_hex(4)
        debs = self._adamant.cache / "debs"
        with files.work_folder(self._scratch, "changed") as folder:
            tree, deb = folder / "tree", folder / "changed.deb"
            proc.run("unpack a package", ["dpkg-deb", "-R", debs / f"{self._package.sha256}.deb", tree])
            control = tree / "DEBIAN" / "control"
            version = f"{self._package.version}+{mark}"
            control.write_text(
                control.read_text().replace(f"\nVersion: {self._package.version}\n", f"\nVersion: {version}\n")
            )
            extra = tree / "usr" / "share" / self.name / "changed"
            extra.parent.mkdir(parents=True, exist_ok=True)
            extra.write_text(f"{mark}\n")
            proc.run("pack a package", ["dpkg-deb", "--root-owner-group", "-Zxz", "-b", tree, deb])
            digest = files.sha256_file(deb)
            size = deb.stat().st_size
            deb.rename(debs / f"{digest}.deb")
        changed = msgspec.structs.replace(self._package, version=version, sha256=digest, size=size)
        self._adamant.write_lock(with_package(self._lock, changed))
