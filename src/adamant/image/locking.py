"""Locking a definition: solve, fetch, and show which maintainer scripts still need a person's decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from adamant.core import events, files
from adamant.image import own_kernel
from adamant.image.project import Project, read_lock
from adamant.model import lock as locks
from adamant.model.lock import Lock, Recording
from adamant.packages import fetch, layer, tools
from adamant.packages import lock as solver
from adamant.packages.lock import Change
from adamant.packages.scripts import record
from adamant.packages.scripts.review import Unreviewed, review


@dataclass(frozen=True, slots=True)
class Locked:
    """What locking came to.

    `written` is False when the lock that was there fits; `changes` are against it; `recorded` was recorded now.
    """

    lock: Lock
    written: bool
    stale: tuple[str, ...]
    changes: tuple[Change, ...]
    unreviewed: tuple[Unreviewed, ...]
    recorded: tuple[Recording, ...]


def lock_project(
    project: Project,
    cache: Path,
    watch: events.Watch = events.silent,
    *,
    update: bool = False,
    packages_to_record: Sequence[str] = (),
) -> Locked:
    """Make the lock of a definition where there is none, where it does not fit any more, or with `update`.

    The scripts of `packages_to_record` are run once in a sandbox and what they change is kept in the lock.
    """
    old = read_lock(project) if project.lock_path.exists() else None
    stale = (*solver.is_stale(old, project.image), *own_kernel.is_stale(project, old)) if old else ()
    if old is None or stale or update:
        recordings = old.recordings if old else ()
        # Other tools are no reason to move the versions of an image.
        fits = old is not None and old.image.request == solver.request_identity(project.image) and not update
        keep = old.image if old is not None and fits else None
        kernel = own_kernel.choose(project)  # before the solve: a name that nothing has costs no time
        new = solver.make_lock(project.image, cache, watch, recordings, keep)
        new = msgspec.structs.replace(new, kernel=kernel)
    else:
        new = old
    debs = fetch.fetch(new.image.packages, cache, watch)
    layers = layer.unpack_layers(new.image.packages, debs, cache, watch)
    made: list[Recording] = []
    if packages_to_record:
        tree = tools.open_tools(new.tools, cache, watch)
        made = [m for n in packages_to_record for m in record.record(n, project.image, layers, tree, cache, watch)]
        replaced = {(m.package, m.script) for m in made}
        kept = [r for r in new.recordings if (r.package, r.script) not in replaced]
        new = msgspec.structs.replace(new, recordings=(*kept, *made))
    found = review(layers, project.image.scripts, new.recordings)
    written = new != old
    if written:
        files.write_atomic(project.lock_path, locks.encode(new))
    changes = tuple(solver.difference(old, new)) if old else ()
    return Locked(new, written, stale, changes, tuple(found.unreviewed), tuple(made))
