"""The store of generations: every config that this machine was given, who gave it, and the journal over them.

Below its folder: `generations/00000012.json`, one immutable file each, and `journal.json`. Nothing else is state. Every
write is atomic (core.files), and the order is always: the generation's file, then the journal that names it. So a crash
between any two writes leaves a journal whose generations are all there. What a disk has done to the files since is
found when the store is opened, and mended (journal.mended, journal.lost). Order comes from numbers alone; the clock is
for people.
"""

import contextlib
import re
import time
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from adamant.core import files, limits
from adamant.model import decoders
from adamant.model.digest import sha256
from adamant.model.errors import AdamantError, InputError
from adamant.node.config import journal as journals
from adamant.node.config.journal import Journal

FOLDER = "state/adamant/config"
JOURNAL = "journal.json"
GENERATIONS = "generations"
_NAME = re.compile(r"([0-9]{8})\.json")
_TEMPORARY = re.compile(r"\..*\.json\.[0-9a-f]{12}")


class Why(StrEnum):
    """Why there is a generation."""

    APPLY = "apply"
    REVERT = "revert"
    UNSET = "unset"
    PROVISION = "provision"
    RETURN = "return"


class Generation(Struct, frozen=True):
    """One generation. `sha256` is that of the document's UTF-8; `of` is the generation that it brings back, or 0."""

    number: int
    created_usec: int
    by: str
    why: Why
    sha256: str
    document: str
    of: int = 0
    version: Literal[1] = 1


class Store:
    """The store in `folder`, opened: `journal` is what holds, `found` says what had to be mended, and `clock` the time.

    One process at a time writes; inside it, one thread at a time.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self.found: list[str] = []
        journal = self._read_journal()
        have = self._intact(journal)
        if journal is None:
            journal = journals.lost(have)
        fallen = journals.mended(journal, have)
        if fallen.why:
            self.found.append(f"generation {fallen.generation}: {fallen.why}")
        self.journal: Journal = fallen.journal

    def _read_journal(self) -> Journal | None:
        try:
            data = files.read_limited(self._folder / JOURNAL, limits.JOURNAL_SIZE, "journal of the config")
            return decoders.of(Journal).decode(data)
        except InputError as error:
            if error.reference == "file-missing" and not self.numbers():
                return Journal()
            why = error.message
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            why = str(error)
        self.found.append(f"the journal of the config cannot be read: {why}")
        return None

    def _intact(self, journal: Journal | None) -> set[int]:
        """Numbers of generations that can be read: those that `journal` names, when it can rely on all of them, or else
        every one. A boot does not wait for a long history to be read.
        """
        if journal is not None:
            named = journals.keep(journal)
            if named <= self._readable(named):
                return named
            self.found.clear()  # each is looked at once more
        return self._readable(self.numbers())

    def _readable(self, numbers: Iterable[int]) -> set[int]:
        have = set()
        for number in numbers:
            try:
                self.read(number)
            except AdamantError as error:
                self.found.append(error.message)
            else:
                have.add(number)
        return have

    def numbers(self) -> list[int]:
        """Numbers of all generations whose file is there, ascending."""
        try:
            names = [path.name for path in (self._folder / GENERATIONS).iterdir()]
        except OSError:
            return []
        return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)

    def read(self, number: int) -> Generation:
        """The generation `number`. Raises InputError `generation-unknown`, AdamantError `generation-damaged`."""
        path = self._path(number)
        try:
            data = files.read_limited(path, limits.GENERATION_SIZE, "generation")
            found = decoders.of(Generation).decode(data)
        except InputError as error:
            if error.reference == "file-missing":
                raise InputError(
                    "generation-unknown",
                    f"there is no generation {number}",
                    hint="adamant node config history shows those that are kept",
                ) from error
            raise _damaged(number, error.message) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _damaged(number, str(error)) from error
        if found.number != number or sha256(found.document.encode("utf-8", "replace")) != found.sha256:
            raise _damaged(number, "its digest is another")
        return found

    def history(self, last: int = 0) -> list[Generation]:
        """The generations that can be read, newest first: the last so many, or all of them."""
        found: list[Generation] = []
        for number in reversed(self.numbers()):
            if last and len(found) == last:
                break
            try:
                found.append(self.read(number))
            except AdamantError:
                continue
        return found

    def document(self, number: int) -> bytes:
        """The document of a generation; that of NONE is empty."""
        return b"" if number == journals.NONE else self.read(number).document.encode()

    def add(self, document: bytes, by: str, why: Why, of: int = 0) -> Generation:
        """Keep `document` as the next generation. Only the history changes. Raises AdamantError `disk-full`."""
        known = [*self.numbers(), *journals.keep(self.journal)]
        number = max(known, default=0) + 1
        made = Generation(
            number, int(self._clock() * 1_000_000), by, why, sha256(document), document.decode("utf-8"), of
        )
        path = self._path(number)
        _make(path.parent)
        files.write_atomic(path, msgspec.json.encode(made), 0o600)
        return made

    def write(self, journal: Journal) -> None:
        """Make `journal` the one that holds, on the disk and here. A machine that never had a config gets no file."""
        there = (self._folder / JOURNAL).exists()
        if journal != self.journal if there else journal != Journal(boot=journal.boot, release=journal.release):
            _make(self._folder)
            files.write_atomic(self._folder / JOURNAL, msgspec.json.encode(journal), 0o600)
        self.journal = journal

    def prune(self) -> None:
        """Remove the oldest generations beyond GENERATIONS_SIZE, none that the journal names, and what crashes left."""
        old = [self._path(number) for number in self._too_many()]
        left = [
            path
            for folder in (self._folder, self._folder / GENERATIONS)
            for path in folder.glob(".*.json.*")
            if _TEMPORARY.fullmatch(path.name)
        ]
        for path in (*old, *left):
            with contextlib.suppress(OSError):  # it costs room, and nothing else
                path.unlink()

    def _too_many(self) -> list[int]:
        """The generations for which there is no room. Those that the journal names have theirs first."""
        numbers = self.numbers()
        needed = journals.keep(self.journal)
        room = limits.GENERATIONS_SIZE - sum(self._size(number) for number in numbers if number in needed)
        others = [number for number in numbers if number not in needed]
        while others and (room := room - self._size(others[-1])) >= 0:
            others.pop()
        return others

    def _size(self, number: int) -> int:
        try:
            size = self._path(number).stat().st_size
        except OSError:
            return 0
        return -(-size // limits.GENERATION_BLOCK) * limits.GENERATION_BLOCK

    def _path(self, number: int) -> Path:
        return self._folder / GENERATIONS / f"{number:08}.json"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise files.write_failed(folder, error) from error


def _damaged(number: int, why: str) -> AdamantError:
    return AdamantError("generation-damaged", f"the file of generation {number} is damaged: {why}")
