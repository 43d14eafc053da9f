"""The own kernel of an image: which one the definition names, which one the lock pins, and its artifact.

A definition names a kernel by its name, its digest or a folder; the lock says which digest that was, so that images of
one lock are of one kernel. Debian's kernel needs none of this.
"""

from msgspec import UNSET, UnsetType

from adamant.image.project import Project
from adamant.kernel import shelf
from adamant.kernel.artifact import Kernel
from adamant.model.errors import InputError, VerificationError
from adamant.model.kernel import config
from adamant.model.kernel.artifact import CONFIG
from adamant.model.lock import Lock

_BPF_LSM = ("DEBUG_INFO_BTF", "FUNCTION_TRACER")
"""Without its types no BPF program is fit for a kernel, and without the tracer there is no place to call it from."""


def choose(project: Project) -> str | UnsetType:
    """Digest of the kernel that the definition names now, for a new lock. Raises InputError, VerificationError."""
    own = project.image.kernel.own
    return _found(project, own).manifest.digest if own else UNSET


def is_stale(project: Project, lock: Lock) -> list[str]:
    """Why a lock's kernel does not answer to the definition, in words. A newer kernel of the same name is no reason."""
    own = project.image.kernel.own
    if own is None:
        return [] if isinstance(lock.kernel, UnsetType) else ["the definition names no kernel of its own any more"]
    if isinstance(lock.kernel, UnsetType):
        return ["the lock has no kernel of one's own"]
    if shelf.is_digest(own) and lock.kernel.startswith(own):
        return []
    if "/" in own:
        there = _found(project, own).manifest.digest
        return [] if there == lock.kernel else [f"another kernel lies in {own}"]
    pinned = [k.manifest.name for k in shelf.of_this_computer().kernels() if k.manifest.digest == lock.kernel]
    if pinned and pinned[0] != own:
        return [f"the lock has the kernel {pinned[0]}, the definition names {own}"]
    return []


def open_kernel(project: Project, lock: Lock) -> Kernel | None:
    """The kernel that the lock pins; None for Debian's. Its manifest is read, its files are not.

    Raises InputError kernel-missing, VerificationError kernel-not-locked.
    """
    own = project.image.kernel.own
    if own is None or isinstance(lock.kernel, UnsetType):
        return None
    found = _found(project, own if "/" in own else lock.kernel)
    if found.manifest.digest != lock.kernel:
        raise VerificationError(
            "kernel-not-locked",
            f"the kernel in {own} is not the one of the lock",
            context=f"wanted: {lock.kernel}\nthere:  {found.manifest.digest}",
            hint="take this one with: adamant lock --update",
        )
    return found


def require_for(kernel: Kernel, *, restricts_file_systems: bool) -> None:
    """Raise InputError kernel-types-missing when a unit of the image needs what this kernel does not have.

    systemd enforces RestrictFileSystems= by a BPF program that reads the kernel's types and hangs on functions of it,
    and leaves it out, with a word in its log at most, where it cannot (systemd.exec(5)).
    """
    options = config.parse(kernel.path(CONFIG).read_text(errors="replace"), CONFIG).options
    lacking = [option for option in _BPF_LSM if options.get(option, "n") != "y"]
    if restricts_file_systems and lacking:
        raise InputError(
            "kernel-types-missing",
            f"a unit sets RestrictFileSystems=, and {kernel.manifest.release} was built without {', '.join(lacking)}",
            hint="take the setting out of the unit, use a kernel of Debian's, or one whose fragment turns it on",
        )


def _found(project: Project, reference: str) -> Kernel:
    found = shelf.of_this_computer().find(reference, project.folder)
    if found.manifest.arch is not project.image.arch:
        raise InputError(
            "kernel-other-arch",
            f"the kernel {reference} is for {found.manifest.arch}, the image for {project.image.arch}",
        )
    return found
