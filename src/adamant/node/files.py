"""Files of the machine: listing and reading, for people who have no shell here.

What holds: no path leads past a symbolic link to where the policy would have said no, since each step is opened from
the folder before it without following links, and links are resolved here; nothing but a regular file is opened for
reading, so no pipe waits and no device acts; and what is secret by its place, by its mode or by its contents is not
given.
"""

import os
import re
import stat
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from io import RawIOBase
from pathlib import Path
from typing import NamedTuple

from adamant.api import logs_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError

SECRET: dict[str, str] = {
    "/.adamant": "holds what is below /etc once more, secrets among it",
    "/efi/loader/credentials": "credentials of the machine",
    "/etc/gshadow": "hashes of passwords",
    "/etc/gshadow-": "hashes of passwords",
    "/etc/shadow": "hashes of passwords",
    "/etc/shadow-": "hashes of passwords",
    "/proc/kcore": "the memory of the kernel",
    "/run/adamant/config": "digests of files of the config, secrets among them",
    "/run/adamant/containerd": "passwords of registries",
    "/run/adamant/containers": "variables of containers, secrets among them",
    "/run/adamant/etc": "files of the config, secrets among them: what is to be read is below /etc",
    "/run/adamant/host-containers": "variables of containers, secrets among them",
    "/run/containerd": "variables of containers, secrets among them",
    "/run/credentials": "credentials of services",
    "/run/credstore": "credentials of services",
    "/run/host-containerd": "variables of containers, secrets among them",
    "/run/host/credentials": "credentials of the machine",
    "/run/secrets": "secrets",
    "/run/userdb": "hashes of passwords",
    "/state/adamant/config": "configs with their secrets: adamant node config shows them masked",
    "/state/adamant/identity": "the key of this machine",
    "/state/secrets": "secrets",
    "/sys/firmware/dmi": "holds credentials that the machine was started with",
    "/sys/firmware/qemu_fw_cfg": "holds credentials that the machine was started with",
    "/var/lib/containerd/io.containerd.metadata.v1.bolt": "variables of containers, secrets among them",
    "/var/lib/host-containerd/io.containerd.metadata.v1.bolt": "variables of containers, secrets among them",
    "/var/lib/kubelet/pki": "keys of Kubernetes",
    "/var/lib/kubelet/pods": "volumes of pods, secrets among them",
    "/var/lib/systemd/credential.secret": "the key of encrypted credentials",
    "/var/lib/systemd/random-seed": "seeds the random numbers of the next boot",
}
"""What is never given, with the reason: each place and all that is below it."""

_OF_KERNEL = ("/proc/", "/sys/")
"""Here a mode that leaves out everybody but root says that a file is of no use to others, not that it is secret."""
_OF_PROCESS = "environ|mem|maps|smaps|auxv|stack|syscall|fd|root|cwd"
_PROCESS = re.compile(rf"/proc/([0-9]+|self|thread-self)/(task/[0-9]+/)?({_OF_PROCESS})")
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_KEY_LINE = 64
_LINKS = 16
_TYPES = {
    stat.S_IFREG: pb.FILE_TYPE_FILE,
    stat.S_IFDIR: pb.FILE_TYPE_FOLDER,
    stat.S_IFLNK: pb.FILE_TYPE_LINK,
}


class _Place(NamedTuple):
    """An open file, by O_PATH, and where it really is."""

    fd: int
    path: str


def secret(path: str) -> str:
    """Why what is at the real path `path` is not given; empty when it may be."""
    for place, why in SECRET.items():
        if path == place or path.startswith(f"{place}/"):
            return why
    return "the memory or environment of a process" if _PROCESS.match(path) else ""


def _private(path: str, found: os.stat_result) -> str:
    """Why a file is not given whose owner alone may read it, as secrets of a config are; empty when it may be."""
    alone = stat.S_ISREG(found.st_mode) and not found.st_mode & 0o077
    return "its owner alone may read it" if alone and not path.startswith(_OF_KERNEL) else ""


def _absolute(path: str) -> list[str]:
    if not path.startswith("/") or "\0" in path or len(path) > limits.PATH_LENGTH:
        raise InputError("path-not-absolute", f"not an absolute path: {path[:120]!r}")
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise InputError("path-not-absolute", f"a path with .. in it: {path[:120]!r}")
    return parts


