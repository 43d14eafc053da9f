"""Locking a kernel's definition: solve where it is needed, and say what changed."""

from dataclasses import dataclass
from pathlib import Path

from adamant.core import events, files
from adamant.kernel import project, toolchain
from adamant.kernel.project import KernelProject
from adamant.model.kernel.lock import KernelLock
from adamant.model.lock import by_name, encode


@dataclass(frozen=True, slots=True)
class LockedKernel:
    """What locking came to. `changed` are packages as `NAME OLD -> NEW`, against the lock that was there."""

    lock: KernelLock
    written: bool
    changed: tuple[str, ...]


def lock_project(
    found: KernelProject, cache: Path, watch: events.Watch = events.silent, *, update: bool = False
) -> LockedKernel:
    """Make `kernel.lock` where there is none, where it does not fit any more, or with `update`. Raises as make_lock."""
    old = project.read_lock(found) if found.lock_path.exists() else None
    if old is not None and not update and not toolchain.is_stale(old, found.kernel):
        return LockedKernel(old, False, ())
    new = toolchain.make_lock(found.kernel, cache, watch)
    if new != old:
        files.write_atomic(found.lock_path, encode(new))
    return LockedKernel(new, new != old, _changes(old, new) if old else ())


def _changes(old: KernelLock, new: KernelLock) -> tuple[str, ...]:
    before, after = by_name(old.toolchain), by_name(new.toolchain)
    lines = []
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if one is None or other is None or one.sha256 != other.sha256:
            lines.append(f"{name} {one.version if one else 'none'} -> {other.version if other else 'none'}")
    return tuple(lines)
