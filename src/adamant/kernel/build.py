"""The chain of a kernel's build: definition and lock to an artifact on the shelf.

What stays true: the key that signs the modules is made in a sandbox, in memory that only the sandbox's processes can
name, is used for the kernel and all modules in one run, and is gone when that run ends, however it ends. A run that
ends early leaves a work folder without a key at worst, which the next one removes; a kernel gets its name at the end.
"""

import shutil
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import msgspec

from adamant.core import events, files, limits
from adamant.core.sources import sources_digest
from adamant.kernel import artifact, making, memory, objects, packaged, project, provenance, sandbox, sources, toolchain
from adamant.kernel.artifact import About, Kernel, Made
from adamant.kernel.objects import Reuse
from adamant.kernel.progress import Progress
from adamant.kernel.project import KernelProject
from adamant.kernel.sandbox import Place
from adamant.kernel.shelf import Shelf
from adamant.model.arch import NAMES, Arch
from adamant.model.digest import Identity, Sha256, identity, sha256
from adamant.model.errors import InputError
from adamant.model.kernel import config, hardening
from adamant.model.kernel import lock as locks
from adamant.model.kernel.definition import OwnKernel
from adamant.model.kernel.lock import KernelLock
from adamant.model.lock import encode, packages_identity
from adamant.packages import fetch, tools
from adamant.packages.tools import ToolsTree

_RECIPE = "kernel/data/recipe"
_FORMAT = 1
"""Changes when the same inputs would give another kernel, besides what lies in the recipe's folder: a new version of
Adamant alone is no reason for another key."""


@dataclass(frozen=True, slots=True)
class Target:
    """What Linux's makefiles call an architecture, its first config, and its kernel below the folder of the build."""

    linux: str
    configs: tuple[str, ...]
    image: str


TARGETS: dict[Arch, Target] = {
    Arch.AMD64: Target("x86", ("x86_64_defconfig", "kvm_guest.config"), "arch/x86/boot/bzImage"),
    # the defconfig there is a driver for each board that anybody has; this one is what each option's author advises
    Arch.ARM64: Target("arm64", ("alldefconfig", "kvm_guest.config"), "arch/arm64/boot/vmlinuz.efi"),
}


@dataclass(frozen=True, slots=True)
class BuiltKernel:
    """A finished build: the kernel, and what it is made of; None when it was there already."""

    kernel: Kernel
    seconds: float
    objects: Reuse | None

    @property
    def reused(self) -> bool:
        """Whether the kernel was there already."""
        return self.objects is None


def build(
    found: KernelProject,
    shelf: Shelf,
    cache: Path,
    watch: events.Watch = events.silent,
    workers: int = 2,
    *,
    with_swap: bool = False,
    fresh: bool = False,
) -> BuiltKernel:
    """Build a locked definition, unless a kernel of the same inputs is on the shelf.

    With `fresh`, no object of an earlier build is taken.

    Raises InputError (kernel-lock-missing, kernel-lock-stale, what the definition gets wrong, kernel-config-missing,
    kernel-hardening, kernel-dkms-source, kernel-dkms-conf, kernel-dkms-excluded), AdamantError
    (kernel-swap, kernel-sandbox-closed, kernel-build-failed, kernel-key-leaked, disk-full), BusyError while another
    build runs, and the errors of fetching.
    """
    begin = time.monotonic()
    lock = project.read_lock(found)
    stale = toolchain.is_stale(lock, found.kernel)
    if stale:
        raise InputError(
            "kernel-lock-stale",
            f"{project.LOCK} does not fit: {stale}",
            hint="make a new one here with: adamant kernel lock",
        )
    chain = _Chain(found, lock, cache, watch, workers)
    there = shelf.of_inputs(chain.inputs)
    if there is not None:
        return BuiltKernel(there, time.monotonic() - begin, None)
    if not with_swap:
        memory.require_none_on_disk()
    home = cache / "kernels"
    with files.locked(cache / "locks" / "kernel-build", "a kernel's build", wait=False):
        for left in home.glob(".build.*"):  # of a killed build: the lock is ours
            shutil.rmtree(left, ignore_errors=True)
        with files.work_folder(home, "build") as work, files.telling_full_disks(work):
            kept = work / objects.FOLDER if fresh else home / objects.FOLDER
            kept.mkdir(exist_ok=True)
            made = chain.make(work, kept)
            taken = objects.reuse(work / "obj")
            kernel = shelf.add(lambda out: artifact.write(made, chain.about(work), out))
    watch(events.Finished(making.STEP, False, "a kernel of these inputs was not there", time.monotonic() - begin))
    return BuiltKernel(kernel, time.monotonic() - begin, taken)


