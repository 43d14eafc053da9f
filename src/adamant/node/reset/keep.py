"""What a reset keeps: regular expressions of whole paths, checked so that none takes long to look at.

A path stays when an expression fits the whole of it, and then all that is in it stays, and the folders that it lies in.
They are compiled by Python's re; what makes that take exponential time (groups that are repeated, references back,
looking around) is refused.
"""

import re
import warnings
from collections.abc import Iterable, Sequence

from adamant.core import limits
from adamant.model.errors import InputError

_UNBOUNDED = 3
"""Repetitions in one expression: the time grows with the length of a path to that power."""


class Keep:
    """The expressions, compiled."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises InputError `reset-keep`."""
        if len(patterns) > limits.RESET_KEPT:
            raise InputError("reset-keep", f"{len(patterns)} expressions are more than {limits.RESET_KEPT}")
        self._compiled = [_compile(pattern) for pattern in patterns]

    def fits(self, path: str) -> bool:
        """Whether `path`, absolute, is to stay."""
        return any(one.fullmatch(path) for one in self._compiled)


def _compile(pattern: str) -> "re.Pattern[str]":
    why = _refused(pattern)
    if not why:
        try:
            with warnings.catch_warnings(action="ignore", category=FutureWarning):
                return re.compile(pattern, re.DOTALL)
        except (re.error, OverflowError, RecursionError) as error:
            why = str(error)
    raise InputError(
        "reset-keep",
        f"not an expression for what stays: {pattern[:80]!r}: {why}",
        hint="write the whole path, as in /var/lib/etcd or /etc/ssh/.*",
    )


def _refused(pattern: str) -> str:
    """Why an expression is not taken; empty when it is."""
    if len(pattern) > limits.RESET_PATTERN or not pattern.isprintable():
        return f"it has more than {limits.RESET_PATTERN} characters, or some that cannot be printed"
    if not pattern.startswith("/"):
        return "it does not begin with /"
    repeated = 0
    before = ""
    for part in _parts(pattern):
        if part[0] == "\\" and part[1:].isalnum() and part[1:] not in {"d", "w", "D", "W", "s", "S"}:
            return "a backslash stands before a letter or digit"
        if part == "(?" or (before == "(" and part == "?"):
            return "a group begins with ?"
        if part in {"*", "+", "{"}:
            if before == ")":
                return "a group is repeated"
            repeated += 1
        before = part
    return f"it repeats more than {_UNBOUNDED} times" if repeated > _UNBOUNDED else ""


def _parts(pattern: str) -> Iterable[str]:
    """Characters, with what is escaped as one, and a class in brackets as one."""
    at = 0
    while at < len(pattern):
        end = at + 1
        if pattern[at] == "\\":
            end = at + 2
        elif pattern[at] == "[":
            end += pattern.startswith("^", end)
            end += pattern.startswith("]", end)
            while end < len(pattern) and pattern[end] != "]":
                end += 2 if pattern[end] == "\\" else 1
            end += 1
        yield pattern[at:end]
        at = end
