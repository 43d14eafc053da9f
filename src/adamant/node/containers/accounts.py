"""The account that an image's program runs as, looked up in the image's own files (passwd(5), group(5)).

They are read where the image's layers lie, without mounting them, and no link in them is followed: an image that puts a
link in the place of these files is refused. That a layer hides all of a lower layer's /etc cannot be seen without the
right to mount: then an account of the lower layer is found too.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.containerd import types_pb2

_NO_DEVICE = 0
"""The number of the device that stands for a file which a layer removes (Linux, overlayfs.rst)."""


class Account(NamedTuple):
    """Who a process is, by numbers. `groups` holds `gid` too."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def folders(mounts: Sequence[types_pb2.Mount]) -> list[Path]:
    """The folders of an image's layers, the topmost first, as a snapshotter of containerd says how to mount them."""
    found: list[Path] = []
    for mount in mounts:
        if mount.type != "overlay":
            found.append(Path(mount.source))
            continue
        options = dict(option.partition("=")[::2] for option in mount.options)
        listed = ":".join(options[name] for name in ("upperdir", "lowerdir") if name in options)
        found += [Path(part) for part in listed.split(":")]
    return found


def find(user: str, layers: Sequence[Path]) -> Account:
    """The account `user` (NAME, UID, NAME:GROUP or UID:GID; empty is root) of an image. Raises `image-account`."""
    name, _, group = user.partition(":")
    name = name or "0"
    accounts = list(_lines(layers, "passwd", 7))
    account = next((line for line in accounts if name in {line[0], line[2]}), None)
    if account is None and not name.isdigit():
        raise _unknown("account", name)
    uid, gid = (_number(account[2]), _number(account[3])) if account else (_number(name), 0)
    groups = list(_lines(layers, "group", 4))
    if group:
        of_group = next((line for line in groups if group in {line[0], line[2]}), None)
        if of_group is None and not group.isdigit():
            raise _unknown("group", group)
        gid = _number(of_group[2] if of_group else group)
    member = account[0] if account else ""
    others = {_number(line[2]) for line in groups if member and member in line[3].split(",")} - {gid}
    return Account(uid, gid, (gid, *sorted(others)))


def _unknown(what: str, name: str) -> AdamantError:
    return AdamantError("image-account", f"the image has no {what} {name[:80]}, which its program is to run as")


def _number(text: str) -> int:
    if not text.isdigit() or not text.isascii() or len(text) > 10 or int(text) >= 1 << 32:
        raise AdamantError("image-account", f"{text[:80]!r} is no number of an account")
    return int(text)


def _lines(layers: Sequence[Path], name: str, fields: int) -> Iterator[list[str]]:
    for line in _read(layers, name).decode("utf-8", "replace").splitlines():
        parts = line.split(":")
        if len(parts) == fields:
            yield parts


def _read(layers: Sequence[Path], name: str) -> bytes:
    """A file below /etc of the image: that of the topmost layer which has it or removes it."""
    for layer in layers:
        try:
            etc = os.open(layer / "etc", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError as error:  # a link, a file, or what stands for something that is removed
            if _removed(layer / "etc"):
                return b""
            raise AdamantError("image-account", "the image's /etc is no folder") from error
        try:
            return _file(etc, name)
        except FileNotFoundError:
            continue
        finally:
            os.close(etc)
    return b""


def _file(folder: int, name: str) -> bytes:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISCHR(found.st_mode) and found.st_rdev == _NO_DEVICE:
        return b""
    if not stat.S_ISREG(found.st_mode) or found.st_size > limits.IMAGE_ACCOUNTS_SIZE:
        raise AdamantError("image-account", f"the image's /etc/{name} is no file, or too large")
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with open(fd, "rb") as source:  # noqa: PTH123 - there is no path
        return source.read(limits.IMAGE_ACCOUNTS_SIZE)


def _removed(path: Path) -> bool:
    found = path.lstat()
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == _NO_DEVICE
