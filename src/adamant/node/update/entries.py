"""The UKIs on the ESP: the only mutable boot state is a file name (docs/design.md, decision 8).

`adamant_<version>+<left>-<done>.efi` has `left` tries left and `done` behind it; without a counter it was found good
(The Boot Loader Specification, Boot counting). sd-boot renames the file before it starts it.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from adamant.model.version_order import KEY

TRIES = 3
"""Boots that a new release has to become healthy."""

_NAME = re.compile(
    r"(?P<stem>(?P<image>[a-z][a-z0-9-]{0,31})_(?P<version>[0-9][0-9A-Za-z.~^]{0,31}))"
    r"(?:\+(?P<left>[0-9]{1,3})(?:-(?P<done>[0-9]{1,3}))?)?\.efi"
)


class Entry(NamedTuple):
    """A UKI on the ESP. `left` is None when it carries no counter: it is good."""

    image: str
    version: str
    left: int | None
    done: int

    @property
    def name(self) -> str:
        """The file name."""
        return f"{self.image}_{self.version}{self._counter}.efi"

    @property
    def _counter(self) -> str:
        if self.left is None:
            return ""
        return f"+{self.left}-{self.done}" if self.done else f"+{self.left}"

    @property
    def good(self) -> bool:
        """It was healthy once."""
        return self.left is None

    @property
    def failed(self) -> bool:
        """It has used up its tries."""
        return self.left == 0


def parse(name: str) -> Entry | None:
    """The entry of a file name, or None for a name that is none of ours."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    left = int(match["left"]) if match["left"] is not None else None
    return Entry(match["image"], match["version"], left, int(match["done"] or 0))


def fresh(image: str, version: str) -> Entry:
    """The entry of a new release, on trial."""
    return Entry(image, version, TRIES, 0)


def others(entries: Sequence[Entry], running: Entry) -> list[Entry]:
    """Entries of other releases of the image that runs: what is removed before one of them boots from another slot."""
    return [entry for entry in entries if entry.image == running.image and entry.version != running.version]


def order(entries: Sequence[Entry]) -> list[Entry]:
    """Entries as sd-boot tries them: those without tries last, then the newest version first, good before on trial."""
    newest = sorted(entries, key=lambda entry: (KEY(entry.version), entry.left or 0), reverse=True)
    return sorted(newest, key=lambda entry: entry.failed)
