"""nsswitch.conf(5): Debian's own, with the services that packages put in by their scripts.

What stays true: a service stands at most once in a line, at the place its package asked for. Imports model and
packages.scripts.effects only (and `entries`).
"""

import re
from collections.abc import Iterable, Sequence

from adamant.compose import entries
from adamant.model.tree import Entry, Tree
from adamant.packages.scripts.effects import NssDatabase, NssService

PATH = "etc/nsswitch.conf"
DEFAULT = "usr/share/libc-bin/nsswitch.conf"

_LINE = re.compile(r"^(\s*)([a-z]+):(\s*)(.*?)(\s*(?:#.*)?)$")
_WORD = re.compile(r"\[[^\]]*\]|[^\s\[\]]+")


def make(tree: Tree, effects: Iterable[NssService | NssDatabase]) -> list[Entry]:
    """nsswitch.conf, or nothing when the tree has none."""
    source = entries.real_file(tree, PATH) or entries.real_file(tree, DEFAULT)
    if source is None:
        return []
    return [entries.file(PATH, change(entries.text(source), effects))]


def change(text: str, effects: Iterable[NssService | NssDatabase]) -> str:
    """`text` with the databases added first, then the services."""
    effects = list(effects)
    lines = text.splitlines()
    for effect in effects:
        if isinstance(effect, NssDatabase) and not any(_is_for(line, effect.database) for line in lines):
            lines.append(f"{effect.database + ':':<15} ")
    for effect in effects:
        if isinstance(effect, NssService):
            lines = [_insert(line, effect) if _is_for(line, effect.database) else line for line in lines]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _is_for(line: str, database: str) -> bool:
    found = _LINE.match(line)
    return found is not None and found[2] == database


def _insert(line: str, effect: NssService) -> str:
    found = _LINE.match(line)
    assert found is not None
    groups = _groups(_WORD.findall(found[4]))
    names = [group[0] for group in groups]
    own = _WORD.findall(effect.service)
    if own[0] in names or any(name in names for name in effect.unless):
        return line
    if effect.position in {"first", "last"}:
        at = 0 if effect.position == "first" else len(groups)
    else:
        anchor = next((names.index(a) for a in effect.anchors if a in names), None)
        if anchor is None:
            return line
        at = anchor + (effect.position == "after")
    groups.insert(at, own)
    gap = found[3] or " "
    return f"{found[1]}{found[2]}:{gap}{' '.join(word for group in groups for word in group)}{found[5]}"


def _groups(words: Sequence[str]) -> list[list[str]]:
    """Services, each with the actions in brackets that follow it."""
    groups: list[list[str]] = []
    for word in words:
        if word.startswith("[") and groups:
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups
