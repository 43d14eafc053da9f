"""What builds a kernel: a table of Debian packages with their reasons, and the lock of it.

The packages are unpacked into a tools tree, as those that build images are: no maintainer script runs, so what scripts
would link (awk) the sandbox links. Nothing here knows how a kernel is built.
"""

from pathlib import Path

from adamant.core import events
from adamant.model.arch import NAMES, Arch
from adamant.model.digest import Identity, identity
from adamant.model.kernel.definition import OwnKernel
from adamant.model.kernel.lock import KernelLock, source
from adamant.model.lock import PackageSet
from adamant.packages import mirror
from adamant.packages.apt import Apt
from adamant.packages.lock import this_arch

SOURCE = "linux-source"
"""The package that depends on the suite's source of Linux."""

TOOLCHAIN: dict[str, str] = {
    "bash": "scripts of the build that name it",
    "bc": "computes constants of time",
    "binutils": "as, ld, objcopy, nm, strip",
    "bison": "the parser of kconfig",
    "bubblewrap": "the sandbox of the build",
    "ccache": "takes objects of earlier builds",
    "coreutils": "what every script is made of",
    "dash": "sh",
    "diffutils": "cmp, by which unchanged files are told",
    "findutils": "find and xargs",
    "flex": "the scanner of kconfig",
    "gcc": "the compiler",
    "grep": "grep",
    "gzip": "packs the config into the kernel",
    "kmod": "depmod and modinfo",
    "libc6-dev": "headers of the programs that the build makes for itself",
    "libelf-dev": "objtool reads and writes object files",
    "libssl-dev": "sign-file and extract-cert",
    "make": "runs it all",
    "mawk": "awk",
    "openssl": "makes the key of the modules",
    "pahole": "writes the kernel's types (BTF) out of its debug information",
    "perl": "scripts that write tables and assembler",
    "python3": "writes the declarations of BPF helpers that resolve_btfids is compiled with",
    "sed": "sed",
    "tar": "unpacks the source",
    "xz-utils": "so is the source packed",
    "zstd": "packs the kernel",
}
"""Packages of the build besides the source. They run on this computer, whatever the kernel is for."""

FOR: dict[Arch, dict[str, str]] = {
    Arch.AMD64: {},
    Arch.ARM64: {"bsdextrautils": "hexdump, which reads how much memory the unpacked kernel takes"},
}
"""What a kernel of one architecture needs besides."""

CROSS: dict[str, str] = {
    "binutils": "as, ld, objcopy, nm, strip that know the kernel's architecture",
    "gcc": "the compiler of the kernel; the one above makes what runs while it builds",
}
"""Packages of a kernel for another architecture than this computer's, before the dash and the triplet."""


def request(kernel: OwnKernel) -> list[str]:
    """Names of all packages that a kernel's build on this computer asks for, sorted."""
    modules = {module.package for module in kernel.modules if module.package}
    triplet = NAMES[kernel.arch].triplet.replace("_", "-")
    cross = {f"{name}-{triplet}" for name in CROSS} if is_cross(kernel) else set()
    return sorted({*TOOLCHAIN, *FOR[kernel.arch], *cross, kernel.source or SOURCE, *modules})


def is_cross(kernel: OwnKernel) -> bool:
    """Whether the kernel is for another architecture than this computer's."""
    return kernel.arch is not this_arch()


def request_identity(kernel: OwnKernel) -> Identity:
    """Identity of what the definition asks of the solver."""
    return identity(
        "kernel-request",
        {
            "arch": kernel.arch,
            "suites": [kernel.base.suite, *kernel.base.pockets],
            "pins": kernel.base.pins,
            "names": request(kernel),
        },
    )


def make_lock(kernel: OwnKernel, cache: Path, watch: events.Watch = events.silent) -> KernelLock:
    """A new lock of the source and the toolchain, from what the mirrors have now.

    Raises InputError (package-missing, set-unsatisfiable ...), VerificationError or UnreachableError.
    """
    apt = Apt(this_arch(), kernel.base, mirror.find(), cache)
    apt.update(watch)
    chosen = apt.solve(request(kernel), watch)
    lock = KernelLock(PackageSet(this_arch(), request_identity(kernel), chosen.releases, chosen.packages))
    source(lock)
    return lock


def is_stale(lock: KernelLock, kernel: OwnKernel) -> str:
    """Why the lock does not answer to the definition on this computer, in words; empty when it does."""
    if lock.toolchain.arch is not this_arch():
        return f"its compiler runs on {lock.toolchain.arch}, this computer is {this_arch()}"
    if lock.toolchain.request != request_identity(kernel):
        return "it answers to another definition, or to another version of Adamant"
    return ""
