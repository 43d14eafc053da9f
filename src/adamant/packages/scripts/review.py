"""The review of all maintainer scripts of an image: each is generated, reviewed, accepted, recorded, or unreviewed.

No script is skipped unseen: one that nobody has read makes `require_reviewed` fail, and so the build. Nothing is run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from adamant.model.definition import AcceptedScript, ScriptName
from adamant.model.digest import Sha256
from adamant.model.errors import AdamantError
from adamant.model.lock import Recording
from adamant.packages.layer import Layer
from adamant.packages.scripts import reviewed
from adamant.packages.scripts.effects import Alternative, Effect, EnableUnit, Nothing
from adamant.packages.scripts.snippets import parse_script

_SHOWN_LINES = 40


class Basis(StrEnum):
    """Why a script need not run."""

    GENERATED = "generated"
    """It holds nothing but sections of known generators."""
    REVIEWED = "reviewed"
    ACCEPTED = "accepted"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was found of one script."""

    package: str
    script: ScriptName
    sha256: Sha256
    basis: Basis
    reason: str


@dataclass(frozen=True, slots=True)
class Unreviewed:
    """A script that nobody has read. `lines` are its hand-written lines, `sha256` is their hash."""

    package: str
    version: str
    script: ScriptName
    sha256: Sha256
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """The outcome, in the order of the packages' names.

    `effects` are by package, preinst before postinst; a package without effects is not in it. `recordings` are those
    that apply. `unreviewed` must be empty before anything is built.
    """

    effects: Mapping[str, tuple[Effect, ...]]
    decisions: tuple[Decision, ...]
    recordings: tuple[Recording, ...]
    unreviewed: tuple[Unreviewed, ...]

    @property
    def units(self) -> dict[str, tuple[EnableUnit, ...]]:
        """Units that packages enable, by package."""
        found = {p: tuple(e for e in effects if isinstance(e, EnableUnit)) for p, effects in self.effects.items()}
        return {package: units for package, units in found.items() if units}

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """Everything that is offered to update-alternatives."""
        return tuple(e for effects in self.effects.values() for e in effects if isinstance(e, Alternative))


def review(
    layers: Iterable[Layer],
    accepted: Sequence[AcceptedScript] = (),
    recordings: Sequence[Recording] = (),
) -> Review:
    """Review the preinst and postinst of all `layers`.

    What a person accepted in the definition goes before a recording, and that before the reviewed table; each counts
    only for the exact hand-written lines it was made for. Generated sections take effect
    unless the table says that they do not run.
    """
    words = {(a.package, a.script, a.sha256): a for a in accepted}
    records = {(r.package, r.script, r.script_sha256): r for r in recordings}
    effects: dict[str, tuple[Effect, ...]] = {}
    decisions: list[Decision] = []
    used: list[Recording] = []
    unreviewed: list[Unreviewed] = []
    for layer in sorted(layers, key=lambda found: found.package.name):
        package = layer.package.name
        mine: list[Effect] = []
        for script in ScriptName:
            text = layer.scripts.get(script.value)
            if text is None:
                continue
            parsed = parse_script(text)
            mine += parsed.effects
            key = (package, script, parsed.sha256)

            def decide(basis: Basis, reason: str, key: tuple[str, ScriptName, Sha256] = key) -> None:
                decisions.append(Decision(*key, basis, reason))

            if not parsed.lines:
                decide(Basis.GENERATED, "")
            elif word := words.get(key):
                mine.append(Nothing(word.reason))
                decide(Basis.ACCEPTED, word.reason)
            elif record := records.get(key):
                used.append(record)
                decide(Basis.RECORDED, "run once in a sandbox")
            elif entry := reviewed.lookup(package, script, parsed.lines):
                if entry.skips_generated:
                    del mine[len(mine) - len(parsed.effects) :]
                mine += reviewed.effects(entry)
                decide(Basis.REVIEWED, entry.reason)
            else:
                unreviewed.append(Unreviewed(package, layer.package.version, script, parsed.sha256, parsed.lines))
        if mine:
            effects[package] = tuple(mine)
    return Review(effects, tuple(decisions), tuple(used), tuple(unreviewed))


def require_reviewed(found: Review) -> None:
    """Raise AdamantError (script-unreviewed) that shows each unreviewed script and the two ways out."""
    if not found.unreviewed:
        return
    names = sorted({u.package for u in found.unreviewed})
    many = (
        f"{len(found.unreviewed)} maintainer scripts have" if len(found.unreviewed) > 1 else "a maintainer script has"
    )
    raise AdamantError(
        "script-unreviewed",
        f"{many} hand-written lines that nobody has reviewed: {', '.join(names)}",
        context="\n".join(describe(u) for u in found.unreviewed),
        hint=ways_out(found.unreviewed),
    )


def ways_out(scripts: Sequence[Unreviewed]) -> str:
    """What a person can do about unreviewed scripts."""
    names = sorted({script.package for script in scripts})
    return (
        "either read the lines and, when an image needs nothing of them, accept them in the definition:\n"
        + acceptance(scripts)
        + "or run them once in a sandbox and keep what they change in the lock:\n"
        + "".join(f"  adamant lock --record {name}\n" for name in names).rstrip("\n")
    )


def describe(script: Unreviewed) -> str:
    """The hand-written lines of a script for a person, at most _SHOWN_LINES of them."""
    lines = [f"  {line}" for line in script.lines[:_SHOWN_LINES]]
    if len(script.lines) > _SHOWN_LINES:
        lines.append(f"  ... and {len(script.lines) - _SHOWN_LINES} more lines")
    text = "\n".join(lines)
    shown = "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return f"{script.package} {script.version}, {script.script.value}:\n{shown}"


def acceptance(scripts: Iterable[Unreviewed]) -> str:
    """YAML for the definition that accepts `scripts`."""
    items = "".join(
        f"  - package: {script.package}\n"
        f"    script: {script.script.value}\n"
        f"    sha256: {script.sha256}\n"
        f"    reason: what you found\n"
        for script in scripts
    )
    return f"scripts:\n{items}"
