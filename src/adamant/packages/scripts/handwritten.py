"""Hand-written lines of a maintainer script, in the form that is hashed and reviewed.

What goes away changes nothing that a script does: the interpreter line, blank lines, comment lines, indentation, `set`
of flags at the start, a last `exit 0`. What stands in a here document or in a quoted string of several lines stays as
it is. MARKER stands where generated sections were, so that the place of a section is part of what is reviewed. Two
scripts with the same hash therefore do the same. Never guesses: what it cannot tell, it keeps.
"""

import hashlib
import re

from adamant.model.digest import Sha256

MARKER = "#DEBHELPER#"

_SHELL = re.compile(r"#![ \t]*(/usr)?/bin/(env[ \t]+)?(ba|da)?sh([ \t]+-[euxv]+)?[ \t]*")
_INERT_LINE = re.compile(r"set[ \t]+[-+][euxv]+([ \t]+pipefail)?|set[ \t]+-o[ \t]+(errexit|pipefail|nounset)")
_CONFMODULE = re.compile(r"(\.|source)[ \t]+/usr/share/debconf/confmodule|db_stop")
_SPECIAL = re.compile(r"""['"\\$#<()]""")
_HEREDOC = re.compile(r"<<(-?)[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|\\?([A-Za-z_0-9.!@%+-]+))")

_MESSAGE = r"""(?:"(?:[^"\\`$]|\\.|\$\{?(?:[0-9@*]|DPKG_MAINTSCRIPT_[A-Z]+)\}?)*"|'[^']*'|[A-Za-z0-9_.:]+)"""
_ECHO = rf"(?:(?:>&2[ ]|1>&2[ ])?(?:echo|printf)(?:[ ]{_MESSAGE})+(?:[ ]?1?>[ ]?(?:&2|/dev/stderr))?)"
_STATEMENT = rf"(?:true|:|{_ECHO}|exit (?P<code>[0-9]+)|{re.escape(MARKER)}|db_stop)"
_CASE = re.compile(r'case "?\$\{?1(?::-)?\}?"? in')
_ARM = re.compile(
    r"""\(?(?P<patterns>(?:[a-z-]+|"[a-z-]+"|'[a-z-]+'|\*)(?: ?\| ?(?:[a-z-]+|"[a-z-]+"|'[a-z-]+'|\*))*) ?\)"""
)
_STATEMENTS = re.compile(rf"{_STATEMENT}(?=[;\n]|$)")
_RUNS_AT_INSTALL = {"configure", "install", "*"}


def is_shell(text: str) -> bool:
    """Whether the interpreter line names a POSIX shell. Any other script is hand-written from its first byte on."""
    return _SHELL.fullmatch(text.split("\n", 1)[0]) is not None


def normalise(text: str) -> tuple[str, ...]:
    """The lines of a shell script that do something. MARKER lines stay, several in a row as one."""
    lines: list[str] = []
    state = _Quoting()
    continued = False
    for index, raw in enumerate(text.split("\n")):
        if state.inside or continued:
            lines.append(raw)
            state.read(raw)
            continued = not state.inside and _continues(raw)
            continue
        line = raw.lstrip(" \t")
        if line.rstrip(" \t\r") == MARKER:
            if not lines or lines[-1] != MARKER:
                lines.append(MARKER)
            continue
        if not line.rstrip(" \t\r") or line.startswith("#") or (index == 0 and line.startswith("#!")):
            continue
        lines.append(line)
        state.read(line)
        continued = not state.inside and _continues(line)
    return tuple(_without_frame(lines))


def has_effect(lines: tuple[str, ...]) -> bool:
    """Whether normalised lines hold a command: anything besides MARKER and a check of the first argument."""
    inert = (_CONFMODULE, _INERT_LINE)
    rest = [line for line in lines if not any(pattern.fullmatch(line.rstrip(" \t;")) for pattern in inert)]
    return bool([line for line in rest if line != MARKER]) and not _is_argument_check("\n".join(rest))


