"""The tools tree: the programs that build, as locked packages unpacked below one folder, so a build depends on no host.

Owns `tools/IDENTITY` in the cache: a tree that is there is whole, it appears by rename. Its programs start through its
own loader (`ToolsTree.argv`), so neither the host's libraries nor its kernel's policy on user namespaces matter.
Development files of the target's architecture lie below `target/`. Nothing writes into a finished tree.
`unpack` fills a tree, `loader` makes command lines; this module knows when to do so and hands the tree out.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adamant.core import events, files, proc
from adamant.model.arch import NAMES, Arch
from adamant.model.digest import Identity, Sha256, identity
from adamant.model.errors import AdamantError, InputError
from adamant.model.lock import PackageSet
from adamant.packages import fetch, loader, unpack
from adamant.packages.lock import this_arch

_READER = "usr/bin/fsck.erofs"


@dataclass(frozen=True, slots=True)
class Compiler:
    """Programs that make code for one architecture: the C compiler proper, the assembler, the linker, objcopy.

    Each is a name for `ToolsTree.argv`. None of them finds the next by itself: run one after the other.
    """

    cc1: str
    assembler: str
    linker: str
    objcopy: str


@dataclass(frozen=True, slots=True)
class ToolsTree:
    """A tools tree at `root` (absolute), of programs for `arch`, the architecture of this computer."""

    root: Path
    arch: Arch
    identity: Identity

    def argv(self, program: str, *arguments: str | Path) -> list[str]:
        """The command line that runs `program` of the tree with `arguments`.

        `program` is a name (`mkfs.erofs`) or a path below the tree. Pass `environment` to proc.run as well when the
        program starts others, reads OpenSSL's configuration or converts text. Raises AdamantError tool-missing.
        """
        return loader.command(self.root, self.arch, self.program(program), program) + [str(a) for a in arguments]

    def program(self, name: str) -> Path:
        """The file of a program, by its name or its path below the tree."""
        places = [self.root / name] if "/" in name else [self.root / folder / name for folder in unpack.FOLDERS]
        for place in places:
            if place.is_file():
                return place
        raise AdamantError(
            "tool-missing", f"the tools tree has no {name}", hint="make a new lock: adamant lock --update"
        )

    def path(self, relative: str) -> Path:
        """A file or folder of the tree, which must be there. Raises AdamantError tool-missing."""
        found = self.root / relative
        if not found.exists():
            raise AdamantError(
                "tool-missing", f"the tools tree has no {relative}", hint="make a new lock: adamant lock --update"
            )
        return found

    @property
    def wrappers(self) -> Path:
        """A folder to put in front of PATH: each program of the tree by its name, for programs that start others."""
        return self.root / unpack.WRAPPERS

    @property
    def target(self) -> Path:
        """Root of the target's development files (`usr/include`, `usr/lib`)."""
        return self.root / unpack.TARGET

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for programs that start others or have a configuration: they find the tree's, not the host's."""
        libraries = self.root / "usr/lib" / NAMES[self.arch].triplet
        return {
            "PATH": f"{self.wrappers}:{proc.BASE_ENVIRONMENT['PATH']}",
            "OPENSSL_CONF": str(self.root / "etc/ssl/openssl.cnf"),
            "OPENSSL_MODULES": str(libraries / "ossl-modules"),
            "GCONV_PATH": str(libraries / "gconv"),
            "LOCPATH": str(self.root / "usr/lib/locale"),
        }

    def compiler(self, target: Arch) -> Compiler:
        """The compiler for `target`. Raises AdamantError tool-missing when the tree was locked for another one."""
        triplet = NAMES[target].triplet
        kind = "gcc" if target == self.arch else "gcc-cross"
        cc1 = f"usr/libexec/{kind}/{triplet}/14/cc1"
        self.path(cc1)
        return Compiler(cc1, f"{triplet}-as", f"{triplet}-ld", f"{triplet}-objcopy")


def find_tools(packages: PackageSet, cache: Path) -> ToolsTree | None:
    """The tools tree of `packages`, when it is there: then no .deb is needed."""
    key = tree_identity(packages)
    root = _home(cache) / key
    return ToolsTree(root, packages.arch, key) if root.is_dir() else None


def newest_tools(cache: Path) -> ToolsTree | None:
    """The tools tree of an image that was unpacked last, for commands that have no lock at hand; None without one.

    The toolchain of an own kernel lies beside them, and has nothing that reads images.
    """
    home = _home(cache)
    found = home.iterdir() if home.is_dir() else ()
    trees = [p for p in found if not p.name.startswith(".") and (p / _READER).is_file()]
    if not trees:
        return None
    root = max(trees, key=lambda p: p.stat().st_mtime)
    return ToolsTree(root, this_arch(), Identity(root.name))


def open_tools(packages: PackageSet, cache: Path, watch: events.Watch = events.silent) -> ToolsTree:
    """The tools tree of `packages`: the one that is there, or else fetched and unpacked."""
    found = find_tools(packages, cache)
    return found or tools_tree(packages, fetch.fetch(packages.packages, cache, watch), cache, watch)


def tools_tree(
    packages: PackageSet, debs: Mapping[Sha256, Path], cache: Path, watch: events.Watch = events.silent
) -> ToolsTree:
    """The tools tree of `packages`, unpacked from `debs` unless it is there.

    Raises InputError tools-architecture when the tools are not for this computer.
    """
    if packages.arch != this_arch():
        raise InputError(
            "tools-architecture",
            f"the lock's tools are for {packages.arch}, this computer is {this_arch()}",
            hint="make a lock on this computer: adamant lock --update",
        )
    begin = time.monotonic()
    home = _home(cache)
    key = tree_identity(packages)
    root = home / key
    reused = True
    if not root.is_dir():
        try:
            with files.locked(cache / "locks" / f"tools.{key}", "the tools tree"):
                if not root.is_dir():
                    reused = False
                    unpack.make_tree(packages, debs, root, watch)
        except OSError as error:
            raise files.write_failed(root, error) from error
    watch(events.Finished(unpack.STEP, reused, "same packages" if reused else "first time", time.monotonic() - begin))
    return ToolsTree(root, packages.arch, key)


def tree_identity(packages: PackageSet) -> Identity:
    """Identity of the tree of `packages`."""
    digests = sorted(p.sha256 for p in packages.packages)
    return identity("tools", {"layout": unpack.LAYOUT, "arch": packages.arch, "packages": digests})


def _home(cache: Path) -> Path:
    # absolute: the loader's library path must hold wherever a program is started
    return cache.absolute() / "tools"
