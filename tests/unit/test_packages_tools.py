"""Which tools tree serves commands without a lock: the last of an image, never the toolchain of a kernel."""

import os
from pathlib import Path

from adamant.packages.tools import newest_tools


def _tree(cache: Path, name: str, when: int, *programs: str) -> None:
    folder = cache / "tools" / name
    (folder / "usr/bin").mkdir(parents=True)
    for program in programs:
        (folder / "usr/bin" / program).touch()
    os.utime(folder, (when, when))


def test_the_tree_that_was_unpacked_last_is_taken(tmp_path: Path) -> None:
    _tree(tmp_path, "a" * 64, 2, "fsck.erofs")
    _tree(tmp_path, "b" * 64, 1, "fsck.erofs")
    found = newest_tools(tmp_path)
    assert found is not None
    assert found.root.name == "a" * 64


def test_neither_a_toolchain_nor_an_unfinished_tree_is_taken(tmp_path: Path) -> None:
    _tree(tmp_path, "a" * 64, 1, "fsck.erofs")
    _tree(tmp_path, "b" * 64, 2, "gcc")
    _tree(tmp_path, ".c", 3, "fsck.erofs")
    found = newest_tools(tmp_path)
    assert found is not None
    assert found.root.name == "a" * 64


def test_without_one_there_is_none(tmp_path: Path) -> None:
    assert newest_tools(tmp_path) is None
    _tree(tmp_path, "b" * 64, 2, "gcc")
    assert newest_tools(tmp_path) is None
