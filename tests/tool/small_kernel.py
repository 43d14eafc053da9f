"""A real build of a kernel that takes seconds: all of it is real, but for Linux, which is `small_linux/Makefile`."""

import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from adamant.core import files
from adamant.kernel import project, toolchain
from adamant.kernel.project import DEFINITION, KernelProject
from adamant.kernel.shelf import Shelf
from adamant.model.kernel import config
from adamant.model.kernel import lock as locks
from adamant.model.kernel.lock import KernelLock
from adamant.model.lock import PackageSet, encode
from adamant.packages import tools
from adamant.packages.lock import this_arch
from adamant.packages.tools import ToolsTree

_MAKEFILE = Path(__file__).parent / "small_linux" / "Makefile"


@dataclass(frozen=True, slots=True)
class SmallKernel:
    """A locked definition, and a cache that has its toolchain with the small Linux. `environment` is a command's."""

    project: KernelProject
    cache: Path
    state: Path

    @property
    def shelf(self) -> Shelf:
        """Where the command puts its kernels."""
        return Shelf(self.state / "kernels")

    @property
    def work(self) -> Path | None:
        """The work folder of a build that runs or was killed; raises ValueError when there are several."""
        found = list((self.cache / "kernels").glob(".build.*"))
        if not found:
            return None
        (only,) = found
        return only

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which a command finds the cache and the shelf."""
        return {**os.environ, "ADAMANT_CACHE": str(self.cache), "ADAMANT_STATE": str(self.state)}


@contextmanager
def small_kernel(
    cache: Path, lock: KernelLock, compiler: ToolsTree, linux: Path, final: config.Config
) -> Iterator[SmallKernel]:
    """A small kernel of this computer's architecture, gone at the end.

    `compiler` is the tree of `lock`, `linux` the folder of Linux's real source, `final` a finished config.
    """
    with files.work_folder(cache, "small-kernel") as home:
        folder = home / "definition"
        folder.mkdir()
        (folder / DEFINITION).write_text(f'kind: Kernel\nname: small\nversion: "1"\narch: {this_arch()}\n')
        found = project.read_project(folder)
        source = locks.source(lock)
        packages = tuple(
            msgspec.structs.replace(p, sha256="0" * 64) if p == source else p for p in lock.toolchain.packages
        )
        request = toolchain.request_identity(found.kernel)
        ours = KernelLock(PackageSet(lock.toolchain.arch, request, lock.toolchain.releases, packages))
        found.lock_path.write_bytes(encode(ours))
        # links, so that half a gigabyte is there at once
        tree = home / "cache/tools" / tools.tree_identity(ours.toolchain)
        shutil.copytree(compiler.root, tree, symlinks=True, copy_function=os.link)
        archive = tree / f"usr/src/{source.name}.tar.xz"
        archive.unlink()
        options = {**final, "LOCALVERSION": '"-small-1"'}
        (home / "finished").write_text("".join(config.line(*option) + "\n" for option in options.items()))
        with tarfile.open(archive, "x:xz") as out:
            out.add(_MAKEFILE, "linux/Makefile")
            out.add(home / "finished", "linux/finished")
            for name in ("sign-file.c", "ssl-common.h"):
                out.add(linux / "scripts" / name, f"linux/scripts/{name}")
        yield SmallKernel(found, home / "cache", home / "state")
