"""The machine as a config changes it: its files below /run, its kernel variables, its units. The one place that does.

What was written stands in a manifest beside it, in RAM like the files themselves: nothing else on the machine is
touched, and what was ours is found again when it is to go. The manifest names a file before the file is there, and
those from whose change nothing has followed yet, so a crash between any two writes leaves nothing that is forgotten.
"""

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adamant.core import files, limits
from adamant.model import decoders
from adamant.model.digest import sha256
from adamant.model.errors import AdamantError
from adamant.node.config.journal import NONE
from adamant.node.config.rendered import BEFORE, MANIFEST, SYSCTLS, Action, Changes, File, Rendered, Running
from adamant.node.reading import read_line


class _Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """SHA-256 of each file that is ours, by path, and of which generation they are.

    `pending` are those from whose change nothing has followed yet; `started` and `netdevs` are what may run.
    """

    generation: int = NONE
    files: dict[str, str] = {}
    pending: list[str] = []
    started: list[str] = []
    netdevs: dict[str, str] = {}
    version: Literal[1] = 1


class Manager(Protocol):
    """What is asked of PID 1: node.systemd.Systemd has it."""

    def act(self, verb: Literal["start", "stop", "restart", "reload"], unit: str) -> None:
        """Do it, and wait until it is done."""

    def forget(self, unit: str) -> None:
        """Forget that a unit failed."""

    def daemon_reload(self) -> None:
        """Read unit files again."""

    def run(self, unit: str, argv: tuple[str, ...]) -> None:
        """Run a program as a unit."""


