"""Sources of own modules: from a folder or an archive of the definition to a plain folder that the sandbox may write.

Files and folders only: a link could lead a build elsewhere. Of an archive its SHA-256 is checked first; one top folder
is left out, as archives of releases have it. Whatever the archive holds, nothing is written outside of the new folder.
"""

import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterator
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from adamant.core import files, limits
from adamant.model.digest import Identity, identity, sha256
from adamant.model.errors import InputError
from adamant.model.kernel.definition import Module

_MAKEFILES = ("Kbuild", "Makefile")
_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz")
File = tuple[str, int, bytes]
"""A file: its path, its mode (0o644 or 0o755), its contents."""


def digest(module: Module, folder: Path) -> Identity:
    """Identity of the source of a module of the definition in `folder`. Raises InputError."""
    listed = [[path, mode, sha256(data)] for path, mode, data in read(module, folder)]
    return identity("kernel-module", {"files": sorted(listed)})


def stage(module: Module, folder: Path, target: Path) -> None:
    """Write the source of a module into the new folder `target`. Raises InputError, or the error of a failed write."""
    write(read(module, folder), target)


def write(found: list[File], target: Path) -> None:
    """Write files below the new folder `target`. Raises the error of a failed write."""
    target.mkdir(parents=True)
    for path, mode, data in found:
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        place.chmod(mode)


def read(module: Module, folder: Path) -> list[File]:
    """The files of a module's source, by path. Raises InputError kernel-module-source and kernel-module-digest."""
    place = folder / str(module.source)
    if place.is_dir():
        if module.sha256:
            raise _wrong(module, "is a folder, and only an archive has a sha256")
        found = list(_of_folder(module, place))
    else:
        found = _of_archive(module, place)
    if not any(path in _MAKEFILES for path, _, _ in found):
        raise _wrong(module, f"has neither {' nor '.join(_MAKEFILES)} at its top")
    return sorted(found)


def _wrong(module: Module, why: str) -> InputError:
    return InputError("kernel-module-source", f"the source of the module {module.name} ({module.source}) {why}")


def _of_folder(module: Module, place: Path) -> Iterator[File]:
    left = limits.KERNEL_MODULE_SOURCE
    count = 0
    for home, names, plain in os.walk(place):
        for name in [*names, *plain]:
            path = Path(home, name)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise _wrong(module, f"holds {path.relative_to(place)}, which is neither file nor folder")
        for name in plain:
            path = Path(home, name)
            data = files.read_limited(path, left, "source of a module")
            left -= len(data)
            count += 1
            if count > limits.KERNEL_MODULE_FILES:
                raise _wrong(module, f"has more than {limits.KERNEL_MODULE_FILES} files")
            yield path.relative_to(place).as_posix(), 0o755 if path.stat().st_mode & 0o100 else 0o644, data


def _of_archive(module: Module, place: Path) -> list[File]:
    data = files.read_limited(place, limits.KERNEL_MODULE_SOURCE, f"source of the module {module.name}")
    if not place.name.endswith(_SUFFIXES):
        raise _wrong(module, f"is neither a folder nor an archive ({', '.join(_SUFFIXES)})")
    there = hashlib.sha256(data).hexdigest()
    if there != module.sha256:
        raise InputError(
            "kernel-module-digest",
            f"the archive {module.source} is not the one of the definition",
            context=f"wanted: {module.sha256 or 'no sha256 is given'}\nthere:  {there}",
            hint="take the archive from where it came from, or write its sha256 into the definition",
        )
    try:
        return unpack(module, data)
    except (tarfile.TarError, EOFError, LZMAError, zlib.error, OSError, ValueError, OverflowError) as error:
        raise _wrong(module, f"cannot be read: {error}") from error


def unpack(module: Module, data: bytes) -> list[File]:
    """The files of an archive, with one top folder left out."""
    found: list[File] = []
    left = limits.KERNEL_MODULE_SOURCE
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            parts = PurePosixPath(member.name).parts
            if member.name.startswith("/") or ".." in parts or "\0" in member.name:
                raise _wrong(module, f"holds the path {member.name[:80]!r}")
            if member.isdir() or not parts:
                continue
            if not member.isfile():
                raise _wrong(module, f"holds {member.name[:80]!r}, which is neither file nor folder")
            left -= member.size
            if left < 0 or len(found) >= limits.KERNEL_MODULE_FILES:
                raise _wrong(module, "is larger than the source of a module may be")
            source = archive.extractfile(member)
            mode = 0o755 if member.mode & 0o100 else 0o644
            found.append(("/".join(parts), mode, source.read() if source else b""))
    tops = {path.split("/")[0] for path, _, _ in found}
    if len(tops) == 1 and all("/" in path for path, _, _ in found):
        found = [(path.split("/", 1)[1], mode, contents) for path, mode, contents in found]
    paths = [path for path, _, _ in found]
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    if len(set(paths)) != len(paths) or folders & set(paths):
        raise _wrong(module, "has a path twice")
    return found
