"""Our side: the `adamant` command in a cache of the benchmark's own, so that a person's cache stays as it is.

Packages downloaded means: the .debs lie in the cache and the tools tree is unpacked. `forget` drops everything else.
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from adamant.core import files, proc
from adamant.image.project import DEFINITION, LOCK
from adamant.model import lock as locks
from adamant.model.errors import AdamantError
from adamant.model.lock import Lock

SECONDS = 1800.0
_KEPT = {"apt", "debs", "locks", "tools", "machine"}
"""Folders of the cache that count as downloaded: see packages/fetch.py and packages/tools.py."""


class Step(msgspec.Struct, frozen=True):
    """A step of a build, as `adamant build --json` says it."""

    step: str
    reused: bool
    reason: str
    seconds: float


class _Said(msgspec.Struct, frozen=True):
    output: str
    steps: tuple[Step, ...]


class Adamant:
    """The command with its cache, state and keys below `home`, and the definition that it builds."""

    def __init__(self, home: Path) -> None:
        self.cache = home / "adamant" / "cache"
        self.state = home / "adamant" / "state"
        self._config = home / "adamant" / "config"
        self.folder = home / "adamant" / "example"
        self.steps: tuple[Step, ...] = ()

    def prepare(self, lock: Path | None) -> Lock:
        """Write the example's definition and lock (a copy of `lock` if given), and download all that it names."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.cache.mkdir(parents=True, exist_ok=True)
        self.run("init", self.folder)
        if lock is None:
            self.run("lock", "-C", self.folder)
        else:
            files.write_atomic(self.folder / LOCK, lock.read_bytes())
        self.build("dev")
        return self.lock()

    def lock(self) -> Lock:
        """The lock as it stands beside the definition."""
        return locks.decode((self.folder / LOCK).read_bytes())

    def write_lock(self, lock: Lock) -> None:
        """Put another lock beside the definition."""
        files.write_atomic(self.folder / LOCK, locks.encode(lock))

    def build(
        self,
        profile: str,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        settings: Sequence[str] = (),
    ) -> Path:
        """Build with `profile` and further `settings`; the folder of the outputs. `steps` then says what was done."""
        here = folder or self.folder
        words = [word for setting in (f"profile={profile}", *settings) for word in ("--set", setting)]
        answer = self.run("build", "-C", here, *words, "--json", environment=environment)
        said = msgspec.json.decode(answer.stdout, type=_Said)
        self.steps = said.steps
        return here / said.output

    def copy_definition(self, target: Path) -> None:
        """The definition and its lock in another folder."""
        target.mkdir(parents=True)
        for name in (DEFINITION, LOCK):
            files.write_atomic(target / name, (self.folder / name).read_bytes())

    def forget(self) -> None:
        """Drop what was built and unpacked; keep what was downloaded."""
        for entry in self.cache.iterdir():
            if entry.name not in _KEPT and entry.is_dir():
                shutil.rmtree(entry)
        shutil.rmtree(self.folder / "out", ignore_errors=True)

    def run(
        self, *arguments: str | Path, environment: Mapping[str, str] | None = None, seconds: float = SECONDS
    ) -> proc.Result:
        """Run `adamant` as a person would, in a process of its own. Raises AdamantError with what it said."""
        answer = proc.run(
            f"run adamant {arguments[0]}",
            [sys.executable, "-m", "adamant.cli.main", *arguments],
            environment={
                "ADAMANT_CACHE": str(self.cache),
                "ADAMANT_STATE": str(self.state),
                "ADAMANT_CONFIG": str(self._config),
                **(environment or {}),
            },
            seconds=seconds,
            check=False,
        )
        if answer.code != 0:
            said = (answer.stderr + answer.stdout).decode(errors="replace")
            raise AdamantError("benchmark-adamant", f"adamant {arguments[0]} failed with {answer.code}", context=said)
        return answer


def with_package(lock: Lock, changed: locks.Package) -> Lock:
    """The lock with one of the image's packages replaced by `changed`, of the same name."""
    packages = tuple(changed if p.name == changed.name else p for p in lock.image.packages)
    return msgspec.structs.replace(lock, image=msgspec.structs.replace(lock.image, packages=packages))
