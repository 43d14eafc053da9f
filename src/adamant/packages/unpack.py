"""Makes a tools tree from its packages: `tools` says where it lies and how it is used.

A tree is made in a folder beside its place and renamed there, so a killed process leaves nothing that looks finished;
two at once do it once. Files are plain: modes 0755 and 0644, no owners, absolute links made relative to the tree.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from adamant.core import events, files, limits, proc
from adamant.model.arch import Arch
from adamant.model.digest import Sha256
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.lock import Package, PackageSet
from adamant.model.tree import Entry, Kind
from adamant.packages.base import TARGET_FILES
from adamant.packages.deb import open_deb
from adamant.packages.loader import command

LAYOUT = 1
"""Changes when the same packages would give another tree."""

FOLDERS = ("usr/bin", "usr/sbin", "usr/lib/systemd")
"""Where a program is looked for, in this order."""

WRAPPERS = "wrappers"
TARGET = "target"

_WORKERS = 2
STEP = "tools tree"

_LEFT_OUT = (
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/info/",
    "usr/share/locale/",
    "usr/share/lintian/",
    "usr/share/bash-completion/",
    "usr/share/zsh/",
    "var/",
    "dev/",
    "run/",
)
_ALIASED = ("bin/", "sbin/", "lib/", "lib64/")

# Parts of the standard library that no tool imports: compiling them would take as long as all the rest.
_NOT_COMPILED = r"/(test|tests|idlelib|lib2to3|tkinter|turtledemo|ensurepip|pydoc_data|config-[^/]*)/"


def make_tree(packages: PackageSet, debs: Mapping[Sha256, Path], root: Path, watch: events.Watch) -> None:
    """Make the tree of `packages` at `root`, which is not there yet. The caller holds the tree's lock."""
    for left in root.parent.glob(f".{root.name}.*"):
        shutil.rmtree(left, ignore_errors=True)
    watch(events.Started(STEP, len(packages.packages), "packages"))
    with files.work_folder(root.parent, root.name) as work:
        made = work / "made"
        made.mkdir()
        _merge_usr(made)
        _merge_usr(made / TARGET)
        _unpack_all(packages, debs, made, watch)
        _compile(made, packages.arch)
        _write_wrappers(made, packages.arch)
        for folder, _, names in os.walk(made):  # whatever the umask
            Path(folder).chmod(0o755)
            for name in names:
                if name.endswith(".pyc"):
                    Path(folder, name).chmod(0o644)
        # thousands of files: one sync of the whole costs less than one of each, and without any a power cut could
        # leave a tree of empty files under its final name
        os.sync()
        made.rename(root)
        files.sync_folder(root.parent)


def _merge_usr(root: Path) -> None:
    """The top of a merged-/usr system: `bin sbin lib lib64` are links into `usr`."""
    for alias in _ALIASED:
        (root / "usr" / alias).mkdir(parents=True)
        (root / alias.rstrip("/")).symlink_to(f"usr/{alias.rstrip('/')}")


def _unpack_all(packages: PackageSet, debs: Mapping[Sha256, Path], root: Path, watch: events.Watch) -> None:
    # biggest first, or the last one runs alone; two threads, since lzma releases the interpreter's lock
    order = sorted(packages.packages, key=lambda p: (-p.size, p.sha256))
    with ThreadPoolExecutor(_WORKERS) as pool:
        jobs = [pool.submit(_unpack, p, debs[Sha256(p.sha256)], root) for p in order]
        try:
            for done, (package, job) in enumerate(zip(order, jobs, strict=True), start=1):
                job.result()
                watch(events.Advanced(STEP, done, package.name))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _unpack(package: Package, path: Path, root: Path) -> None:
    home = root / TARGET if package.name in TARGET_FILES else root
    with open_deb(path, Sha256(package.sha256)) as deb:
        for entry, contents in deb.data:
            place = f"usr/{entry.path}" if entry.path.startswith(_ALIASED) else entry.path
            # base-files ships the links of a merged /usr, which are there
            if f"{place}/".startswith(_LEFT_OUT) or f"{place}/" in _ALIASED:
                continue
            try:
                _place(entry, place, contents, home)
            except FileExistsError as error:
                raise VerificationError(
                    "tools-clash", f"{package.name} ships {place}, which another package of the tools ships too"
                ) from error


def _place(entry: Entry, place: str, contents: Iterator[bytes], home: Path) -> None:
    path = home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    match entry.kind:
        case Kind.DIRECTORY:
            path.mkdir(exist_ok=True)
        case Kind.FILE:
            with path.open("xb") as out:
                for piece in contents:
                    out.write(piece)
                os.fchmod(out.fileno(), 0o755 if entry.mode & 0o111 else 0o644)
        case Kind.SYMLINK:
            target = entry.target
            if target.startswith("/"):
                target = os.path.relpath(target, f"/{Path(place).parent}")
            path.symlink_to(target)
        case Kind.HARDLINK:
            origin = f"usr/{entry.target}" if entry.target.startswith(_ALIASED) else entry.target
            path.hardlink_to(home / origin)
        case _:
            raise VerificationError("tools-device", f"{place} is neither file, folder nor link")


def _compile(root: Path, arch: Arch) -> None:
    """Byte code for the tree's Python, once: checked by nothing, since the tree never changes (PEP 552)."""
    python = root / "usr/bin/python3"
    libraries = [p for p in ("usr/lib/python3", "usr/lib/python3.13") if (root / p).is_dir()]
    if not python.exists() or not libraries:
        return
    # relative to the tree, so that no path of this computer gets into the byte code
    argv = [*command(root, arch, python, "python3"), "-I", "-m", "compileall", "-q"]
    argv += ["--invalidation-mode", "unchecked-hash", "-x", _NOT_COMPILED, *libraries]
    proc.run("compile the tools' Python", argv, cwd=root, seconds=limits.PROGRAM_SECONDS)


def _write_wrappers(root: Path, arch: Arch) -> None:
    """A shell script of two lines for each program, which finds the tree by its own place."""
    home = root / WRAPPERS
    home.mkdir()
    for folder in FOLDERS[:2]:
        for file in sorted((root / folder).iterdir()):
            wrapper = home / file.name
            if wrapper.exists() or not file.is_file():
                continue
            try:
                words = command(root, arch, file, file.name)
            except AdamantError:
                continue  # a shell or Perl script: the tools have neither
            line = " ".join(_relative(word, root) for word in words)
            wrapper.write_text(f'#!/bin/sh\nT=${{0%/*}}/..; exec {line} "$@"\n')
            wrapper.chmod(0o755)


def _relative(word: str, root: Path) -> str:
    return '"' + word.replace(str(root), "$T") + '"'