def inputs_of(found: KernelProject, lock: KernelLock, cache: Path) -> Identity:
    """Identity of all that a kernel of the definition and the lock is made of. Raises InputError."""
    return _Chain(found, lock, cache, events.silent, 1).inputs


def environment(kernel: OwnKernel) -> dict[str, str]:
    """What Linux's makefiles must be told of a kernel for another architecture; empty for one of this computer's."""
    if not toolchain.is_cross(kernel):
        return {}
    return {"ARCH": TARGETS[kernel.arch].linux, "CROSS_COMPILE": f"{NAMES[kernel.arch].triplet}-"}


class _Chain:
    """One build under way."""

    def __init__(self, found: KernelProject, lock: KernelLock, cache: Path, watch: events.Watch, workers: int) -> None:
        self._found = found
        self._kernel = found.kernel
        self._lock = lock
        self._cache = cache
        self._watch = watch
        self._workers = workers
        self._target = TARGETS[found.kernel.arch]
        self._environment = environment(found.kernel)
        self._fragments = project.fragments(found)
        self._packages = {m.name: locks.package(lock, m.package) for m in found.kernel.modules if m.package}
        self._modules: dict[str, str] = {name: package.sha256 for name, package in self._packages.items()}
        self._modules |= {m.name: sources.digest(m, found.folder) for m in found.kernel.modules if m.source}
        self._files = {name: sha256(project.fragment(found, name)) for name in found.kernel.fragments}
        self.inputs = identity(
            "kernel-build",
            {
                "definition": msgspec.to_builtins(found.kernel),
                "packages": packages_identity(lock.toolchain),
                "fragments": self._files,
                "modules": dict(self._modules),
                "format": _FORMAT,
                "recipe": sources_digest(_RECIPE),
                "config": project.own_config_digest(found.kernel.arch),
            },
        )

    def make(self, work: Path, kept: Path) -> Made:
        """Build in the empty folder `work`, out of objects in the folder `kept` where they serve."""
        tree = tools.open_tools(self._lock.toolchain, self._cache, self._watch)
        sandbox.require(tree, nested=bool(self._kernel.modules))
        for name in ("src", "obj", "out", "modules", "orders", "recipe"):
            (work / name).mkdir()
        for part in resources.files("adamant.kernel").joinpath("data/recipe").iterdir():
            (work / "recipe" / part.name).write_text(part.read_text())
        with events.timed(self._watch, "kernel config", "it is made before each build"):
            final = self._configure(work, tree)
        self._stage(work, tree, final)
        self._compile(work, tree, kept)
        out = work / "out"
        return Made(out / "root", out / "vmlinuz", out / "config", out / "signing.x509", encode(self._lock))

    def _stage(self, work: Path, tree: ToolsTree, final: config.Config) -> None:
        """The sources of all own modules; those of packages must be for the kernel of the finished config."""
        debs = fetch.fetch(self._packages.values(), self._cache, self._watch) if self._packages else {}
        release, machine = (work / "obj/release").read_text().strip(), NAMES[self._kernel.arch].kernel
        for module in self._kernel.modules:
            package = self._packages.get(module.name)
            if package is None:
                sources.stage(module, self._found.folder, work / "modules" / module.name)
                continue
            found = packaged.read(package, debs[Sha256(package.sha256)])
            conf = packaged.conf_of(found, f"/modules/{module.name}", "/obj", release, machine)
            packaged.require_fitting(found, conf, release, machine, final, tree)
            packaged.stage(found, conf, module.name, work / "modules", work / "orders")

    def _configure(self, work: Path, tree: ToolsTree) -> config.Config:
        """Make the config and what is asked of it; the options that it came to."""
        wanted = config.merge(self._fragments)
        lines = "".join(config.line(option, value) + "\n" for option, (value, _) in wanted.items())
        (work / "wanted").write_text(lines)
        source = f"/usr/src/{locks.source(self._lock).name}.tar.xz"
        places = [
            Place(work / "src", "/src", writable=True),
            Place(work / "obj", "/obj", writable=True),
            Place(work / "wanted", "/wanted"),
            Place(work / "recipe", "/recipe"),
        ]
        command = ("sh", "/recipe/configure.sh", source, *self._target.configs)
        argv = sandbox.argv(tree, places, command, environment=self._environment)
        making.run("make the kernel's config", argv, Progress(0))
        final = config.parse((work / "obj/.config").read_text(), ".config").options
        require_wanted(wanted, final)
        require_hardened(self._kernel.arch, final, {one.option: one.reason for one in self._kernel.accept})
        return final

    def _compile(self, work: Path, tree: ToolsTree, kept: Path) -> None:
        places = [
            Place(work / "src", "/src"),
            Place(work / "obj", "/obj", writable=True),
            Place(work / "out", "/out", writable=True),
            Place(work / "modules", "/modules", writable=True),
            Place(work / "orders", "/orders"),
            Place(work / "recipe", "/recipe"),
            objects.place(kept),
        ]
        names = [module.name for module in self._kernel.modules]
        command = ("sh", "/recipe/compile.sh", str(self._workers), self._target.image, *names)
        key = {"/obj/certs": limits.KERNEL_KEY_ROOM}
        environment = {**self._environment, **objects.environment(self._lock)}
        argv = sandbox.argv(tree, places, command, memory=key, environment=environment)
        total = making.expected(self._cache, self._kernel.arch)
        self._watch(
            events.Noted(
                f"a kernel takes 20 to 40 minutes on two processors, less where objects of an earlier build serve; "
                f"{self._workers} work at it"
            )
        )
        self._watch(events.Started(making.STEP, total, "files"))
        progress = Progress(total)
        making.run("build the kernel", argv, progress, self._watch)
        making.remember(self._cache, self._kernel.arch, progress.done)

    def about(self, work: Path) -> About:
        """What the artifact says of this build."""
        source = locks.source(self._lock)
        inputs = {f"fragment:{name}": str(digest) for name, digest in self._files.items()}
        inputs |= {f"module:{name}": str(digest) for name, digest in self._modules.items()}
        inputs |= {"recipe": sources_digest(_RECIPE), "config": project.own_config_digest(self._kernel.arch)}
        made = {name: (work / "out" / name).read_text().strip() for name in ("compiler", "make")}

        def statement(subjects: dict[str, Sha256]) -> bytes:
            definition = msgspec.to_builtins(self._kernel)
            packages = self._lock.toolchain.packages
            return provenance.statement(self._kernel, subjects, packages, inputs, made, definition)

        return About(
            self._kernel,
            source.version,
            self.inputs,
            lambda release, licenses: provenance.sbom(
                self._kernel, release, source, self._modules, self._packages, licenses
            ),
            statement,
        )


def require_wanted(wanted: dict[str, tuple[str, str]], final: config.Config) -> None:
    """Raise InputError kernel-config-missing, which names each line that the finished config does not have."""
    missing = config.missing(wanted, final)
    if missing:
        raise InputError(
            "kernel-config-missing",
            f"{len(missing)} lines of the config did not come through",
            context="\n".join(missing[: limits.KERNEL_LOG_LINES]),
            hint="an option may need another one, have another name, or be chosen by others: menuconfig's help says so",
        )


def require_hardened(arch: Arch, final: config.Config, accepted: dict[str, str]) -> None:
    """Raise InputError kernel-hardening, which names each row that is not met and has no reason."""
    missing = hardening.missing(hardening.judge(arch, final, accepted))
    if missing:
        raise InputError(
            "kernel-hardening",
            f"{len(missing)} options of the hardening table are not met",
            context="\n".join(missing[: limits.KERNEL_LOG_LINES]),
            hint="change your fragment, or name the option with your reason in accept",
        )
