"""What a posture leaves out of its packages, on small trees; Debian's real ones are in tests/tool/test_unread.py."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from adamant.compose import entries, imports, unread
from adamant.core.store import Store
from adamant.model.arch import NAMES, Arch
from adamant.model.posture import Posture
from adamant.model.tree import Entry, Tree
from adamant.packages.tools import ToolsTree

LIBRARIES = f"usr/lib/{NAMES[Arch.AMD64].triplet}"
PYTHON = "usr/lib/python3/dist-packages"


def _of(package: str, path: str, data: str = "x") -> Entry:
    return replace(entries.file(path, data), package=package)


def _tree() -> Tree:
    found = [
        _of("base", f"{LIBRARIES}/gconv/BIG5.so"),
        _of("base", f"{LIBRARIES}/gconv/more/EUC.so"),
        entries.link(f"{LIBRARIES}/alphabets", "gconv"),
        entries.link(f"{LIBRARIES}/alphabet.so", "gconv/BIG5.so"),
        _of("base", "usr/share/zsh/vendor-completions/_base"),
        _of("mine", "usr/share/zsh/vendor-completions/_mine"),
        _of("", "usr/share/bash-completion/completions/ours"),
        _of("base", "usr/share/doc/base/copyright"),
    ]
    tree = {entry.path: entry for entry in found}
    tree |= {entry.path: entry for entry in entries.parents(tree, found)}
    return tree | {"usr/share/empty": entries.directory("usr/share/empty")}


def _left_out(tree: Tree, posture: Posture, store: Path) -> set[str]:
    before = set(tree)
    # Python is listed, so no tool is asked about it
    unread.drop(tree, posture, Arch.AMD64, ("mine", "python3"), (), cast("ToolsTree", None), Store(store))
    return before - set(tree)


def test_sealed_does_without_what_nothing_reads_and_keeps_what_is_listed(tmp_path: Path) -> None:
    assert _left_out(_tree(), Posture.SEALED, tmp_path) == {
        f"{LIBRARIES}/gconv",
        f"{LIBRARIES}/gconv/BIG5.so",
        f"{LIBRARIES}/gconv/more",
        f"{LIBRARIES}/gconv/more/EUC.so",
        f"{LIBRARIES}/alphabets",
        f"{LIBRARIES}/alphabet.so",
        "usr/share/zsh/vendor-completions/_base",
        LIBRARIES,
        "usr/lib",
    }


@pytest.mark.parametrize("posture", [Posture.OPEN, Posture.GUARDED])
def test_other_postures_keep_whole_packages(posture: Posture, tmp_path: Path) -> None:
    assert _left_out(_tree(), posture, tmp_path) == set()


def test_byte_code_takes_the_place_of_its_source_but_for_programs_and_what_is_listed() -> None:
    found = [
        _of(package, path)
        for package, name in (("base", "one"), ("", "program"), ("mine", "listed"))
        for path in (f"{PYTHON}/{name}.py", f"{PYTHON}/__pycache__/{name}.cpython-313.pyc")
    ]
    tree = {entry.path: entry for entry in [*found, _of("base", f"{PYTHON}/template.py")]}
    gone, made = imports.sourceless(tree, ("mine",), {f"{PYTHON}/program.py"})
    assert gone == [f"{PYTHON}/one.py", f"{PYTHON}/__pycache__/one.cpython-313.pyc"]
    assert [entry.path for entry in made] == [f"{PYTHON}/one.pyc"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{PYTHON}/adamant/node/agent.py", "adamant.node.agent"),
        (f"{PYTHON}/grpc/__init__.py", "grpc"),
        (f"{PYTHON}/grpc/_cython/cygrpc.cpython-313-x86_64-linux-gnu.so", "grpc._cython.cygrpc"),
        ("usr/lib/python3.13/lib-dynload/_ssl.cpython-313-x86_64-linux-gnu.so", "_ssl"),
        ("usr/lib/python3.13/os.py", "os"),
    ],
)
def test_a_module_has_the_name_of_its_path(path: str, name: str) -> None:
    assert imports.module_name(path) == name


def test_every_row_of_the_tables_has_a_reason() -> None:
    assert all([*unread.UNREAD.values(), *imports.BY_NAME.values(), *imports.CUT.values()])
