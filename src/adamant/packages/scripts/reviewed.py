"""The reviewed table: hand-written maintainer scripts that somebody has read, by the hash of their lines.

Data stands in data/reviewed.json; docs/guide/maintainer-scripts.md says how to add to it. An entry says why nothing is
to be done, or what replaces the script, and holds the effects that are left for compose.
"""

import functools
import re
from enum import StrEnum
from importlib import resources
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from adamant.model.definition import ScriptName
from adamant.model.digest import Sha256
from adamant.model.lock import Digest
from adamant.packages.scripts import handwritten
from adamant.packages.scripts.effects import Effect, Mechanism, Nothing, Replaced

_KERNEL = re.compile(r"linux-image-(?P<release>[0-9][a-z0-9.+-]*?)(?:-unsigned)?")


class Verdict(StrEnum):
    """What a review found."""

    NOTHING = "nothing"
    """The script leaves nothing in an image, for the reason given."""
    REPLACED = "replaced"
    """What it leaves is made by `mechanism`, or by the entry's own effects."""


class Reviewed(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry. `sha256` lists the hashes of the script's known versions, which all got this verdict.

    `package` may be the name of a family (`canonical`). With `skips_generated`, the script keeps its generated sections
    from running at a first installation, so that they have no effect.
    """

    package: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9+.-]+\*?$")]
    script: ScriptName
    sha256: tuple[Digest, ...]
    verdict: Verdict
    reason: str
    mechanism: tuple[Mechanism, ...] = ()
    effects: tuple[Effect, ...] = ()
    skips_generated: bool = False


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    script: tuple[Reviewed, ...]


def effects(entry: Reviewed) -> tuple[Effect, ...]:
    """All effects of an entry, with its verdict as the first."""
    if entry.mechanism:
        return (*(Replaced(mechanism, entry.reason) for mechanism in entry.mechanism), *entry.effects)
    return entry.effects or (Nothing(entry.reason),)


def decode(data: bytes) -> dict[tuple[str, ScriptName, Sha256], Reviewed]:
    """The table from the bytes of its file. Raises ValueError when an entry is not valid or stands there twice."""
    table: dict[tuple[str, ScriptName, Sha256], Reviewed] = {}
    for entry in msgspec.json.decode(data, type=Table).script:
        if entry.verdict is Verdict.NOTHING and (entry.mechanism or entry.effects):
            raise ValueError(f"{entry.package} {entry.script}: nothing is to be done, yet effects are listed")
        if entry.verdict is Verdict.REPLACED and not (entry.mechanism or entry.effects):
            raise ValueError(f"{entry.package} {entry.script}: replaced by what?")
        for sha256 in entry.sha256:
            key = (entry.package, entry.script, Sha256(sha256))
            if key in table:
                raise ValueError(f"{entry.package} {entry.script} {sha256} is listed twice")
            table[key] = entry
    return table


@functools.cache
def reviewed() -> dict[tuple[str, ScriptName, Sha256], Reviewed]:
    """The table by package, script and hash."""
    return decode(resources.files("adamant.packages.scripts").joinpath("data/reviewed.json").read_bytes())


def canonical(package: str, lines: tuple[str, ...]) -> tuple[str, Sha256]:
    """Name and hash under which a script stands in the table.

    Each kernel is a package of another name (linux-image-RELEASE), and its scripts hold that release. They stand in the
    table as `linux-image-*`, their hash taken with the release replaced.
    """
    kernel = _KERNEL.fullmatch(package)
    if not kernel:
        return package, handwritten.digest(lines)
    return "linux-image-*", handwritten.digest(tuple(line.replace(kernel["release"], "RELEASE") for line in lines))


def lookup(package: str, script: ScriptName, lines: tuple[str, ...]) -> Reviewed | None:
    """The entry for a script with these hand-written lines, if somebody has read exactly them."""
    name, sha256 = canonical(package, lines)
    return reviewed().get((name, script, sha256))
