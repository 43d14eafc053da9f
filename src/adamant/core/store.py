"""The store of finished steps: what has been done is never done again.

A step has a name and inputs (JSON values). Its identity is their digest; its output is a folder that appears under
`steps/NAME/IDENTITY` all at once, by rename, so a killed build leaves nothing that looks finished. Two builds of the
same step at the same time do it once.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamant.core import events, files
from adamant.model.digest import Identity, identity

_KEEP = 6
"""Finished outputs kept of each step; older ones go, oldest use first."""


@dataclass(frozen=True, slots=True)
class Step:
    """A finished step: where its output folder is, its identity, and whether it had to be done."""

    name: str
    identity: Identity
    path: Path
    reused: bool
    reason: str
    seconds: float


class Store:
    """Finished steps below `root`, which may be deleted as a whole at any time."""

    def __init__(self, root: Path, watch: events.Watch = events.silent) -> None:
        self.root = root
        self._watch = watch

    def step(
        self,
        name: str,
        inputs: Mapping[str, Any],
        make: Callable[[Path], None],
        *,
        scope: str = "",
        label: str = "",
        keep: int = _KEEP,
    ) -> Step:
        """The output of the step `name` over `inputs`, made by `make(folder)` unless it is there already.

        `make` fills an empty folder. `inputs` must say all that its bytes depend on. `scope` (the definition's folder)
        groups the records by which the reason for doing a step again is found. `label` names what it is done for in
        events, where a build does the same step for several things.
        """
        begin = time.monotonic()
        shown = f"{name} {label}".strip()
        key = identity(name, inputs)
        home = self.root / "steps" / name
        final = home / key
        record = self.root / "reasons" / identity("scope", {"scope": scope, "step": name})
        if final.is_dir():
            return self._finish(Step(shown, key, final, True, "same inputs", time.monotonic() - begin))
        self._watch(events.Started(shown))
        with files.locked(self.root / "locks" / f"{name}.{key}", f"step {name}"):
            if final.is_dir():
                return self._finish(Step(shown, key, final, True, "another build did it", time.monotonic() - begin))
            reason = _difference(record, inputs)
            _clear_abandoned(home, key)
            with files.work_folder(home, key) as folder, files.telling_full_disks(folder):
                made = folder / "made"
                made.mkdir()
                make(made)
                made.rename(final)
        record.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomic(record, json.dumps(dict(inputs)).encode(), durable=False)
        self._prune(home, keep)
        return self._finish(Step(shown, key, final, False, reason, time.monotonic() - begin))

    def _finish(self, step: Step) -> Step:
        os.utime(step.path)
        self._watch(events.Finished(step.name, step.reused, step.reason, step.seconds))
        return step

    def _prune(self, home: Path, keep: int) -> None:
        done = [p for p in home.iterdir() if not p.name.startswith(".")]
        done.sort(key=lambda p: p.stat().st_mtime, reverse=True)
        for old in done[keep:]:
            shutil.rmtree(old, ignore_errors=True)


def _clear_abandoned(home: Path, key: Identity) -> None:
    """Remove what a killed build of the same step left. The caller holds the step's lock."""
    if home.is_dir():
        for left in home.glob(f".{key}.*"):
            shutil.rmtree(left, ignore_errors=True)


def _difference(record: Path, inputs: Mapping[str, Any]) -> str:
    """Which inputs differ from those of the last time, in words."""
    try:
        before = json.loads(record.read_bytes())
    except (OSError, ValueError):
        return "first time"
    now = json.loads(json.dumps(dict(inputs)))
    changed = sorted(k for k in now.keys() | before.keys() if now.get(k) != before.get(k))
    return "changed: " + ", ".join(changed) if changed else "its output was gone"
