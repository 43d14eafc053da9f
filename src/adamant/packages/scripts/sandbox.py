"""The sandbox in which one maintainer script runs once: a root folder of plain files, and bubblewrap around it.

What stays true: the script sees nothing of this computer but the root folder made for it (no network, no other
processes, no device but the harmless ones), it ends at a deadline, and it can fill neither disk nor memory of its
caller. Nothing needs root: owners are those that fakeroot keeps in a file. Where the system closes user namespaces,
nothing runs.
"""

import contextlib
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from adamant.core import files, limits, proc
from adamant.model.digest import Sha256
from adamant.model.errors import AdamantError
from adamant.model.tree import Entry, Kind
from adamant.packages.layer import Layer
from adamant.packages.tools import ToolsTree

_ALIASED = ("bin", "sbin", "lib", "lib64")
_FOLDERS = (
    "var/lib/dpkg/info",
    "dev",
    "proc",
    "run",
    "tmp",
    "var/tmp",
    "root",
    "home",
    "srv",
    "opt",
    "mnt",
    "media",
    "etc",
    "usr/local",
)
_NOT_NEEDED = ("boot/", "usr/lib/modules/", "usr/lib/firmware/")
"""Large, and for no script to read: module dependencies are not a script's work here."""

_CHUNK = 1 << 20
_POLL_SECONDS = 0.25

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "SOURCE_DATE_EPOCH": "0",
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "DPKG_ADMINDIR": "/var/lib/dpkg",
    "DPKG_FORCE": "unsafe-io",
    "SYSTEMD_OFFLINE": "1",
    # The namespace knows one id: a real chown fails in a way that fakeroot does not expect.
    "FAKEROOTDONTTRYCHOWN": "1",
}


def make_skeleton(root: Path) -> None:
    """The folders of a merged-/usr system in the empty folder `root`."""
    for alias in _ALIASED:
        (root / "usr" / alias).mkdir(parents=True)
        (root / alias).symlink_to(f"usr/{alias}")
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for place in (root, *(p for p in root.rglob("*") if not p.is_symlink())):
        place.chmod(0o755)  # whatever the umask


def add_packages(root: Path, layers: Sequence[Layer]) -> dict[str, Sha256]:
    """Put the packages of `layers` into `root`; what is there already stays, and of two packages the first counts.

    Files are this user's own. Returns the SHA-256 of each regular file by its path.
    """
    made: dict[str, Sha256] = {}
    later: list[tuple[Path, int]] = []
    inside: set[Path] = set()
    try:
        for layer in layers:
            for entry in layer.entries:
                if entry.path.startswith(_NOT_NEEDED):
                    continue
                home = (root / entry.path).parent
                if home not in inside:
                    _require_inside(root, home, entry)
                    inside.add(home)
                _place(root, entry, made, later)
        for place, mode in reversed(later):
            place.chmod(mode | 0o700)
    except OSError as error:
        raise files.write_failed(root, error) from error
    return made


def _place(root: Path, entry: Entry, made: dict[str, Sha256], later: list[tuple[Path, int]]) -> None:
    path = root / entry.path
    if entry.kind is Kind.DIRECTORY:
        if not path.is_symlink():
            path.mkdir(parents=True, exist_ok=True)
            later.append((path, entry.mode))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path):
        return
    if entry.kind is Kind.SYMLINK:
        path.symlink_to(entry.target)
    elif entry.kind is Kind.HARDLINK:
        path.hardlink_to(root / entry.target)
        made[entry.path] = made[entry.target]
    elif entry.kind is Kind.FILE and entry.extent is not None and entry.sha256 is not None:
        _copy(entry, path)
        path.chmod(entry.mode)
        made[entry.path] = entry.sha256


def _require_inside(root: Path, folder: Path, entry: Entry) -> None:
    """Refuse a folder that lies outside `root` once links are followed."""
    real = Path(os.path.realpath(folder))
    if real != root and root not in real.parents:
        raise AdamantError("sandbox-path", f"{entry.package} ships {entry.path} behind a link that leaves the root")


def _copy(entry: Entry, path: Path) -> None:
    assert entry.extent is not None
    with path.open("xb") as out, Path(entry.extent.path).open("rb") as source:
        source.seek(entry.extent.offset)
        left = entry.size
        while left > 0:
            piece = source.read(min(left, _CHUNK))
            if not piece:
                raise AdamantError(
                    "layer-cut-off", f"the cache's layer of {entry.package} is cut off", hint="try again"
                )
            out.write(piece)
            left -= len(piece)


def make_removable(root: Path) -> None:
    """Open the folders that a script closed, so that whoever made `root` can remove it."""
    pending = [root]
    while pending:
        folder = pending.pop()
        with contextlib.suppress(OSError):
            folder.chmod(0o700)
            with os.scandir(folder) as found:
                pending += [Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)]


