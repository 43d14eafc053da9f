"""Bytes of an image that are read where they lie: a file, a part of one, or what a disk format makes of one.

Every reader of foreign images takes a `Source`. It never gives more than was asked for, and what lies beyond the end is
an error of the image, not of the reader. Imports model and core only.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adamant.core import limits
from adamant.model.errors import InputError, VerificationError

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """`size` bytes; `read(offset, length)` gives as many as there are from `offset` on. `name` is for errors.

    Where they stand in one piece in a file, that is `file`, from `start` on, so that a program can read them too.
    """

    name: str
    size: int
    read: Callable[[int, int], bytes]
    file: Path | None = None
    start: int = 0

    def exactly(self, offset: int, length: int) -> bytes:
        """`length` bytes at `offset`. Raises VerificationError image-cut-short."""
        data = self.read(offset, length) if 0 <= offset <= self.size and 0 <= length <= self.size - offset else b""
        if len(data) != length:
            raise VerificationError(
                "image-cut-short", f"{self.name} ends before byte {offset + length}", hint="is the file whole?"
            )
        return data

    def part(self, name: str, offset: int, size: int) -> "Source":
        """The part of `size` bytes at `offset`, which must lie inside."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise VerificationError("image-cut-short", f"{name} does not lie inside of {self.name}")

        def read(at: int, length: int) -> bytes:
            return self.read(offset + at, min(length, max(0, size - at)))

        return Source(name, size, read, self.file, self.start + offset)

    def chunks(self, offset: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset` to `end` in pieces of at most 1 MiB."""
        end = self.size if end is None else end
        while offset < end:
            data = self.exactly(offset, min(_CHUNK, end - offset))
            offset += len(data)
            yield data


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """The bytes of the file at `path`, which must be a regular file of at most IMAGE_SIZE bytes."""
    try:
        # A pipe or device under the name of an image must not make the reader wait.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise InputError("image-missing", f"there is nothing at {path}") from error
    except OSError as error:
        raise InputError("image-unreadable", f"cannot read {path}: {error.strerror}") from error
    try:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            raise InputError("image-unreadable", f"{path} is not a file")
        if state.st_size > limits.IMAGE_SIZE:
            raise InputError("image-unreadable", f"{path} has more than {limits.IMAGE_SIZE} bytes")
        yield Source(path.name, state.st_size, lambda offset, length: os.pread(fd, length, offset), path)
    finally:
        os.close(fd)
