"""The reset of a root that is on disk: what lies there goes, but for what is kept.

The request lies on that disk. The initrd finds it there, and then starts nothing but adamant-reset-root.service, with
an /etc that is the release's alone: no file of the disk is in use, and nothing that somebody left there runs. Each step
can be done again, and the request goes last, so a power cut anywhere leads to a boot that goes on with it.
"""

import contextlib
import fcntl
import json
import os
import shutil
import stat
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from adamant.core import files, limits
from adamant.model.errors import AdamantError, InputError
from adamant.node.reset.keep import Keep

KEPT = ".adamant"
"""Adamant's own folder on that disk."""
REQUEST = f"{KEPT}/asked/reset.json"
WIPED = (
    *("/", "/var", "/var/log", "/var/lib/systemd/pstore"),
    *("/var/lib/containerd", "/var/lib/host-containerd", "/var/lib/cni"),
)
"""What a request may name: folders, of which the contents go."""
FOLDERS = frozenset(
    {
        *("/dev", "/efi", "/etc", "/lost+found", "/media", "/mnt", "/proc", "/root"),
        *("/run", "/state", "/sys", "/tmp", "/usr", "/var", "/var/tmp"),  # noqa: S108 - names alone
    }
)
"""Folders that each machine has (image/init/mounts.c): they are emptied, and stay."""
LINKS: Mapping[str, str] = {
    "/bin": "usr/bin",
    "/sbin": "usr/sbin",
    "/lib": "usr/lib",
    "/lib64": "usr/lib64",
    "/home": "var/home",
    "/opt": "var/opt",
    "/srv": "var/srv",
}
"""Links that each machine has."""

_FLAGS = 0x10 | 0x20
"""FS_IMMUTABLE_FL and FS_APPEND_FL (ioctl_iflags(2)): with them, not even root can remove a file."""
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602

Say = Callable[[str], object]


class Request(NamedTuple):
    """What is wiped, of WIPED, and the expressions of what is kept."""

    wipe: tuple[str, ...]
    keep: tuple[str, ...]


class Going(NamedTuple):
    """A path that goes with all that is in it: at least `size` bytes, and `more` where it could not be looked into."""

    path: str
    size: int
    more: bool


class Preview(NamedTuple):
    """What a request does: what goes, what stays because of it, and whether there is more of either."""

    goes: tuple[Going, ...]
    kept: tuple[str, ...]
    more: bool


def encode(request: Request) -> bytes:
    """The request as its file holds it."""
    return json.dumps({"version": 1, "wipe": request.wipe, "keep": request.keep}).encode() + b"\n"


def decode(data: bytes) -> Request:
    """The request in a file. Raises AdamantError `reset-request` for one that is not of its form."""
    try:
        value = json.loads(data)
        wipe, keep = value["wipe"], value["keep"]
        if value["version"] != 1 or not isinstance(wipe, list) or not isinstance(keep, list) or not wipe:
            raise ValueError("another form")
        if any(path not in WIPED for path in wipe) or not all(isinstance(pattern, str) for pattern in keep):
            raise ValueError("another path")
        Keep(keep)
    except (ValueError, LookupError, TypeError, RecursionError, InputError) as error:
        raise AdamantError("reset-request", "the request of a reset cannot be read: nothing is wiped") from error
    return Request(tuple(wipe), tuple(keep))


def write(root: Path, request: Request) -> None:
    """Ask for a reset at the next boot of the machine below `root`."""
    files.write_atomic(root / REQUEST, encode(request), 0o600)


def read(root: Path) -> Request | None:
    """What is asked for; None when nothing is. Raises AdamantError `reset-request`."""
    if not (root / REQUEST).exists():
        return None
    return decode(files.read_limited(root / REQUEST, limits.RESET_REQUEST_SIZE, "request of a reset"))


def forget(root: Path) -> None:
    """Take the request away."""
    with _telling(root / REQUEST):
        (root / REQUEST).unlink(missing_ok=True)
        files.sync_folder((root / REQUEST).parent)


class _Disk:
    """The file system of `/`: where each path lies, and what is no part of it."""

    def __init__(self, root: Path, keep: Sequence[str]) -> None:
        self.root = root
        self._keep = Keep(keep)
        self._device = root.stat().st_dev

    def place(self, path: str) -> Path:
        """Where what is seen at `path` lies: /etc is an overlay, whose upper layer is in our own folder."""
        inside = path == "/etc" or path.startswith("/etc/")
        return self.root / KEPT / path[1:] if inside else self.root / path[1:]

    def below(self, path: str) -> list[str]:
        """Paths of what is in the folder `path`."""
        base = "" if path == "/" else path
        names = sorted(inner.name for inner in self.place(path).iterdir())
        return [f"{base}/{name}" for name in names if not (path == "/" and name == KEPT)]

    def kept(self, path: str) -> bool:
        """Whether `path` is to stay, by its own name or by that which a link of each machine gives it (/home/mary)."""
        if self._keep.fits(path):
            return True
        links = {link: f"/{target}" for link, target in LINKS.items() if target.startswith("var/")}
        return any(
            self._keep.fits(f"{link}{path.removeprefix(target)}")
            for link, target in links.items()
            if path == target or path.startswith(f"{target}/")
        )

    def foreign(self, found: os.stat_result) -> bool:
        """Whether something belongs to another file system, which is mounted there."""
        return found.st_dev != self._device

    def part_of_every_machine(self, path: str, found: os.stat_result) -> bool:
        """Whether a machine cannot do without it."""
        if stat.S_ISLNK(found.st_mode):
            return path in LINKS and str(self.place(path).readlink()) == LINKS[path]
        return path in FOLDERS and stat.S_ISDIR(found.st_mode)