def digest(lines: tuple[str, ...]) -> Sha256:
    """The hash under which hand-written lines are reviewed, accepted or recorded."""
    data = "".join(line + "\n" for line in lines).encode(errors="surrogateescape")
    return Sha256(hashlib.sha256(data).hexdigest())


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _without_frame(lines: list[str]) -> list[str]:
    start = 0
    while start < len(lines) and _INERT_LINE.fullmatch(lines[start].rstrip(" \t;")):
        start += 1
    end = len(lines)
    while end > start and re.fullmatch(r"exit 0|:|true", lines[end - 1].rstrip(" \t;")):
        # The end of a continued command would be no command of its own.
        if end - 2 >= start and _continues(lines[end - 2]):
            break
        end -= 1
    return lines[start:end]


class _Quoting:
    """Follows quotes, substitutions and here documents from line to line, to know which lines are text."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._documents: list[tuple[str, bool]] = []

    @property
    def inside(self) -> bool:
        return bool(self._open or self._documents)

    def read(self, line: str) -> None:
        if self._documents and not self._open:
            word, tabs = self._documents[0]
            if (line.lstrip("\t") if tabs else line) == word:
                self._documents.pop(0)
            return
        position = 0
        while position < len(line):
            found = _SPECIAL.search(line, position)
            if not found:
                return
            position = self._read_one(line, found.start())

    def _read_one(self, line: str, position: int) -> int:
        """Read what stands at `position`. Returns the position behind it."""
        character = line[position]
        within = self._open[-1] if self._open else ""
        if within == "'":
            if character == "'":
                self._open.pop()
        elif character == "\\":
            return position + 2
        elif line.startswith("$(", position):
            self._open.append("(")
            return position + 2
        elif character == '"':
            if within == '"':
                self._open.pop()
            else:
                self._open.append('"')
        elif within != '"':
            return self._read_unquoted(line, position, within)
        return position + 1

    def _read_unquoted(self, line: str, position: int, within: str) -> int:
        character = line[position]
        if character == "'":
            self._open.append("'")
        elif character == "(" and within == "(":
            self._open.append("(")
        elif character == ")" and within == "(":
            self._open.pop()
        elif character == "#" and (position == 0 or line[position - 1] in " \t;&|("):
            return len(line)
        elif line.startswith("<<<", position):
            return position + 3
        elif line.startswith("<<", position):
            found = _HEREDOC.match(line, position)
            if found:
                self._documents.append((found[2] or found[3] or found[4], bool(found[1])))
                return found.end()
        return position + 1


def _is_argument_check(text: str) -> bool:
    """Whether `text` is only a `case "$1"` whose arms do nothing at an installation but hold MARKER."""
    text = re.sub(r"[ \t]+", " ", text)
    position = 0

    def skip(pattern: str) -> None:
        nonlocal position
        found = re.compile(pattern).match(text, position)
        assert found is not None
        position = found.end()

    cases = 0
    while True:
        skip(rf"(?:[ ;\n]|{re.escape(MARKER)}(?=\n|$))*")
        if position == len(text):
            return cases > 0
        begin = _CASE.match(text, position)
        if not begin:
            return False
        cases += 1
        position = begin.end()
        while True:
            skip(r"[ \n]*")
            if re.compile(r"esac(?=[;\s]|$)").match(text, position):
                position += len("esac")
                break
            arm = _ARM.match(text, position)
            if not arm:
                return False
            position = arm.end()
            patterns = set(re.split(r"[ |\"']+", arm["patterns"]))
            skip(r"[ \n]*")
            while found := _STATEMENTS.match(text, position):
                if found["code"] is not None and int(found["code"]) == 0 and patterns & _RUNS_AT_INSTALL:
                    return False
                position = found.end()
                skip(r" *(?:;(?!;))?[ \n]*")
            if text.startswith(";;", position):
                position += 2
            elif not re.compile(r"esac(?=[;\s]|$)").match(text, position):
                return False
