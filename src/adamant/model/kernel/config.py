"""Lines of kconfig (kernel, Documentation/kbuild/kconfig-language.rst): what a `.config` and a fragment hold.

A config is the value of each option by its name without `CONFIG_`: `y`, `m`, a number, or a text in its quotes; `n`
for one that is not set. Pure.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adamant.model.errors import InputError

_SET = re.compile(r'CONFIG_([A-Za-z0-9_]{1,128})=(y|m|n|-?[0-9]+|0x[0-9A-Fa-f]+|"(?:[^"\\]|\\.)*")')
_UNSET = re.compile(r"# CONFIG_([A-Za-z0-9_]{1,128}) is not set")

Config = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fragment:
    """Lines of one file. `name` is what errors call it."""

    name: str
    options: Config


def parse(text: str, name: str) -> Fragment:
    """The options of a fragment or a `.config`. Raises InputError kconfig-malformed with the line."""
    options: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if match := _SET.fullmatch(line):
            options[match[1]] = match[2]
        elif match := _UNSET.fullmatch(line):
            options[match[1]] = "n"
        elif line and not line.startswith("#"):
            raise InputError(
                "kconfig-malformed",
                f"{name}, line {number}: {line[:80]!r} is no line of a kernel config",
                hint="write CONFIG_NAME=y, =m, a number or a text in quotes, or: # CONFIG_NAME is not set",
            )
    return Fragment(name, options)


def merge(fragments: Sequence[Fragment]) -> dict[str, tuple[str, str]]:
    """The wanted value of each option, and the name of the fragment that wants it: a later one counts."""
    wanted: dict[str, tuple[str, str]] = {}
    for fragment in fragments:
        for option, value in fragment.options.items():
            wanted[option] = (value, fragment.name)
    return wanted


def line(option: str, value: str) -> str:
    """The line of a config that gives an option its value."""
    return f"# CONFIG_{option} is not set" if value == "n" else f"CONFIG_{option}={value}"


def missing(wanted: Mapping[str, tuple[str, str]], final: Config) -> list[str]:
    """What of `wanted` the finished config does not have, a text for each: the line, whose it is, what is there."""
    found = []
    for option, (value, name) in sorted(wanted.items()):
        there = final.get(option, "n")
        if there != value:
            found.append(f"{line(option, value)} ({name}): the config has {line(option, there)}")
    return found
