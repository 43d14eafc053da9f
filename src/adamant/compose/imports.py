"""Python modules that nothing of an image imports, where Python is a library for the agent alone.

What stays true: what the agent's modules import, directly or not, at once or later, stays, but for the modules of CUT;
no module that stays needs one of those to be imported. Imports model, core and packages.tools only (and `entries`,
`python`, `staging`).
"""

import json
from collections.abc import Collection
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path

import msgspec

from adamant.compose import entries, python, staging
from adamant.core import files, proc
from adamant.core.store import Store
from adamant.model.errors import AdamantError
from adamant.model.tree import Entry, Kind, Tree
from adamant.packages.tools import ToolsTree

FOLDERS = (
    f"usr/lib/python{python.VERSION}",
    f"usr/lib/python{python.VERSION}/lib-dynload",
    "usr/lib/python3/dist-packages",
)
"""Where the agent's Python looks for modules, in order."""

BY_NAME: dict[str, str] = {
    "_strptime": "datetime and time, for strptime()",
    "_sysconfigdata_*": "what Python was built with, which zoneinfo asks for",
    "asyncio": "the library of gRPC",
    "concurrent.futures": "the library of gRPC",
    "copyreg": "each object that is copied",
    "encodings.ascii": "text",
    "encodings.idna": "sockets, for names of hosts",
    "encodings.iso8859_1*": "text of HTTP",
    "encodings.latin_1": "text",
    "encodings.punycode": "names of hosts",
    "encodings.*unicode_escape": "messages of protobuf as text",
    "encodings.utf_*": "text, Python as it starts, and names in variables of the firmware and in partition tables",
    "importlib.metadata": "Python as it looks for what is installed",
    "importlib.resources": "the library of gRPC",
    "importlib.util": "Python as it runs a file",
    "linecache": "what is printed of an error",
    "locale": "text files",
    "pkgutil": "the library of gRPC, for certificates",
    "runpy": "Python as it runs a file",
    "stringprep": "names of hosts",
    "traceback": "what is printed of an error",
    "typing": "msgspec",
    "warnings": "several",
    "weakref": "several",
    "zoneinfo": "msgspec, for times",
}
"""Modules that are imported by code in C, or by a name that is made up as a program runs, which no source shows:
patterns of their names, and who imports them or what for."""

CUT: dict[str, str] = {
    "_pyrepl": "the interpreter for people",
    "chardet": "guesses how the text of a web page is written; requests does without",
    "code": "the interpreter for people",
    "concurrent.futures.process": "work in processes of Python, which nobody can start here",
    "doctest": "tests",
    "http.server": "a server for people who try things",
    "multiprocessing": "work in processes of Python, which nobody can start here",
    "pdb": "the debugger",
    "pydoc": "pages about Python for people",
    "test": "tests",
    "unittest": "tests",
    "webbrowser": "opens pages for people",
    "xmlrpc": "a protocol that nothing of ours speaks",
}
"""Modules that those of the agent name, in functions that nobody calls or where it does without, and why not."""


class _Found(msgspec.Struct, frozen=True):
    kept: tuple[str, ...]
    broken: tuple[str, ...]


def unread(tree: Tree, listed: Collection[str], tools: ToolsTree, store: Store) -> list[str]:
    """Paths of the base's Python modules that the agent never imports, sorted: sources, byte code, libraries.

    Nothing when the definition lists Python itself. Raises AdamantError (`python-cut`) when a module that stays cannot
    be imported without one of CUT, or one that the agent imports cannot without one that is not there.
    """
    if "python3" in listed:
        return []
    modules = _modules(tree, (".py", ".so"))
    whole = {entry.path for entry in modules if entry.package in ("", *listed)}
    names = [module_name(entry.path) for entry in modules]
    start = {name for name in names if any(fnmatchcase(name, pattern) for pattern in BY_NAME)}
    agent = {module_name(path) for path in whole}
    asked = {
        "folders": FOLDERS,
        "paths": [e.path for e in modules],
        "start": sorted(start | agent),
        "agent": sorted(agent),
        "cut": sorted(CUT),
    }
    program = resources.files("adamant.compose").joinpath("data/imports.py").read_bytes()

    def work(out: Path) -> None:
        staging.stage([entry for entry in modules if entry.path.endswith(".py")], out / "in")
        (out / "imports.py").write_bytes(program)
        words = ("-s", "-S", "-B", str(out / "imports.py"), str(out / "in"))
        argv = [*tools.argv(f"usr/bin/python{python.VERSION}"), *words]
        environment = {"PYTHONHOME": str(tools.root / "usr")}
        done = proc.run("find what the agent imports", argv, environment=environment, stdin=json.dumps(asked).encode())
        files.write_atomic(out / "found.json", done.stdout)
        staging.keep(out, [out / "found.json"])

    inputs = {
        "program": program.decode(),
        "asked": json.dumps(asked),
        "sources": staging.inputs(modules),
        "tools": tools.identity,
    }
    step = store.step("imports", inputs, work)
    found = msgspec.json.decode((step.path / "found.json").read_bytes(), type=_Found)
    if found.broken:
        raise AdamantError(
            "python-cut",
            f"the agent's Python would not start: {found.broken[0]}",
            context="\n".join(found.broken),
            hint="this version of the package is a newer one than the table of modules that Adamant leaves out",
        )
    gone = {entry.path for entry in modules} - set(found.kept) - whole
    return sorted({*gone, *(code for path in gone if (code := compiled(path)) in tree)})


def sourceless(tree: Tree, listed: Collection[str], programs: Collection[str]) -> tuple[list[str], list[Entry]]:
    """Byte code of the base in the place of its source, as Python takes it without one: what goes, and what comes.

    `programs` are files that Python is started with, which stay as they are.
    """
    gone: list[str] = []
    made: list[Entry] = []
    for entry in _modules(tree, (".py",)):
        code = tree.get(compiled(entry.path))
        if code is not None and entry.package not in listed and entry.path not in programs:
            gone += [entry.path, code.path]
            made.append(code.moved(f"{entry.path}c"))
    return gone, made


def compiled(path: str) -> str:
    """Where the byte code of the source at `path` lies (PEP 3147)."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{python.TAG}.pyc"


def _modules(tree: Tree, suffixes: tuple[str, ...]) -> list[Entry]:
    """Files of Python's folders whose name ends with one of `suffixes`, sorted."""
    found = {entry.path: entry for folder in FOLDERS for entry in entries.below(tree, folder)}
    return entries.sort(e for e in found.values() if e.kind is Kind.FILE and e.path.endswith(suffixes))


def module_name(path: str) -> str:
    """The name of the module whose source or library is at `path`, in one of FOLDERS."""
    folder = max((folder for folder in FOLDERS if path.startswith(f"{folder}/")), key=len)
    stem = path[len(folder) + 1 :].partition(".")[0]
    return stem.removesuffix("/__init__").replace("/", ".")
