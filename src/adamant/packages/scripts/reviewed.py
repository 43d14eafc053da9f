"""The reviewed table: hand-written maintainer scripts that somebody has read, by the hash of their lines.

Data stands in data/reviewed.toml; docs/guide/maintainer-scripts.md says how to add to it. An entry says why nothing is
to be done, or what replaces the script, and holds the effects that are left for compose.
"""

import functools
from enum import StrEnum
from importlib import resources

import msgspec
from msgspec import Struct

from adamant.model.definition import PackageName, ScriptName
from adamant.model.digest import Sha256
from adamant.model.lock import Digest
from adamant.packages.scripts.effects import Effect, Mechanism, Nothing, Replaced


class Verdict(StrEnum):
    """What a review found."""

    NOTHING = "nothing"
    """The script leaves nothing in an image, for the reason given."""
    REPLACED = "replaced"
    """What it leaves is made by `mechanism`, or by the entry's own effects."""


class Reviewed(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry. `sha256` lists the hashes of the script's known versions, which all got this verdict."""

    package: PackageName
    script: ScriptName
    sha256: tuple[Digest, ...]
    verdict: Verdict
    reason: str
    mechanism: tuple[Mechanism, ...] = ()
    effects: tuple[Effect, ...] = ()


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    script: tuple[Reviewed, ...]


def effects(entry: Reviewed) -> tuple[Effect, ...]:
    """All effects of an entry, with its verdict as the first."""
    if entry.mechanism:
        return (*(Replaced(mechanism, entry.reason) for mechanism in entry.mechanism), *entry.effects)
    return entry.effects or (Nothing(entry.reason),)


def decode(data: bytes) -> dict[tuple[str, ScriptName, Sha256], Reviewed]:
    """The table from the bytes of its file. Raises ValueError when an entry is not valid or stands there twice."""
    table: dict[tuple[str, ScriptName, Sha256], Reviewed] = {}
    for entry in msgspec.toml.decode(data, type=_Table).script:
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
    return decode(resources.files("adamant.packages.scripts").joinpath("data/reviewed.toml").read_bytes())