def preview(root: Path, request: Request) -> Preview:
    """What `request` would do, as far as it can be seen. Raises InputError `reset-keep`."""
    looking = _Looking(_Disk(root, request.keep))
    for path in request.wipe:
        with contextlib.suppress(OSError):
            for inner in looking.disk.below(path):
                looking.add(inner)
    goes, kept = sorted(looking.goes), sorted(looking.kept)
    cut = max(len(goes), len(kept)) > limits.RESET_ITEMS or looking.left <= 0
    return Preview(tuple(goes[: limits.RESET_ITEMS]), tuple(kept[: limits.RESET_ITEMS]), cut)


class _Looking:
    """A look at what goes and what stays, with a limit."""

    def __init__(self, disk: _Disk) -> None:
        self.disk = disk
        self.goes: list[Going] = []
        self.kept: list[str] = []
        self.left = limits.RESET_COUNT_ENTRIES

    def add(self, path: str) -> None:
        """Look at `path`, and note what of it goes."""
        whole = self._look(path, 0)
        if whole is not None:
            self.goes.append(whole)

    def _look(self, path: str, depth: int) -> Going | None:
        """`path` when all of it goes; otherwise None, and what goes in it is noted."""
        try:
            found = self.disk.place(path).lstat()
        except OSError:
            return None
        self.left -= 1
        if self.disk.foreign(found):
            return None
        if self.disk.kept(path):
            self.kept.append(path)
            return None
        size, more, stays = found.st_blocks * 512, False, self.disk.part_of_every_machine(path, found)
        inside: list[Going] = []
        if stat.S_ISDIR(found.st_mode):
            if self.left <= 0 or depth >= limits.RESET_DEPTH:
                more = True
            else:
                try:
                    for inner in self.disk.below(path):
                        one = self._look(inner, depth + 1)
                        stays = stays or one is None
                        inside += [one] if one else []
                except OSError:  # a folder of another user's, which the agent may not look into
                    more = True
        if stays:
            self.goes += inside
            return None
        return Going(path, size + sum(one.size for one in inside), more or any(one.more for one in inside))


def carry_out(root: Path, say: Say) -> None:
    """Do what the request on the disk of `root` says; nothing when there is none.

    Raises AdamantError `reset-failed` when something could not be removed; the request stays then.
    """
    try:
        request = read(root)
    except AdamantError:
        forget(root)
        raise
    if request is None:
        return
    disk = _Disk(root, request.keep)
    for path in request.wipe:
        say(f"reset: wiping {path}{', but for what is kept' if request.keep else ''}")
        with _telling(disk.place(path)):
            if disk.place(path).is_dir():
                for inner in disk.below(path):
                    _wipe(disk, inner, 0)
    os.sync()
    forget(root)
    say("reset: all of it is done")


def _wipe(disk: _Disk, path: str, depth: int) -> bool:
    """Remove what is at `path` but for what is kept. Returns whether anything stays."""
    place = disk.place(path)
    try:
        found = place.lstat()
    except FileNotFoundError:
        return False
    if disk.foreign(found) or disk.kept(path):
        return True
    stays = disk.part_of_every_machine(path, found)
    if not stat.S_ISDIR(found.st_mode):
        if not stays:
            _insist(place.unlink, place)
        return stays
    if depth >= limits.RESET_DEPTH:
        _insist(lambda: shutil.rmtree(place), place)
        return False
    for inner in disk.below(path):
        stays = _wipe(disk, inner, depth + 1) or stays
    if not stays:
        _insist(place.rmdir, place)
    return stays


def _insist(remove: Callable[[], object], place: Path) -> None:
    """Remove something, also when it was made immutable, or the folder that it lies in."""
    try:
        remove()
    except PermissionError:
        for one in (place.parent, place):
            _take_flags(one)
        remove()


def _take_flags(place: Path) -> None:
    try:
        fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # a link or a device, which have none
    try:
        (flags,) = struct.unpack("l", fcntl.ioctl(fd, _GET_FLAGS, struct.pack("l", 0)))
        if flags & _FLAGS:
            fcntl.ioctl(fd, _SET_FLAGS, struct.pack("l", flags & ~_FLAGS))
    finally:
        os.close(fd)


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise AdamantError("reset-failed", f"cannot wipe {where}: {error.strerror or error}") from error
