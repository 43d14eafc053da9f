"""Print which Python modules a set of others imports, directly or not; run by the interpreter of the tools tree.

Argument: the folder with the sources. Standard input: a JSON object of `folders` (of the module path, in order),
`paths` (all files), `start` (names of modules to begin with), `agent` (those of them that must work) and `cut` (modules
that nobody calls). Standard output: a JSON object of `kept` (paths) and `broken`: a text for each module that would not
start without one that is cut, and for each that the agent needs and that would not without one that is not there.

An import inside a function counts as well, so that what is kept is more than a run would load. What C code imports,
or a name that is made up, does not show in a source: `start` has to name it.
"""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Import(NamedTuple):
    """A module that a source names; `needed` when its module cannot be imported without.

    With `part` the last word of the name may as well be something in a module.
    """

    name: str
    needed: bool
    part: bool = False


MADE = {"_frozen_importlib", "_frozen_importlib_external", "collections.abc"}
"""Modules without a file that others make, besides those that are built in."""


def imports(source: bytes, package: str) -> Iterator[Import]:
    """What a source that lies in `package` imports."""
    waiting: list[tuple[ast.AST, bool]] = [(ast.parse(source), True)]
    while waiting:
        node, needed = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, needed) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if node.level else []
            base = ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])
            yield Import(base, needed)
            # `from a import b`: b may be a module, or no module at all
            yield from (Import(f"{base}.{alias.name}", needed, part=True) for alias in node.names)
        # what stands in a function, a condition or a try is not needed to import the module
        needed = needed and isinstance(node, (ast.Module, ast.ClassDef, ast.With))
        waiting += [(child, needed) for child in ast.iter_child_nodes(node)]


def find(name: str, folders: list[str], files: dict[str, str]) -> str | None:
    """The file of a module; None for one that is built in, or is none."""
    place = name.replace(".", "/")
    for folder in folders:
        for stem in (f"{folder}/{place}/__init__", f"{folder}/{place}"):
            if stem in files:
                return files[stem]
    return None


def is_missing(name: str, folders: list[str], files: dict[str, str]) -> bool:
    """Whether a module is nowhere. One that a module makes as it is imported (`os.path`) is somewhere."""
    if name in sys.builtin_module_names or name in MADE or find(name, folders, files) is not None:
        return False
    parent = find(name.rpartition(".")[0], folders, files) if "." in name else None
    return parent is None or parent.endswith("/__init__.py")


def must_start(agent: list[str], named: dict[str, list[Import]]) -> list[str]:
    """The agent's modules, all that these name anywhere, and all that those need to be imported; sorted."""
    waiting = [*agent, *(found.name for name in agent for found in named.get(name, ()))]
    known: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in named and name not in known:
            known.add(name)
            waiting += [found.name for found in named[name] if found.needed]
            waiting += [name.rpartition(".")[0]]
    return sorted(known)


def is_cut(name: str, cut: set[str]) -> bool:
    """Whether a module is one of those that nobody calls, or lies in one."""
    return any(name == one or name.startswith(f"{one}.") for one in cut)


def main() -> None:
    """Do what the head of this file says."""
    asked = json.load(sys.stdin)
    folders, cut = asked["folders"], set(asked["cut"])
    # a module of C has the version in its name behind the first dot: those of .py stand before them
    ordered = sorted(asked["paths"], key=lambda path: not path.endswith(".py"))
    files: dict[str, str] = {}
    for path in ordered:
        folder, _, name = path.rpartition("/")
        files.setdefault(f"{folder}/{name.partition('.')[0]}", path)
    seen: set[str] = set()
    kept: set[str] = set()
    broken: list[str] = []
    named: dict[str, list[Import]] = {}
    waiting = list(asked["start"])
    while waiting:
        name = waiting.pop()
        if name in seen or is_cut(name, cut):
            continue
        seen.add(name)
        waiting += [name.rpartition(".")[0]] if "." in name else []
        path = find(name, folders, files)
        if path is None or path in kept:
            continue
        kept.add(path)
        if path.endswith(".py"):
            package = name if path.endswith("/__init__.py") else name.rpartition(".")[0]
            named[name] = list(imports((Path(sys.argv[1]) / path).read_bytes(), package))
            for found in named[name]:
                waiting.append(found.name)
                if found.needed and is_cut(found.name, cut):
                    broken.append(f"{name} imports {found.name}")
    for name in must_start(asked["agent"], named):
        for found in named[name]:
            if found.needed and not found.part and is_missing(found.name, folders, files):
                broken.append(f"{name} imports {found.name}, which is not there")
    json.dump({"kept": sorted(kept), "broken": sorted(broken)}, sys.stdout)


main()
