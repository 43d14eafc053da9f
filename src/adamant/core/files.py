"""Files: atomic writes, locks, digests. Nothing else writes state."""

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adamant.core import limits
from adamant.model.digest import Sha256
from adamant.model.errors import AdamantError, BusyError, InputError

_CHUNK = 1 << 20
_ZEROS = memoryview(bytes(_CHUNK))
_NOT_BY_KERNEL = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
"""Why copy_file_range(2) may refuse what a plain copy can do: other file systems, or one that does not know it."""


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_atomic(path: Path, data: bytes, mode: int = 0o644, *, durable: bool = True) -> None:
    """Write `data` to `path`, wholly or not at all: temporary file, fsync, rename, fsync of the folder.

    `mode` is exact, whatever the umask. What can be made again at any time need not be `durable`: each fsync makes
    the disk write everything that a build has written before it.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as out:
            out.write(data)
            out.flush()
            os.fchmod(out.fileno(), mode)
            if durable:
                os.fsync(out.fileno())
        temporary.rename(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise write_failed(path, error) from error
    if durable:
        sync_folder(path.parent)


def write_new(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write `data` to `path`, wholly or not at all, and never over a file that is there.

    `mode` is exact from the file's first moment on. Raises InputError file-exists.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    write_atomic(temporary, data, mode)
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise InputError("file-exists", f"{path} exists already, and is not overwritten") from error
    except OSError as error:
        raise write_failed(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def telling_full_disks(folder: Path) -> Iterator[None]:
    """Name a full disk as the reason when a write into `folder`, or a program that writes there, fails.

    A tool says this in words of its own, or not at all, so the room that is left is looked at.
    """
    try:
        yield
    except OSError as error:
        raise write_failed(folder.parent, error) from error
    except AdamantError as error:
        if error.reference != "disk-full" and _room(folder) < limits.FULL_DISK_BYTES:
            raise write_failed(folder.parent, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) from error
        raise


def _room(folder: Path) -> int:
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


def write_failed(path: Path, error: OSError) -> AdamantError:
    """The error for a write that the system refused."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return AdamantError(
        "disk-full" if full else "write-failed",
        f"cannot write {path.name}: {error.strerror or error}",
        context=f"in {path.parent}",
        hint="free some space and run the command again: nothing was left half done" if full else "",
    )


def read_limited(path: Path, limit: int, what: str) -> bytes:
    """The bytes of a file of at most `limit` bytes; `what` names it in errors ("definition")."""
    try:
        with path.open("rb") as source:
            data = source.read(limit + 1)
    except FileNotFoundError as error:
        raise InputError("file-missing", f"there is no {what} at {path}") from error
    except OSError as error:
        raise InputError("file-unreadable", f"cannot read the {what} {path}: {error.strerror}") from error
    if len(data) > limit:
        raise InputError("file-too-large", f"the {what} {path} is larger than {limit} bytes")
    return data


def sha256_file(path: Path) -> Sha256:
    """SHA-256 of a file. Holes are hashed without being read."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as source:
        size = os.fstat(source.fileno()).st_size
        position = 0
        while position < size:
            try:
                data = os.lseek(source.fileno(), position, os.SEEK_DATA)
            except OSError:  # nothing but a hole to the end (ENXIO)
                data = size
            _hash_zeros(digest, data - position)
            if data < size:
                end = os.lseek(source.fileno(), data, os.SEEK_HOLE)
                source.seek(data)
                while data < end and (chunk := source.read(min(_CHUNK, end - data))):
                    digest.update(chunk)
                    data += len(chunk)
                if data < end:
                    raise OSError(errno.EIO, f"{path.name} shrank while it was read")
            position = data
    return Sha256(digest.hexdigest())


def _hash_zeros(digest: "hashlib._Hash", count: int) -> None:
    while count > 0:
        digest.update(_ZEROS[: min(count, _CHUNK)])
        count -= _CHUNK


@contextmanager
def locked(path: Path, what: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock file `path` (flock, released by the kernel when the process dies).

    With `wait` off, a lock that somebody else holds is a BusyError that names `what`. Raises AdamantError `disk-full`
    or `write-failed` when its file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise write_failed(path, error) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise BusyError("locked", f"{what} is in use by another process") from error
        yield
    finally:
        os.close(fd)


@contextmanager
def work_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A fresh folder in `parent`, removed at the end, whatever happens."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / f".{prefix}.{secrets.token_hex(6)}"
    folder.mkdir(mode=0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_range(source: Path, target: Path, offset: int = 0) -> None:
    """Copy all of `source` into the existing file `target` from `offset` on, keeping the holes of `source`.

    The kernel shares the blocks where the file system can (copy_file_range).
    """
    with source.open("rb") as reader, target.open("r+b") as writer:
        size = os.fstat(reader.fileno()).st_size
        position = 0
        while position < size:
            try:
                start = os.lseek(reader.fileno(), position, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return  # nothing but a hole is left
                raise
            end = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
            while start < end:
                done = _copy(reader.fileno(), writer.fileno(), end - start, start, offset + start)
                if done == 0:
                    raise OSError(errno.EIO, "the file became shorter while it was copied", str(source))
                start += done
            position = end


def _copy(source: int, target: int, count: int, start: int, at: int) -> int:
    """Copy up to `count` bytes from `start` of one open file to `at` of another; how many were copied."""
    try:
        return os.copy_file_range(source, target, count, start, at)
    except OSError as error:
        if error.errno not in _NOT_BY_KERNEL:
            raise
    os.lseek(target, at, os.SEEK_SET)
    return os.sendfile(target, source, start, count)


def copy_file(source: Path, target: Path) -> None:
    """Copy `source` to the new file `target`, keeping holes; the kernel shares blocks where the file system can."""
    with target.open("xb") as out:
        out.truncate(source.stat().st_size)
    copy_range(source, target)
