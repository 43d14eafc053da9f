"""Byte code for the Python files of an image: unchecked-hash .pyc (PEP 552), so that nothing is compiled at boot.

What stays true: the byte code names files by their path in the image, and is the same on every computer: each group of
files is compiled in a fresh interpreter, in sorted order, with a fixed hash seed. A package's byte code is made once
and kept. Imports model, core and packages.tools only (and `entries`, `staging`).
"""

import functools
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from adamant.compose import entries, staging
from adamant.core import proc
from adamant.core.store import Store
from adamant.model.digest import Identity, identity
from adamant.model.errors import AdamantError
from adamant.model.tree import Entry, Kind, Tree
from adamant.packages.tools import ToolsTree

VERSION = "3.13"
TAG = "cpython-313"
"""How the names of its byte code and libraries in C tell it from other versions (PEP 3147)."""

_INTERPRETER = f"usr/bin/python{VERSION}"
_ROOTS = ("usr/lib/python3/", f"usr/lib/python{VERSION}/", "usr/lib/adamant/")
_LEFT_OUT = re.compile(r"/(config-[^/]*|ensurepip|idlelib|lib2to3|pydoc_data|test|tests|tkinter|turtledemo)/")
"""Parts of the standard library that no program of an image imports."""

_COMPILE = "data/compile.py"
_OPTIONS = ("-s", "-S", "-B")
"""Nothing of this computer or person is imported. Not -I: it would have the hash seed ignored."""

_ENVIRONMENT = {"PYTHONHASHSEED": "0"}
"""The order of constant sets in byte code hangs on the hash seed."""

_KEEP = 64
"""Packages whose byte code is kept."""


def jobs(tree: Tree, tools: ToolsTree, store: Store) -> list[Callable[[], list[Entry]]]:
    """Calls that each make the .pyc files of one package, the biggest first; none when the image has no Python.

    Raises AdamantError (`python-version`) when the image has another Python than the tools tree.
    """
    if not any(re.fullmatch(r"usr/bin/python3\.\d+", p) for p in tree):
        return []
    if _INTERPRETER not in tree:
        raise AdamantError("python-version", f"the image has another Python than {VERSION}")
    groups: dict[str, list[Entry]] = {}
    for path, entry in tree.items():
        if path.endswith(".py") and entry.kind is Kind.FILE and path.startswith(_ROOTS) and not _LEFT_OUT.search(path):
            groups.setdefault(entry.package, []).append(entry)
    program = resources.files("adamant.compose").joinpath(_COMPILE).read_bytes()
    compiler = identity(
        "compile",
        {
            "program": program.decode(),
            "tools": tools.identity,
            "options": list(_OPTIONS),
            "environment": dict(_ENVIRONMENT),
        },
    )
    order = sorted(groups, key=lambda name: (-sum(e.size for e in groups[name]), name))
    return [functools.partial(_compile, name, groups[name], compiler, tools, store) for name in order]


def _compile(package: str, sources: list[Entry], compiler: Identity, tools: ToolsTree, store: Store) -> list[Entry]:
    sources = entries.sort(sources)

    def work(out: Path) -> None:
        staging.stage(sources, out / "in")
        program = resources.files("adamant.compose").joinpath(_COMPILE)
        (out / "compile.py").write_bytes(program.read_bytes())
        names = "".join(f"{e.path}\n" for e in sources).encode()
        proc.run(
            f"compile the Python files of {package or 'Adamant'}",
            [
                *tools.argv(f"usr/bin/python{VERSION}"),
                *_OPTIONS,
                str(out / "compile.py"),
                str(out / "in"),
                str(out / "out"),
            ],
            environment={**_ENVIRONMENT, "PYTHONHOME": str(tools.root / "usr")},
            stdin=names,
        )
        staging.keep(out, sorted((out / "out").iterdir()))

    inputs = {"compiler": compiler, "package": package, "sources": staging.inputs(sources), "format": 1}
    step = store.step("bytecode", inputs, work, scope=package, label=package or "adamant", keep=_KEEP)
    made: list[Entry] = []
    for index, source in enumerate(sources):
        compiled = step.path / f"{index}.pyc"
        if compiled.exists():
            folder, _, name = source.path.rpartition("/")
            path = f"{folder}/__pycache__/{name.removesuffix('.py')}.{TAG}.pyc"
            made.append(entries.stored(path, compiled))
    return made + entries.parents({}, made) if made else []
