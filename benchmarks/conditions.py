"""What the figures were measured under: they mean nothing without it."""

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from adamant.core import proc
from adamant.model import lock as locks
from adamant.model.lock import Lock


def conditions(lock: Lock, rival: str) -> Mapping[str, str]:
    """Conditions by name. `rival` is the version of mkosi, or empty. The load is that of the last minute."""
    packages = lock.image.packages
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / (1 << 30):.1f} GiB",
        "load at the start": f"{os.getloadavg()[0]:.2f}",
        "kernel": platform.release(),
        "system": _system(),
        "python": platform.python_version(),
        "adamant": f"{metadata.version('adamant')}, commit {_commit()}",
        "mkosi": rival or "not run",
        "packages": f"{len(packages)}, {sum(p.size for p in packages) / 1e6:.1f} MB of .debs, "
        f"identity {locks.packages_identity(lock.image)[:16]}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model"}:
            return value.strip()
    return platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _commit() -> str:
    root = Path(__file__).parents[1]
    head = proc.run("ask git for the commit", ["git", "-C", root, "rev-parse", "--short", "HEAD"], check=False)
    changed = proc.run("ask git for changes", ["git", "-C", root, "status", "--porcelain", "src"], check=False)
    return head.stdout.decode().strip() + ("+changes" if changed.stdout.strip() else "")
