"""What builds a kernel: a table of Debian packages with their reasons, and the lock of it.

The packages are unpacked into a tools tree, as those that build images are: no maintainer script runs, so what scripts
would link (awk) the sandbox links. Nothing here knows how a kernel is built.
"""

from pathlib import Path

from adamant.core import events
from adamant.model.digest import Identity, identity
from adamant.model.errors import InputError
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
"""Packages of the build besides the source."""


def request(kernel: OwnKernel) -> list[str]:
    """Names of all packages that a kernel's build asks for, sorted."""
    modules = {module.package for module in kernel.modules if module.package}
    return sorted({*TOOLCHAIN, kernel.source or SOURCE, *modules})


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


def require_host(kernel: OwnKernel) -> None:
    """A kernel is built by a computer of its own architecture. Raises InputError kernel-host."""
    host = this_arch()
    if host is not kernel.arch:
        raise InputError(
            "kernel-host",
            f"the kernel is for {kernel.arch}, and this computer is {host}",
            hint=f"build it on a computer of the architecture {kernel.arch}: its images can be built anywhere",
        )


def make_lock(kernel: OwnKernel, cache: Path, watch: events.Watch = events.silent) -> KernelLock:
    """A new lock of the source and the toolchain, from what the mirrors have now.

    Raises InputError (kernel-host, package-missing, set-unsatisfiable ...), VerificationError or UnreachableError.
    """
    require_host(kernel)
    apt = Apt(kernel.arch, kernel.base, mirror.find(), cache)
    apt.update(watch)
    chosen = apt.solve(request(kernel), watch)
    lock = KernelLock(PackageSet(kernel.arch, request_identity(kernel), chosen.releases, chosen.packages))
    source(lock)
    return lock


def is_stale(lock: KernelLock, kernel: OwnKernel) -> bool:
    """Whether the lock answers to another definition, or to another version of Adamant."""
    return lock.toolchain.request != request_identity(kernel)
