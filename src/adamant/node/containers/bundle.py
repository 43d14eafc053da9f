"""What a container of the config is to runc: its process, mounts, namespaces and limits (OCI runtime-spec 1.2).

It is what containerd's own tool makes of the same wishes, which a test compares; what differs is said here.
"""

import os
import resource
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from adamant.model.capability import NAMES
from adamant.model.machine.document import ContainerNetwork, Sight
from adamant.model.posture import POLICY
from adamant.node.containerd.oci import Process
from adamant.node.containers import seccomp, sights
from adamant.node.containers.accounts import Account
from adamant.node.containers.runtime import Runtime
from adamant.node.containers.spec import Spec

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_RIGHTS = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
]
_OF_THE_MACHINE = {"SYS_MODULE", "SYSLOG"}
"""What no container gets: modules are for the config to name (`kernel.modules`), and the API has the kernel's log."""
_PERIOD = 100_000
_DEVICES = ((1, 3), (1, 8), (1, 7), (5, 0), (1, 5), (1, 9), (5, 1), (136, None), (5, 2))
"""Numbers of devices that every container has: null, random, full, tty, zero, urandom, console, pts, ptmx."""
_MASKED = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    "/proc/scsi",
]
_READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
_NO_DEVICES = {"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"}
"""Folders of /dev that a container has of its own."""


def _mount(target: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def _bind(source: Path, target: str, *options: str) -> dict[str, Any]:
    return _mount(target, "bind", str(source), *options)


def cgroup(spec: Spec, runtime: Runtime, *, of_systemd: bool) -> str:
    """The cgroup of a container, as runc is told it: systemd's or, on a computer without it, a path."""
    return f"{runtime.slice}:adamant:{spec.name}" if of_systemd else f"/{runtime.namespace}/{spec.name}"


class Program(NamedTuple):
    """What runs in a container: what the image says of it, who it is there, and the variables of the config."""

    image: Process
    account: Account
    variables: Mapping[str, str]


def compose(spec: Spec, program: Program, runtime: Runtime, root: Path, *, of_systemd: bool) -> dict[str, Any]:
    """The whole of it, for the machine below `root`."""
    on_host = spec.network is ContainerNetwork.HOST
    linux = {
        "resources": {"devices": list(_rules(privileged=spec.privileged)), **_limits(spec)},
        "cgroupsPath": cgroup(spec, runtime, of_systemd=of_systemd),
        "namespaces": list(_namespaces(spec, on_host=on_host)),
    }
    if spec.privileged:
        linux["devices"] = list(_devices(Path("/dev")))
    else:
        linux |= {"maskedPaths": _MASKED, "readonlyPaths": _READ_ONLY, "seccomp": seccomp.profile()}
    return {
        "ociVersion": "1.2.0",
        "process": _process(spec, program, runtime, root, on_host=on_host),
        "root": {"path": "rootfs"},
        "mounts": list(_mounts(spec, root, on_host=on_host)),
        "linux": linux,
    }


def _process(spec: Spec, program: Program, runtime: Runtime, root: Path, *, on_host: bool) -> dict[str, Any]:
    image, account, variables = program
    rights = _all_rights() if spec.privileged else list(_RIGHTS)
    if on_host and not spec.privileged:
        rights.remove("NET_RAW")  # it would read and forge every packet of the host's
    held = [f"CAP_{name}" for name in rights]
    environment = dict(word.partition("=")[::2] for word in image.env or (_PATH,))
    environment |= variables
    if on_host:
        environment.setdefault("HOSTNAME", socket.gethostname())
    process = {
        "user": {"uid": account.uid, "gid": account.gid, "additionalGids": list(account.groups)},
        "args": [*(image.entrypoint or ()), *(spec.command or image.cmd or ())],
        "env": [f"{name}={value}" for name, value in environment.items()],
        "cwd": image.working_dir or "/",
        "capabilities": {"bounding": held, "effective": held, "permitted": held},
        "rlimits": [_open_files()],
        "noNewPrivileges": True,
    }
    if not spec.privileged and (root / POLICY).exists():
        process["apparmorProfile"] = runtime.profile
    return process


def _open_files() -> dict[str, Any]:
    """How many files it may have open: as many as its unit. containerd's own tool says 1,024, which is little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard}


def _all_rights() -> list[str]:
    """Every right that the machine itself has, but for those that reach into its kernel."""
    with Path("/proc/1/status").open() as lines:
        (mask,) = (int(line.split()[1], 16) for line in lines if line.startswith("CapBnd:"))
    return [name for bit, name in enumerate(NAMES) if mask >> bit & 1 and name not in _OF_THE_MACHINE]


def _mounts(spec: Spec, root: Path, *, on_host: bool) -> Iterator[dict[str, Any]]:
    yield _mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev")
    yield _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k")
    terminals = ("newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
    yield _mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", *terminals)
    yield _mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k")  # noqa: S108
    yield _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev")
    yield _mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "rw" if spec.privileged else "ro")
    yield _mount("/run", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k")
    for mount in spec.mounts:
        yield _bind(root / mount.source[1:], mount.target, "rbind", "ro" if mount.read_only else "rw")
    for source, target in sights.folders(spec.sees, root):
        yield _bind(source, target, "bind", "ro")
    if on_host:
        for path in ("/etc/hosts", "/etc/resolv.conf"):
            if Path(path).exists():
                yield _bind(Path(path), path, "rbind", "ro")


def _namespaces(spec: Spec, *, on_host: bool) -> Iterator[dict[str, str]]:
    """Those of its own. That of the host's processes is named as containerd's runtime sees its own."""
    yield {"type": "pid", "path": "/proc/self/ns/pid"} if Sight.PROCESSES in spec.sees else {"type": "pid"}
    yield from ({"type": kind} for kind in ("ipc", "uts", "mount"))
    if not on_host:
        yield {"type": "network"}


def _limits(spec: Spec) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if spec.cpus:
        found["cpu"] = {"quota": int(spec.cpus * _PERIOD), "period": _PERIOD}
    if spec.memory:
        found["memory"] = {"limit": spec.memory}
    return found


def _rules(*, privileged: bool) -> Iterator[dict[str, Any]]:
    """Which devices it may use."""
    yield {"allow": privileged, "access": "rwm"}
    if not privileged:
        for major, minor in _DEVICES:
            number = {} if minor is None else {"minor": minor}
            yield {"allow": True, "type": "c", "major": major, **number, "access": "rwm"}


def _devices(folder: Path) -> Iterator[dict[str, Any]]:
    """The devices of the machine, for a container that has all rights. They come and go meanwhile."""
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return
    for path in paths:
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(found.st_mode):
            if path.name not in _NO_DEVICES:
                yield from _devices(path)
        elif path.name != "console" and (stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode)):
            yield {
                "path": str(path),
                "type": "c" if stat.S_ISCHR(found.st_mode) else "b",
                "major": os.major(found.st_rdev),
                "minor": os.minor(found.st_rdev),
                "fileMode": stat.S_IMODE(found.st_mode) & 0o777,
                "uid": found.st_uid,
                "gid": found.st_gid,
            }