class Host:
    """The machine below `root`. `manager` opens a connection to PID 1 for as long as one is needed."""

    def __init__(self, root: Path, manager: Callable[[], AbstractContextManager[Manager]]) -> None:
        self._root = root
        self._manager = manager

    def place(self, rendered: Rendered, generation: int) -> Changes:
        """Make the files those of `rendered`. Returns which were not. Raises AdamantError when a write fails.

        What follows from the changes is to be done by `act`; until then they are pending.
        """
        before = self._manifest()
        new: dict[str, str] = {path: sha256(file.data) for path, file in rendered.files.items()}
        added = [path for path in new if not (self._root / path).exists()]
        changed = [path for path in new if path not in added and self.read(path) != rendered.files[path]]
        removed = [path for path in before.files if path not in new]
        after = replace(
            before,
            generation=generation,
            files=new,
            pending=sorted({*before.pending, *added, *changed, *removed}),
            started=sorted({*before.started, *rendered.started}),
            netdevs={**before.netdevs, **rendered.netdevs},
        )
        if before == after:
            return Changes((), (), ())
        self._remember(rendered.sysctls)
        self._write_manifest(replace(after, generation=NONE, files={**before.files, **new}))
        for path in (*added, *changed):
            file = rendered.files[path]
            self._write(path, file.data, file.mode)
        for path in removed:
            try:
                (self._root / path).unlink(missing_ok=True)
            except OSError as error:
                raise files.write_failed(self._root / path, error) from error
        self._write_manifest(after)
        return Changes(tuple(sorted(added)), tuple(sorted(changed)), tuple(sorted(removed)))

    @property
    def generation(self) -> int:
        """The generation whose files lie on the machine; NONE when there are none, or not all."""
        return self._manifest().generation

    @property
    def pending(self) -> list[str]:
        """Files from whose change nothing has followed yet."""
        return self._manifest().pending

    @property
    def running(self) -> Running:
        """What configs may have set going here, and was not stopped yet."""
        known = self._manifest()
        return Running(frozenset(known.started), known.netdevs)

    def act(self, actions: list[Action], rendered: Rendered) -> None:
        """Do what follows from the change to `rendered`.

        All is tried, then the first AdamantError is raised.
        """
        failed: list[AdamantError] = []
        if actions:
            with self._manager() as manager:
                for action in actions:
                    try:
                        _do(manager, action)
                    except AdamantError as error:
                        failed.append(error)
        known = self._manifest()
        settled = replace(known, pending=[], started=sorted(rendered.started), netdevs=dict(rendered.netdevs))
        if settled != known:
            self._write_manifest(settled)
        if failed:
            raise failed[0]

    def leave(self, pending: Collection[str]) -> None:
        """Say that something still has to follow from the files `pending`, and from no other."""
        self._write_manifest(replace(self._manifest(), pending=sorted(pending)))

    def drift(self) -> list[str]:
        """Files that are not as they were written or wait for what follows, and variables not as their file says."""
        known = self._manifest()
        found = list(known.pending)
        for path, digest in known.files.items():
            file = self.read(path)
            if file is None or sha256(file.data) != digest:
                found.append(path)
            elif path == SYSCTLS:
                found += [f"proc/sys/{name}" for name, value in _sysctls(file.data) if self.differs(name, value)]
        return found

    def sysctl(self, name: str) -> str | None:
        """The value of a kernel variable, words parted by one space; None when there is none of that name."""
        path = self._root / "proc/sys" / name
        return " ".join(read_line(path).split()) if path.exists() else None

    def expand(self, name: str) -> list[str]:
        """The variables that a name with `*` in it stands for."""
        base = self._root / "proc/sys"
        return sorted(str(path.relative_to(base)) for path in base.glob(name)) if "*" in name else [name]

    def differs(self, name: str, value: str) -> bool:
        """Whether a variable, or one of those that `name` stands for, has another value."""
        return any(self.sysctl(one) != " ".join(value.split()) for one in self.expand(name))

    def read(self, path: str) -> File | None:
        """A file as it is, or None."""
        try:
            data = files.read_limited(self._root / path, limits.GENERATION_SIZE, "file")
            return File(data, (self._root / path).stat().st_mode & 0o7777)
        except (AdamantError, OSError):
            return None

    def _manifest(self) -> _Manifest:
        try:
            data = files.read_limited(self._root / MANIFEST, limits.GENERATION_SIZE, "manifest of the config")
            return decoders.of(_Manifest).decode(data)
        except (AdamantError, msgspec.DecodeError):
            return _Manifest()  # it lies in RAM beside the files: after a reboot neither is there

    def _write_manifest(self, manifest: _Manifest) -> None:
        self._write(MANIFEST, msgspec.json.encode(manifest), 0o600)  # a digest of a short secret is the secret

    def _remember(self, sysctls: Mapping[str, str]) -> None:
        """Keep what kernel variables are before they are first set."""
        kept = self.read(BEFORE)
        before = dict(_sysctls(kept.data)) if kept else {}
        names = [one for name in sysctls for one in self.expand(name) if one not in before]
        new = {name: value for name in names if (value := self.sysctl(name)) is not None}
        if new:
            lines = "".join(f"{name} = {value}\n" for name, value in sorted({**before, **new}.items()))
            self._write(BEFORE, lines.encode(), 0o644)

    def _write(self, path: str, data: bytes, mode: int) -> None:
        parts = PurePosixPath(path).parts
        if parts[0] != "run" or ".." in parts:
            raise ValueError(f"{path} is no file of a config")
        target = self._root / path
        try:
            mask = os.umask(0o022)  # services of other users read below /run
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            finally:
                os.umask(mask)
        except OSError as error:
            raise files.write_failed(target, error) from error
        files.write_atomic(target, data, mode, durable=False)


def _sysctls(data: bytes) -> list[tuple[str, str]]:
    pairs = [line.partition("=") for line in data.decode("utf-8", "replace").splitlines()]
    return [(name.strip(), value.strip()) for name, equals, value in pairs if equals]


def _do(manager: Manager, action: Action) -> None:
    match action.verb:
        case "daemon-reload":
            manager.daemon_reload()
        case "delete":
            manager.run("adamant-delete-netdev.service", ("/usr/bin/networkctl", "delete", action.unit))
        case "stop":
            try:
                manager.act("stop", action.unit)
            except AdamantError as error:
                if error.reference != "unit-refused":  # a unit that systemd does not know does not run
                    raise
            manager.forget(action.unit)  # what is not wanted any more is no fault of the machine
        case "start" | "restart" | "reload":
            manager.act(action.verb, action.unit)
        case _:
            raise ValueError(f"no such action: {action}")
