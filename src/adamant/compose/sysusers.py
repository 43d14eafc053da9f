"""Lines of sysusers.d(5): parsing only. What they mean for an image is in `accounts`.

What stays true: a line that systemd-sysusers would refuse is an error that names file and line. Imports model only.
"""

import re
from dataclasses import dataclass

from adamant.model.errors import InputError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,30}")
_TOKEN = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\S+))(?=\s|$)""")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of sysusers.d: `type` is u, g, m or r; a field that is not given is empty. `where` is file and line."""

    type: str
    name: str
    id: str
    gecos: str
    home: str
    shell: str
    locked: bool
    where: str


def fields(line: str, where: str) -> list[str]:
    """Words of a configuration line: separated by white space, quoted with ' or ", backslash takes the next as it is.

    Raises InputError (`line-malformed`) when a quote is not closed.
    """
    words: list[str] = []
    position = 0
    line = line.strip()
    while position < len(line):
        found = _TOKEN.match(line, position)
        if found is None:
            raise InputError("line-malformed", f"cannot be read: {line[:200]!r}", context=where)
        double, single, plain = found.groups()
        if plain is not None:
            if plain[0] in "\"'":
                raise InputError("line-malformed", f"a quote is not closed: {line[:200]!r}", context=where)
            words.append(plain)
        else:
            words.append(_ESCAPE.sub(r"\1", double if double is not None else single))
        position = found.end()
    return words


def valid_name(name: str) -> bool:
    """Whether `name` can be that of a user or group (systemd's strict rule, as in sysusers.d(5))."""
    return _NAME.fullmatch(name) is not None


def parse(text: str, path: str) -> list[Line]:
    """Lines of the file `path`. Raises InputError (`line-malformed`)."""
    lines: list[Line] = []
    for number, raw in enumerate(text.split("\n"), 1):
        where = f"{path}:{number}"
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        words = fields(raw, where)
        if len(words) < 2 or len(words) > 6:
            raise InputError("line-malformed", f"not a sysusers line: {raw.strip()[:200]!r}", context=where)
        words += [""] * (6 - len(words))
        kind, name, *rest = words
        ident, gecos, home, shell = ("" if w == "-" else w for w in rest)
        locked = kind == "u!"
        kind = kind.removesuffix("!") if locked else kind
        if kind not in {"u", "g", "m", "r"}:
            raise InputError("line-malformed", f"unknown type {kind!r}", context=where, hint="one of u, u!, g, m, r")
        if (kind == "r") != (name == "-") or (kind != "r" and not valid_name(name)):
            raise InputError("line-malformed", f"not a name: {name!r}", context=where)
        if kind == "m" and not valid_name(ident):
            raise InputError("line-malformed", f"not a group: {ident!r}", context=where)
        if any(":" in value or "\n" in value for value in (gecos, home, shell)):
            raise InputError("line-malformed", "a field may hold no colon", context=where)
        if any(value and not value.startswith("/") for value in (home, shell)):
            raise InputError("line-malformed", "home and shell are absolute paths", context=where)
        lines.append(Line(kind, name, ident, gecos, home, shell, locked, where))
    return lines
