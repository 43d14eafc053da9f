"""The UKI of a release on its way to the ESP: by its sections, those that the running one has are not fetched."""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from adamant.core.source import Source
from adamant.model.errors import VerificationError
from adamant.release.index import File, Part

Fetch = Callable[[File, int, int], Iterator[bytes]]
"""Bytes of a file of the repository: so many from an offset on."""


class Uki:
    """The new UKI `file`, beside the `running` one, whose release says that its sections are `old`.

    That the running UKI is the one of that release is not taken for granted: a build that was never published may have
    the same version.
    """

    def __init__(self, file: File, old: Sequence[Part], running: Source) -> None:
        self._file = file
        self._running = running
        there = {(part.sha256, part.size): part for part in old}
        new = sorted(file.parts, key=lambda part: part.offset)
        found = [(part, there[part.sha256, part.size]) for part in new if (part.sha256, part.size) in there]
        self._parts = [(new, old) for new, old in found if new.size and _digest(running, old) == old.sha256]
        """Sections of the new UKI that the running one has too, each with the old one."""

    def missing(self) -> list[tuple[int, int]]:
        """Ranges of bytes of the new UKI that have to be fetched."""
        return _gaps(self._file.size, [part for part, _ in self._parts])

    def chunks(self, fetch: Fetch) -> Iterator[bytes]:
        """All of it. Raises VerificationError `release-file` instead of the last piece when it is not its release's."""
        file = self._file
        pieces: list[tuple[int, int, int | None]] = [(first, end, None) for first, end in self.missing()]
        pieces += [(new.offset, new.offset + new.size, old.offset) for new, old in self._parts]
        digest = hashlib.sha256()
        at = 0
        for first, end, old_at in sorted(pieces):
            if first != at:
                raise VerificationError("release-file", f"the sections of {file.path} overlap")
            size = end - first
            for data in fetch(file, first, size) if old_at is None else self._running.chunks(old_at, old_at + size):
                digest.update(data)
                yield data
            at = end
        if at != file.size or digest.hexdigest() != file.sha256:
            raise VerificationError("release-file", f"{file.path} is not as its release says")


def _digest(running: Source, part: Part) -> str:
    """What the running UKI has in the place of a section; nothing when it ends before."""
    if part.offset + part.size > running.size:
        return ""
    digest = hashlib.sha256()
    for data in running.chunks(part.offset, part.offset + part.size):
        digest.update(data)
    return digest.hexdigest()


def _gaps(size: int, parts: Sequence[Part]) -> list[tuple[int, int]]:
    """What of `size` bytes lies outside of `parts`, which are in order."""
    gaps, at = [], 0
    for part in parts:
        if part.offset > at:
            gaps.append((at, part.offset))
        at = part.offset + part.size
    if at < size:
        gaps.append((at, size))
    return gaps
