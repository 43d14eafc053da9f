"""The partitions that an update writes to. The interface is small, so that tests can cut the power behind it."""

import os
from pathlib import Path
from typing import Protocol

from adamant.core.source import Source
from adamant.model.errors import AdamantError


class Device(Protocol):
    """A partition. What was written is safe only after `flush`."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes at `offset`, or fewer at the end."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        ...

    def flush(self) -> None:
        """Make what was written durable."""
        ...


class BlockDevice:
    """A partition of a disk, or a file, opened for writing."""

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            self.size = os.lseek(self._fd, 0, os.SEEK_END)
        except OSError as error:
            raise AdamantError("slot-device", f"cannot open {path}: {error.strerror}") from error

    def read(self, offset: int, length: int) -> bytes:
        """As the protocol says. Raises AdamantError `slot-read`."""
        try:
            return os.pread(self._fd, length, offset)
        except OSError as error:
            raise AdamantError("slot-read", f"the disk gives nothing at byte {offset}: {error.strerror}") from error

    def write(self, offset: int, data: bytes) -> None:
        """As the protocol says. Raises AdamantError `slot-write`."""
        view = memoryview(data)
        try:
            while view:
                done = os.pwrite(self._fd, view, offset)
                view, offset = view[done:], offset + done
        except OSError as error:
            raise AdamantError("slot-write", f"the disk refuses a write at byte {offset}: {error.strerror}") from error

    def flush(self) -> None:
        """As the protocol says. Raises AdamantError `slot-write`."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise AdamantError("slot-write", f"the disk did not keep what was written: {error.strerror}") from error

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)


class Slot:
    """A slot: its data and its tree. `label` is usr-a or usr-b."""

    def __init__(self, label: str, data: Device, tree: Device) -> None:
        self.label = label
        self.data = data
        self.tree = tree


def source(name: str, device: Device) -> Source:
    """A device as bytes to read."""
    return Source(name, device.size, device.read)
