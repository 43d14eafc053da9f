"""Splits a maintainer script into generated sections, which become effects, and hand-written lines, which are hashed.

A section counts as generated only when its markers and its whole body are those of a known generator; otherwise its
lines are hand-written. Nothing is run and nothing is written.
"""

import re
from dataclasses import dataclass

from adamant.model.digest import Sha256
from adamant.packages.scripts import generators, handwritten
from adamant.packages.scripts.effects import Effect
from adamant.packages.scripts.handwritten import MARKER

_BEGIN = re.compile(r"[ \t]*# Automatically added by [^\n]*")
_END = re.compile(r"[ \t]*# End automatically added section[ \t]*")


@dataclass(frozen=True, slots=True)
class ParsedScript:
    """A maintainer script, split.

    `lines` are the normalised hand-written lines, empty when there is no command among them; `sha256` is their hash;
    `effects` are those of the generated sections, in their order.
    """

    lines: tuple[str, ...]
    sha256: Sha256
    effects: tuple[Effect, ...]


def parse_script(text: str) -> ParsedScript:
    """Split the text of a preinst or postinst. Any text has an answer: what is not known is hand-written."""
    if not handwritten.is_shell(text):
        lines = tuple(text.split("\n"))
        return ParsedScript(lines, handwritten.digest(lines), ())
    rest, effects = _split(text)
    lines = handwritten.normalise("\n".join(rest))
    if not handwritten.has_effect(lines):
        lines = ()
    return ParsedScript(lines, handwritten.digest(lines), tuple(effects))


def without_generated(text: str) -> str:
    """The script with `:` in the place of each generated section: what remains to be run for its hand-written lines."""
    if not handwritten.is_shell(text):
        return text
    rest, _effects = _split(text)
    return "\n".join(":" if line == MARKER else line for line in rest)


def _split(text: str) -> tuple[list[str], list[Effect]]:
    """Lines with MARKER for each known section, and the effects of those."""
    rest: list[str] = []
    effects: list[Effect] = []
    lines_left = text.split("\n")
    index = 0
    while index < len(lines_left):
        line = lines_left[index]
        if _BEGIN.fullmatch(line):
            end = _section_end(lines_left, index + 1)
            known = generators.translate("\n".join(lines_left[index + 1 : end])) if end else None
            if end and known is not None:
                effects += known
                rest.append(MARKER)
                index = end + 1
                continue
        rest.append(line)
        index += 1
    return rest, effects


def _section_end(lines: list[str], start: int) -> int:
    """Index of the end marker of the section whose body begins at `start`, or 0 when another section begins first."""
    for index in range(start, len(lines)):
        if _END.fullmatch(lines[index]):
            return index
        if _BEGIN.fullmatch(lines[index]):
            return 0
    return 0
