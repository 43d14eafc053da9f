"""Wiping, as the request says. Every step can be done again, and the request goes last.

/var's file system is made anew by mkfs: half of one is made again at the next boot, before anybody checks or mounts it.
The state partition holds the request itself, so its files go one by one, the request last, and then what they left in
the free blocks is overwritten. What lies in one folder of /var is removed on a mount that nobody else sees.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from adamant.core import files, limits, proc
from adamant.model.errors import AdamantError
from adamant.node import encryption
from adamant.node.reset import request as requests

_VAR = "dev/disk/by-partlabel/var"
_VAR_OPENED = "dev/mapper/var"
_LEFT = "lost+found"
_ZEROS = bytes(1 << 20)

Say = Callable[[str], object]


def carry_out(state: Path, var_device: Path | None, say: Say) -> None:
    """Do what the request on the state partition says; nothing when there is none.

    `var_device` is None where /var has no partition of its own: what lies there is for adamant.node.reset.root.

    Raises AdamantError when something could not be wiped; the request stays then.
    """
    items = requests.read(state)
    if items is None:
        return
    for item in items:
        say(f"reset: wiping {item.path} ({item.description})")
    folders = [item.path for item in items if not item.whole and item.path.startswith("/var/")]
    if var_device is None:
        folders = []
    elif any(item.whole and item.path == "/var" for item in items):
        make_var(var_device)
    elif folders:
        with _mounted(var_device) as var:
            for folder in folders:
                empty(var / folder.removeprefix("/var/"))
    for item in items:
        if item.path.startswith("/state/"):
            empty(state / item.path.removeprefix("/state/"))
    on_state = [item for item in items if item.path.startswith("/state")]
    if any(item.whole and item.path == "/state" for item in items):
        empty(state, keep=requests.FILE)
    if on_state:
        overwrite_free(state)
    with _telling(state):
        (state / requests.FILE).unlink()
        files.sync_folder((state / requests.FILE).parent)
    say("reset: all of it is done")


def var_device(root: Path) -> Path:
    """What /var's file system lies on: the partition, or what an encrypted one was opened as."""
    return root / (_VAR_OPENED if encryption.wanted(root) else _VAR)


def make_var(device: Path) -> None:
    """A fresh file system on the partition, as systemd-repart makes it at a first boot."""
    argv: list[proc.Argument] = ["/usr/sbin/mkfs.ext4", "-q", "-F", "-L", "var", "-I", "256", "-m", "0", "-b", "4096"]
    argv += ["-E", "discard,lazy_itable_init=1", device]
    proc.run("make the file system of /var anew", argv, seconds=limits.PROGRAM_SECONDS)


def empty(folder: Path, keep: str = "") -> None:
    """Remove what lies in `folder`, but not itself, nor the file `keep` below it. A link is removed, never followed."""
    with _telling(folder):
        if folder.is_symlink() or not folder.is_dir():
            folder.unlink(missing_ok=True)
            return
        first, _, rest = keep.partition("/")
        for entry in sorted(folder.iterdir()):
            if entry.name == _LEFT and entry.is_dir():
                continue
            if rest and entry.name == first:
                empty(entry, rest)
            elif entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != first:
                entry.unlink()
        files.sync_folder(folder)


def overwrite_free(folder: Path) -> None:
    """Fill the free blocks of a small file system with zeros, so that what was removed cannot be read from the disk."""
    path = folder / ".overwriting"
    with _telling(folder):
        path.unlink(missing_ok=True)
        os.sync()  # the journal lets go of removed blocks
        try:
            with path.open("wb", buffering=0) as out, contextlib.suppress(OSError):  # until the disk is full
                while out.write(_ZEROS):
                    pass
            fd = os.open(path, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        finally:
            path.unlink(missing_ok=True)
            files.sync_folder(folder)


@contextlib.contextmanager
def _mounted(device: Path) -> Iterator[Path]:
    """The file system on `device`, at a place of this process's own."""
    where = Path("/run/adamant/reset")
    where.mkdir(parents=True, exist_ok=True)
    proc.run("check /var", ["/usr/sbin/fsck.ext4", "-p", device], check=False)
    proc.run("mount /var for a reset", ["/usr/bin/mount", "-t", "ext4", "-o", "nodev,nosuid,noexec", device, where])
    try:
        yield where
    finally:
        proc.run("unmount /var after a reset", ["/usr/bin/umount", where])


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AdamantError("reset-failed", f"cannot wipe {path}: {error.strerror or error}") from error
