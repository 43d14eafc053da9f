"""Secrets in what a node shows: command lines, labels, arguments of the kernel. What looks like one is masked.

A value is masked when its name says that it is secret, or when it stands in a URL as a password. That is a net, not a
promise: who passes secrets on a command line shows them to the whole machine.
"""

import re
from collections.abc import Mapping, Sequence

MASK = "(masked)"
_SECRET = re.compile(
    r"(?i)(?:pass(?:word|wd|phrase)?|secret|token|credential|api[-_.]?key|private[-_.]?key|access[-_.]?key|auth(?:orization)?"
    r"|bearer|cookie|psk|fastopen[-_]key)(?:s|[-_.]?[0-9]+)?$"
)
# Bounded, and begun by what is rare: a command line is as long and as odd as whoever starts a program wants.
_PASSWORD_IN_URL = re.compile(r"(://[^/\s:@]{0,256}):[^/\s@]{1,1024}@")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}")


def is_secret(name: str) -> bool:
    """Whether what has this name is to be masked, such as `--db-password` or `registry.token`."""
    return bool(_SECRET.search(name))


def text(value: str) -> str:
    """A text without the secrets that can be told from it alone: passwords in URLs, headers of HTTP."""
    return _BEARER.sub(rf"\1 {MASK}", _PASSWORD_IN_URL.sub(rf"\1:{MASK}@", value))


def pair(word: str) -> str:
    """A word of the form NAME=VALUE with its value masked when the name says so."""
    name, separator, value = word.partition("=")
    if separator and value and is_secret(name):
        return f"{name}={MASK}"
    return text(word)


def words(line: Sequence[str]) -> list[str]:
    """The words of a command line: `--token=x`, `--token x`, `TOKEN=x` and passwords in URLs lose what is secret."""
    masked, hide = [], False
    for word in line:
        if hide and not word.startswith("-"):
            masked.append(MASK)
            hide = False
            continue
        hide = word.startswith("-") and "=" not in word and is_secret(word)
        masked.append(pair(word))
    return masked


def labels(values: Mapping[str, str]) -> dict[str, str]:
    """Labels or variables with the values masked whose names say that they are secret."""
    return {name: MASK if value and is_secret(name) else text(value) for name, value in values.items()}
