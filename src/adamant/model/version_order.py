"""Which of two versions of an image is newer: the Version Format Specification of the UAPI Group (UAPI.10).

The same order as sd-boot and systemd-sysupdate use, so that the boot menu and the agent agree on what is newest.
"""

import functools
import re

from adamant.model.errors import InputError

_ALLOWED = re.compile(r"[0-9A-Za-z.~^-]{1,64}")
_RUN = re.compile(r"[0-9]+|[A-Za-z]+")
_RANK = {"~": -1, "-": 1, "^": 2, ".": 3}
"""Separators from old to new; the end of a version is 0, after `~` alone, and what is no separator comes last."""
_PART = 4


def compare(a: str, b: str) -> int:
    """Negative when `a` is older than `b`, 0 when they are equal, positive when it is newer.

    Raises InputError `version-malformed` for other characters than letters, digits and `.~^-`.
    """
    for version in (a, b):
        if not _ALLOWED.fullmatch(version):
            raise InputError(
                "version-malformed", f"not a version: {version[:80]!r}", hint="letters, digits and . ~ ^ -"
            )
    i = j = 0
    while True:
        x, y = _rank(a, i), _rank(b, j)
        if x != y:
            return x - y
        if x == 0:
            return 0
        if x != _PART:
            i, j = i + 1, j + 1
            continue
        one, i = _part(a, i)
        other, j = _part(b, j)
        if one != other:
            return -1 if one < other else 1


def _rank(version: str, at: int) -> int:
    return 0 if at >= len(version) else _RANK.get(version[at], _PART)


def _part(version: str, at: int) -> tuple[tuple[int, int, str], int]:
    """The run of digits or letters at `at`, as a key to compare by, and where it ends. Numbers are newer than words."""
    match = _RUN.match(version, at)
    assert match is not None
    text = match[0]
    return ((1, int(text), "") if text[0].isdigit() else (0, 0, text)), match.end()


KEY = functools.cmp_to_key(compare)
"""A key for sorted() and max()."""