def require_namespaces(tools: ToolsTree) -> None:
    """Raise AdamantError (sandbox-closed) where this user may make no user namespaces; it finds out by trying."""
    argv = tools.argv(
        "bwrap",
        *("--unshare-all", "--tmpfs", "/", "--ro-bind", tools.path("usr"), "/usr", "--symlink", "usr/lib", "/lib"),
        *("--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "/usr/bin/bwrap", "--version"),
    )
    try:
        proc.run("open a sandbox", argv, seconds=limits.PROBE_SECONDS)
    except proc.ProgramFailed as error:
        raise AdamantError(
            "sandbox-closed",
            "this system lets ordinary users make no user namespaces, so no script can be recorded here",
            context=error.stderr,
            hint="record on another computer and commit the lock; or allow them (Debian: sysctl "
            "kernel.unprivileged_userns_clone=1, Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0); "
            "or accept the script in the definition",
        ) from error


def run(root: Path, work: Path, tools: ToolsTree, what: str, command: Sequence[str], variables: Iterable[str]) -> None:
    """Run `command` in `root`, as root of a user namespace that has nothing else.

    `work` is seen as /adamant; the command's output goes to `log` in it. `variables` are NAME=VALUE. Raises
    AdamantError: script-failed with the end of the output, or script-too-greedy when it writes more than it may.
    """
    log = work / "log"
    log.unlink(missing_ok=True)
    limited = (
        f'umask 022; ulimit -c 0; ulimit -f {limits.RECORD_FILE // 512}; exec >/adamant/log 2>&1 </dev/null; exec "$@"'
    )
    pairs = [*_ENVIRONMENT.items(), *(v.split("=", 1) for v in variables)]
    with _guard(root) as guard:
        argv = tools.argv(
            "bwrap",
            *("--unshare-all", "--die-with-parent", "--new-session", "--hostname", "localhost", "--clearenv"),
            *("--uid", "0", "--gid", "0", "--cap-add", "CAP_SETFCAP"),
            *(word for name, value in pairs for word in ("--setenv", name, value)),
            *("--bind", root, "/", "--bind", work, "/adamant", "--proc", "/proc", "--dev", "/dev"),
            *("--size", str(64 << 20), "--tmpfs", "/tmp", "--size", str(64 << 20), "--tmpfs", "/run"),  # noqa: S108
            *("--json-status-fd", str(guard.fd), "--chdir", "/", "sh", "-c", limited, "sh", *command),
        )
        try:
            proc.run(what, argv, seconds=limits.RECORD_SECONDS, pass_fds=(guard.fd,))
        except proc.ProgramFailed as error:
            if guard.exceeded:
                raise AdamantError(
                    "script-too-greedy",
                    f"cannot {what}: it wrote more than {limits.RECORD_DISK >> 20} MiB",
                    hint="do not record this script: accept it, or leave the package out",
                ) from error
            raise AdamantError(
                "script-failed",
                f"cannot {what}: {'it did not end in time' if error.code == -signal.SIGKILL else 'it failed'}",
                context=_tail(log) or error.stderr,
                hint="accept the script in the definition when an image needs nothing of it, or leave the package out",
            ) from error


def _tail(log: Path) -> str:
    try:
        # The script could have put a link or a pipe in its place.
        fd = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as source:
            source.seek(max(0, os.fstat(fd).st_size - limits.RECORD_LOG_TAIL))
            text = source.read(limits.RECORD_LOG_TAIL).decode(errors="replace").strip()
    except OSError:
        return ""
    return "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


class _Guard:
    """Ends a sandbox that fills the disk. `fd` is where bubblewrap says which process it is."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._reader, self.fd = os.pipe()
        self._free = shutil.disk_usage(root).free
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.exceeded = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()
        os.close(self._reader)
        os.close(self.fd)

    def _watch(self) -> None:
        allowed = _size(self._root) + limits.RECORD_DISK
        while not self._done.wait(_POLL_SECONDS):
            # Measuring the tree costs; the free space of its file system says when that is worth it.
            taken = self._free - shutil.disk_usage(self._root).free
            if taken > limits.RECORD_DISK // 2 and _size(self._root) > allowed:
                self.exceeded = True
                self._kill()
                return

    def _kill(self) -> None:
        os.set_blocking(self._reader, False)
        try:
            status = json.loads(os.read(self._reader, 4096).split(b"\n")[0])
            os.kill(int(status["child-pid"]), signal.SIGKILL)
        except (OSError, ValueError, KeyError):
            return  # it has ended by itself


@contextlib.contextmanager
def _guard(root: Path) -> Iterator[_Guard]:
    guard = _Guard(root)
    guard.start()
    try:
        yield guard
    finally:
        guard.stop()


def _size(root: Path) -> int:
    """Bytes that files below `root` take on the disk. What vanishes while it looks counts nothing."""
    total = 0
    pending = [str(root)]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as found:
            for entry in found:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
    return total
