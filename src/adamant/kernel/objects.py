"""Objects of earlier builds, out of which a kernel is made where nothing of them has changed: ccache(1), in the cache.

What stays true: an object is taken only where the preprocessed source (headers with it), the options and the packages
of the compiler are the same, so the kernel is what it would be without. No key is reused: the key and its certificate
are made in each build; ccache keeps no object with another file's bytes in it (`.incbin`, by which the kernel gets its
certificate); the build ends when the kernel lacks its own certificate, or when the key is in the folder (data/recipe).
Nothing writes to the folder but the compiler of Linux's own source: what comes with somebody's module runs where it is
not.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from adamant.core import files, limits
from adamant.kernel.sandbox import Place
from adamant.model.digest import identity
from adamant.model.kernel.lock import KernelLock

FOLDER = "objects"
"""The folder's name, in the cache's folder of kernels."""
_INSIDE = "/objects"
_LOG = "objects.log"
_COMPILER = ("binutils", "gcc-", "gmp", "isl", "mpclib3", "mpfr4")
"""How the names of the source packages begin that compiler and assembler come from, with what computes in them."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """How many objects of a build are of an earlier one, and how many were compiled."""

    reused: int
    compiled: int


def place(folder: Path) -> Place:
    """Where the sandbox of a build has the folder."""
    return Place(folder, _INSIDE, writable=True)


def environment(lock: KernelLock) -> dict[str, str]:
    """What ccache must be told; its log of what it took lies beside the objects of this build."""
    packages = (p for p in lock.toolchain.packages if p.source.startswith(_COMPILER))
    compiler = identity("kernel-compiler", {"sha256": sorted(p.sha256 for p in packages)})
    return {
        "CCACHE_DIR": _INSIDE,
        "CCACHE_TEMPDIR": "/tmp/ccache",  # noqa: S108 - the sandbox's own
        "CCACHE_MAXSIZE": f"{limits.KERNEL_OBJECTS >> 20}Mi",
        "CCACHE_COMPILERCHECK": f"string:{compiler}",
        # so that the search for the key sees what is there
        "CCACHE_NOCOMPRESS": "true",
        "CCACHE_STATSLOG": f"/obj/{_LOG}",
    }


def reuse(obj: Path) -> Reuse:
    """What the build in the folder `obj` took, by ccache's log. Raises InputError when it is too large."""
    log = files.read_limited(obj / _LOG, limits.KERNEL_OBJECTS_LOG, "log of objects").decode(errors="replace")
    counts = Counter(log.splitlines())
    return Reuse(counts["direct_cache_hit"] + counts["preprocessed_cache_hit"], counts["cache_miss"])
