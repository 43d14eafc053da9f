"""A kernel's definition on disk: the folder with `kernel.yaml`, the lock beside it, and the files that it names."""

from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from adamant.core import files, limits
from adamant.model import document
from adamant.model.arch import Arch
from adamant.model.digest import Sha256, sha256
from adamant.model.errors import InputError
from adamant.model.kernel import config, definition, hardening, lock
from adamant.model.kernel.config import Fragment
from adamant.model.kernel.definition import OwnKernel
from adamant.model.kernel.lock import KernelLock

DEFINITION = "kernel.yaml"
LOCK = "kernel.lock"


@dataclass(frozen=True, slots=True)
class KernelProject:
    """A checked definition and the folder it stands in (absolute)."""

    folder: Path
    kernel: OwnKernel

    @property
    def lock_path(self) -> Path:
        """Where the lock of this definition is."""
        return self.folder / LOCK


def read_project(folder: Path, overrides: tuple[str, ...] = ()) -> KernelProject:
    """Read and check `kernel.yaml` in `folder`. Raises InputError."""
    path = folder / DEFINITION
    if not path.exists():
        raise InputError(
            "kernel-definition-missing",
            f"there is no {DEFINITION} in {folder}",
            hint="write one with: adamant config new --kind Kernel > kernel.yaml",
        )
    data = files.read_limited(path, limits.DEFINITION_SIZE, "definition")
    kernel = document.checked(data, OwnKernel, DEFINITION, definition.check, overrides)
    return KernelProject(folder.resolve(), kernel)


def read_lock(project: KernelProject) -> KernelLock:
    """Read the lock beside the definition. Raises InputError."""
    if not project.lock_path.exists():
        raise InputError(
            "kernel-lock-missing", f"there is no {LOCK} beside {DEFINITION}", hint="make one with: adamant kernel lock"
        )
    return lock.decode(files.read_limited(project.lock_path, limits.LOCK_SIZE, "lock"))


def fragments(project: KernelProject) -> list[Fragment]:
    """Adamant's own config, then those of the definition, then what the definition itself says.

    Raises InputError: kconfig-malformed, or kernel-fragment-reserved for a line that would undo what the kernel is for.
    """
    kernel = project.kernel
    found = own_configs(kernel.arch)
    fixed = hardening.required() | {"LOCALVERSION": ""}
    for name in kernel.fragments:
        lines = config.parse(fragment(project, name).decode(errors="replace"), name)
        wrong = [option for option, value in lines.options.items() if fixed.get(option, value) != value]
        if wrong:
            raise InputError(
                "kernel-fragment-reserved",
                f"{name} sets {', '.join(sorted(wrong))}, which Adamant sets",
                hint="remove the line: with it, others could add code to the kernel, or its name would lie",
            )
        found.append(lines)
    found.append(Fragment(DEFINITION, {"LOCALVERSION": f'"-{kernel.name}-{kernel.version}"'}))
    return found


def fragment(project: KernelProject, name: str) -> bytes:
    """The text of a fragment: a file of the definition's folder, or one of Adamant's own. Raises InputError."""
    if not name.startswith(definition.SHIPPED):
        return files.read_limited(project.folder / name, limits.KERNEL_FRAGMENT_SIZE, "fragment")
    return b"".join(_data(part).read_bytes() for part in definition.FRAGMENTS[name][project.kernel.arch])


def own_configs(arch: Arch) -> list[Fragment]:
    """Adamant's own config for an architecture: what all have, and over it the architecture's."""
    return [config.parse(_data(part).read_text(), f"{part}.config") for part in _own_parts(arch)]


def own_config_digest(arch: Arch) -> Sha256:
    """SHA-256 of them, one after the other."""
    return sha256(b"".join(_data(part).read_bytes() for part in _own_parts(arch)))


def _own_parts(arch: Arch) -> tuple[str, ...]:
    return "common", arch.value


def _data(name: str) -> Traversable:
    return resources.files("adamant.kernel").joinpath("data/config", f"{name}.config")


def template(name: str) -> str:
    """A commented definition that builds as it is."""
    return resources.files("adamant.kernel").joinpath("data/kernel.yaml").read_text().replace("@NAME@", name)
