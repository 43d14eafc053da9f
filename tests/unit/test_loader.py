"""Command lines of the tools tree: by its own loader, under the name that was asked for."""

from pathlib import Path

import pytest

from adamant.model.arch import NAMES, Arch
from adamant.model.digest import Identity
from adamant.model.errors import AdamantError
from adamant.packages.tools import ToolsTree

ELF = b"\x7fELF" + bytes(60)


@pytest.fixture
def tree(tmp_path: Path) -> ToolsTree:
    for path, data in {
        "usr/bin/kmod": ELF,
        "usr/bin/python3.13": ELF,
        "usr/lib/systemd/systemd-sbsign": ELF,
        "usr/bin/ukify": b"#!/usr/bin/python3\nprint()\n",
        "usr/bin/shelly": b"#!/bin/sh\n",
        "usr/bin/empty": b"",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    (tmp_path / "usr/sbin").mkdir()
    (tmp_path / "usr/sbin/depmod").symlink_to("../bin/kmod")
    (tmp_path / "usr/bin/python3").symlink_to("python3.13")
    return ToolsTree(tmp_path, Arch.AMD64, Identity("0" * 64))


def test_a_program_starts_by_the_trees_loader_and_libraries_alone(tree: ToolsTree) -> None:
    argv = tree.argv("systemd-sbsign", "sign", Path("a b"))
    assert argv[0] == str(tree.root / NAMES[Arch.AMD64].loader)
    assert "--inhibit-cache" in argv
    libraries = argv[argv.index("--library-path") + 1].split(":")
    assert all(path.startswith(f"{tree.root}/usr/lib/x86_64-linux-gnu") for path in libraries)
    assert argv[-3:] == [str(tree.root / "usr/lib/systemd/systemd-sbsign"), "sign", "a b"]


def test_a_link_is_started_under_its_own_name(tree: ToolsTree) -> None:
    argv = tree.argv("depmod", "-a")
    assert argv[argv.index("--argv0") + 1] == "depmod"
    assert argv[-2:] == [str(tree.root / "usr/bin/kmod"), "-a"]


def test_python_never_writes_into_the_tree(tree: ToolsTree) -> None:
    python = str(tree.root / "usr/bin/python3.13")
    assert tree.argv("python3", "-c", "")[-5:] == [python, python, "-B", "-c", ""]
    assert tree.argv("ukify", "build")[-6:] == [python, python, "-I", "-B", str(tree.root / "usr/bin/ukify"), "build"]


@pytest.mark.parametrize("program", ["shelly", "empty"])
def test_what_would_need_the_host_is_refused(tree: ToolsTree, program: str) -> None:
    with pytest.raises(AdamantError) as caught:
        tree.argv(program)
    assert caught.value.reference == "tool-not-runnable"


@pytest.mark.parametrize("program", ["nosuch", "usr/bin/nosuch", ""])
def test_a_missing_program_is_named(tree: ToolsTree, program: str) -> None:
    with pytest.raises(AdamantError) as caught:
        tree.argv(program)
    assert caught.value.reference == "tool-missing"


def test_programs_that_start_others_find_the_tree_first(tree: ToolsTree) -> None:
    assert tree.environment["PATH"].startswith(f"{tree.wrappers}:")
    assert all(str(tree.root) in value for value in tree.environment.values())