@contextmanager
def _open(root: Path, path: str) -> Iterator[_Place]:
    """Find `path`, resolving links within `root`. Raises AdamantError `file-missing` or `file-refused`."""
    parts, links = _absolute(path), 0
    walked: list[str] = []
    fds = [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        while parts:
            part = parts.pop(0)
            if part == "..":
                if walked:
                    walked.pop()
                    os.close(fds.pop())
                continue
            here = "/" + "/".join([*walked, part])
            _refuse(here, secret(here))
            fd = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fds[-1])
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                fds.append(fd)
                walked.append(part)
                continue
            target = os.readlink("", dir_fd=fd)
            os.close(fd)
            links += 1
            if links > _LINKS:
                raise InputError("file-missing", f"{path}: too many links")
            if target.startswith("/"):
                while walked:
                    walked.pop()
                    os.close(fds.pop())
            parts = [p for p in target.split("/") if p not in {"", "."}] + parts
        yield _Place(fds[-1], "/" + "/".join(walked))
    except OSError as error:
        raise InputError("file-missing", f"{path}: {error.strerror}") from error
    finally:
        for fd in fds:
            os.close(fd)


def _refuse(path: str, why: str) -> None:
    if why:
        raise AdamantError("file-refused", f"{path} is not given: {why}")


def read(request: pb.ReadRequest, root: Path) -> Iterator[pb.Chunk]:
    """The answer to Read."""
    left = min(request.length or limits.FILE_READ, limits.FILE_READ)
    with _open(root, request.path) as place:
        there = os.fstat(place.fd)
        if not stat.S_ISREG(there.st_mode):
            raise InputError("file-not-regular", f"{request.path} is no regular file", hint="adamant node ls shows it")
        _refuse(place.path, _private(place.path, there))
        # The file itself is opened, whatever its name means by now.
        fd = os.open(f"/proc/self/fd/{place.fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb", buffering=0) as source:  # noqa: PTH123 - there is no path
        before = source.read(limits.KEYS_SOUGHT) or b""
        _refuse_key(request.path, before)
        pieces, before = _pieces(source, before, request.offset), b""
        while left and (data := next(pieces, b"")[:left]):
            _refuse_key(request.path, before[-_KEY_LINE:] + data)
            yield pb.Chunk(data=data)
            left -= len(data)
            before = data


def _pieces(source: RawIOBase, head: bytes, offset: int) -> Iterator[bytes]:
    """What `source` holds from `offset` on; `head` was read of it. Variables of the firmware know no other order."""
    if source.seekable():
        source.seek(offset)
    else:
        yield from filter(None, [head[offset:]])
        skipped = len(head)
        while skipped < offset and (data := source.read(min(offset - skipped, limits.FILE_CHUNK))):
            skipped += len(data)
    while data := source.read(limits.FILE_CHUNK):
        yield data


def _refuse_key(path: str, data: bytes) -> None:
    if _KEY.search(data):
        raise AdamantError("file-refused", f"{path} is not given: it holds a private key")


def list_(request: pb.ListRequest, root: Path) -> Iterator[pb.FileEntry]:
    """The answer to List: a folder's files by name, each folder before what is in it."""
    depth = min(max(request.depth, 1), limits.LIST_DEPTH)
    count = 0
    with _open(root, request.path) as place:
        if not stat.S_ISDIR(os.fstat(place.fd).st_mode):
            yield _entry(place.path, os.fstat(place.fd), "")
            return
        with closing(_below(place, depth)) as found:
            for entry in found:
                count += 1
                if count > limits.FILES_LISTED:
                    most = limits.FILES_LISTED
                    raise AdamantError("list-limit", f"the limit of {most} files in one listing is reached")
                yield entry


def _below(place: _Place, depth: int) -> Generator[pb.FileEntry, None, None]:
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place.fd)
    try:
        with os.scandir(fd) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            path = f"{place.path.rstrip('/')}/{name}"
            try:
                below = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            except OSError as error:
                yield pb.FileEntry(path=_plain(path), refused=error.strerror or "")
                continue
            try:
                found = os.fstat(below)
                link = os.readlink("", dir_fd=below) if stat.S_ISLNK(found.st_mode) else ""
                yield _entry(path, found, link)
                if depth > 1 and stat.S_ISDIR(found.st_mode) and not secret(path):
                    try:
                        yield from _below(_Place(below, path), depth - 1)
                    except OSError as error:
                        yield pb.FileEntry(path=_plain(path), refused=error.strerror or "")
            finally:
                os.close(below)
    finally:
        os.close(fd)


def _entry(path: str, found: os.stat_result, target: str) -> pb.FileEntry:
    return pb.FileEntry(
        path=_plain(path),
        type=_TYPES.get(stat.S_IFMT(found.st_mode), pb.FILE_TYPE_SPECIAL),
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size,
        modified_usec=found.st_mtime_ns // 1000,
        target=_plain(target),
        refused=secret(path) or _private(path, found),
    )


def _plain(path: str) -> str:
    """A name as text: bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")
