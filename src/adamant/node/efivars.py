"""EFI variables (UEFI specification, 8.2; systemd's Boot Loader Interface), as efivarfs shows them.

A variable's file holds four bytes of attributes, then the value. What is not there, or not of its form, is None: a
machine need not have been started by UEFI, and a variable's bytes are the firmware's word, not ours.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adamant.api import node_pb2 as pb
from adamant.core import limits

FOLDER = "sys/firmware/efi/efivars"
GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
LOADER = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10
"""FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and FS_IMMUTABLE_FL (linux/fs.h)."""
_COUNTER = re.compile(r"\+[0-9]+(-[0-9]+)?(?=\.efi$)", re.IGNORECASE)


def parse_text(data: bytes) -> str | None:
    """The text of a variable's file: UTF-16, little endian, up to its first NUL."""
    value = data[4:]
    if len(data) < 4 or len(value) % 2:
        return None
    try:
        return value.decode("utf-16-le").partition("\0")[0]
    except UnicodeDecodeError:
        return None


def parse_flag(data: bytes) -> bool | None:
    """A variable of one byte that is 0 or 1."""
    return data[4] == 1 if len(data) == 5 and data[4] in (0, 1) else None


def read(root: Path, name: str, vendor: str) -> bytes:
    """The bytes of a variable's file; none when there is no such variable, or it is too large."""
    try:
        with (root / FOLDER / f"{name}-{vendor}").open("rb") as source:
            data = source.read(limits.EFI_VARIABLE_SIZE + 1)
    except OSError:
        return b""
    return data if len(data) <= limits.EFI_VARIABLE_SIZE else b""


def write(root: Path, name: str, vendor: str, attributes: int, value: bytes) -> None:
    """Give the firmware a value of a variable, in one piece. Raises OSError when it refuses (UEFI, 8.2: SetVariable).

    The kernel marks variables that a machine may need to start as immutable; the mark is taken away for the moment.
    """
    path = root / FOLDER / f"{name}-{vendor}"
    with _changeable(path):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(fd, attributes.to_bytes(4, "little") + value)
        finally:
            os.close(fd)


@contextmanager
def _changeable(path: Path) -> Iterator[None]:
    if not path.exists():
        yield
        return
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        flags = bytearray(8)
        fcntl.ioctl(fd, _GET_FLAGS, flags)
        mark = int.from_bytes(flags, "little")
        fcntl.ioctl(fd, _SET_FLAGS, (mark & ~_IMMUTABLE).to_bytes(8, "little"))
        try:
            yield
        finally:
            fcntl.ioctl(fd, _SET_FLAGS, mark.to_bytes(8, "little"))
    finally:
        os.close(fd)


def uki_name(path: str) -> str:
    """File name of a UKI from the path or the entry's name that the loader gives, without its boot counter."""
    return _COUNTER.sub("", re.split(r"[\\/]", path)[-1])


def uki(root: Path) -> str:
    """The UKI that was started: as its own stub says it, else as the loader does; empty when neither does."""
    for name in ("StubImageIdentifier", "LoaderEntrySelected"):
        text = parse_text(read(root, name, LOADER))
        if text:
            return uki_name(text)
    return ""


def secure_boot(root: Path) -> pb.SecureBoot:
    """What the firmware says of Secure Boot (UEFI specification, 3.3)."""
    enabled = parse_flag(read(root, "SecureBoot", GLOBAL))
    if enabled is None:
        return pb.SECURE_BOOT_UNSUPPORTED
    if enabled:
        return pb.SECURE_BOOT_ENABLED
    return pb.SECURE_BOOT_SETUP if parse_flag(read(root, "SetupMode", GLOBAL)) else pb.SECURE_BOOT_DISABLED
