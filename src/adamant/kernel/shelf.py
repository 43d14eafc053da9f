"""The kernels of this computer: artifacts by their digest, in the state folder, since no kernel can be made again.

A kernel appears as a whole, by rename. It is found by its digest, by its name, or by the path of a folder.
"""

import functools
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from adamant.core import files, places
from adamant.kernel import artifact
from adamant.kernel.artifact import Kernel
from adamant.model import version_order
from adamant.model.digest import Identity
from adamant.model.errors import AdamantError, InputError
from adamant.model.kernel.artifact import KernelManifest

_DIGEST = re.compile(r"[0-9a-f]{12,64}")


class Shelf:
    """Kernels below `folder`, each in a folder named by its digest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def kernels(self) -> tuple[Kernel, ...]:
        """All kernels, by name and then the newest version first. What is no kernel is passed over."""
        found = []
        for place in sorted(self.folder.iterdir()) if self.folder.is_dir() else []:
            if place.name.startswith("."):
                continue
            try:
                found.append(artifact.read(place))
            except AdamantError:
                continue
        return tuple(sorted(found, key=functools.cmp_to_key(_order)))

    def of_inputs(self, inputs: Identity) -> Kernel | None:
        """A kernel that was built from the same inputs."""
        return next((k for k in self.kernels() if k.manifest.inputs == inputs), None)

    def find(self, reference: str, base: Path = Path()) -> Kernel:
        """The kernel of a digest (12 characters or more), a name, or a path with a slash, which is relative to `base`.

        Raises InputError kernel-missing, or kernel-ambiguous when a name's newest version was built more than once.
        """
        if "/" in reference:
            return artifact.read(base / reference)
        kernels = self.kernels()
        if is_digest(reference):
            matching = [k for k in kernels if k.manifest.digest.startswith(reference)]
            if len(matching) == 1:
                return matching[0]
        named = [k for k in kernels if k.manifest.name == reference]
        newest = [k for k in named if k.manifest.version == named[0].manifest.version]
        if len(newest) > 1:
            digests = "\n".join(f"{k.manifest.digest}  {k.manifest.release}" for k in newest)
            raise InputError(
                "kernel-ambiguous",
                f"{reference} {newest[0].manifest.version} was built more than once",
                context=digests,
                hint="name one by its digest, or give the kernel a new version",
            )
        if not newest:
            known = ", ".join(sorted({k.manifest.name for k in kernels})) or "none"
            raise InputError(
                "kernel-missing",
                f"there is no kernel {reference} here: {known}",
                hint="build it with: adamant kernel build; or name the folder of one, as in ./kernels/mine",
            )
        return newest[0]

    def add(self, make: Callable[[Path], KernelManifest]) -> Kernel:
        """A new kernel, which `make` writes into an empty folder."""
        with files.work_folder(self.folder, "new") as work, files.telling_full_disks(work):
            made = work / "made"
            made.mkdir()
            manifest = make(made)
            final = self.folder / manifest.digest
            if not final.exists():
                made.rename(final)
                files.sync_folder(self.folder)
        return artifact.read(final)

    def delete(self, kernel: Kernel) -> None:
        """Take a kernel away. Raises InputError when it does not lie here."""
        if kernel.folder.parent != self.folder.resolve():
            raise InputError("kernel-elsewhere", f"{kernel.folder} is no kernel of this computer's shelf")
        shutil.rmtree(kernel.folder)


def is_digest(reference: str) -> bool:
    """Whether a reference can be the beginning of a digest, and not only a name."""
    return _DIGEST.fullmatch(reference) is not None


def _order(one: Kernel, other: Kernel) -> int:
    a, b = one.manifest, other.manifest
    if a.name == b.name and (order := version_order.compare(b.version, a.version)):
        return order
    return -1 if (a.name, a.digest) < (b.name, b.digest) else 1


def of_this_computer() -> Shelf:
    """The kernels of the person who runs this."""
    return Shelf(places.state() / "kernels")
