"""Settings of the kernel in files (sysctl.d(5)): their lines, and which line counts."""

import re
from collections.abc import Iterable
from typing import NamedTuple

FOLDERS = ("etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d")
"""Where files lie, relative to `/`: of two with one name, that of the folder named first counts."""
NAME = re.compile(r"[A-Za-z0-9_*?\[\]-]+(?:[./][A-Za-z0-9_.:*?\[\]@-]+)+")
_TURNED = str.maketrans("./", "/.")


class Line(NamedTuple):
    """A line that sets something: the setting with slashes, its value, the file, and whether it may fail."""

    path: str
    value: str
    file: str
    optional: bool


def path_of(name: str) -> str:
    """The setting with slashes (sysctl.d(5)): the first of `.` and `/` in a name is what stands between its parts."""
    first = next((character for character in name if character in "./"), "")
    return name.translate(_TURNED) if first == "." else name


def name_of(path: str) -> str:
    """The setting with dots."""
    return path.translate(_TURNED)


def parse(content: str, file: str) -> list[Line]:
    """The lines of a file that set something."""
    found = []
    for raw in content.splitlines():
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        name, separator, value = line.partition("=")
        name = name.strip()
        optional = name.startswith("-")
        name = name.lstrip("-").strip()
        if separator and NAME.fullmatch(name) and ".." not in name:
            found.append(Line(path_of(name), value.strip(), file, optional))
    return found


def last(lines: Iterable[Line]) -> dict[str, Line]:
    """The line that counts for each setting."""
    return {line.path: line for line in lines}


def equal(actual: str, desired: str) -> bool:
    """Whether the kernel says what was asked for: it writes tabs between parts, and numbers in decimal."""
    return [_number(word) for word in actual.split()] == [_number(word) for word in desired.split()]


def _number(word: str) -> str:
    try:
        return str(int(word, 0)) if len(word) <= 20 else word
    except ValueError:
        return word
