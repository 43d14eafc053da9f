"""The root file system of a published disk: sound, the same bytes everywhere, and grown by the real tools."""

import os
import shutil
from pathlib import Path
from uuid import UUID

import pytest

from adamant.core import proc
from adamant.image import disk, gpt, root
from adamant.model import derive, layout
from adamant.model.arch import Arch
from adamant.model.layout import verity_size
from adamant.model.posture import Posture
from adamant.packages.tools import ToolsTree
from tests.tool.test_node_repart import ESP, MIB, SLOT, make_partitions, table_of

ID = derive.guid("root", "example", "1", "amd64")
SPACE = 2048 * MIB


@pytest.fixture(scope="module")
def made(tree: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("root") / "root"
    root.make_root(ID, tree, path)
    return path


def _said(tree: ToolsTree, program: str, *words: str | Path) -> str:
    return proc.run("look at the file system", tree.argv(program, *words), environment=tree.environment).stdout.decode()


def test_two_in_different_places_and_times_are_the_same_bytes(
    made: Path, tree: ToolsTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MKE2FS_CONFIG", "/nonexistent")
    other = tmp_path / "somewhere else" / "root"
    other.parent.mkdir()
    previous = os.umask(0o077)
    try:
        root.make_root(ID, tree, other)
    finally:
        os.umask(previous)
    assert other.read_bytes() == made.read_bytes()


def test_another_identity_is_another_file_system(made: Path, tree: ToolsTree, tmp_path: Path) -> None:
    root.make_root(UUID(int=7), tree, tmp_path / "root")
    assert (tmp_path / "root").read_bytes() != made.read_bytes()


def test_it_is_sound_empty_and_takes_little_room(made: Path, tree: ToolsTree) -> None:
    assert made.stat().st_size == layout.ROOT_SIZE
    assert made.stat().st_blocks * 512 < 16 * MIB
    _said(tree, "e2fsck", "-f", "-n", made)
    assert _said(tree, "debugfs", "-R", "ls -p /", made).count("/\n") == 3  # itself, the folder above it, lost+found
    told = dict(line.split(":", 1) for line in _said(tree, "dumpe2fs", "-h", made).splitlines() if ":" in line)
    assert told["Filesystem UUID"].strip() == str(ID)
    assert told["Filesystem state"].strip() == "clean"
    assert {"metadata_csum", "64bit", "has_journal", "resize_inode"} <= set(told["Filesystem features"].split())


@pytest.fixture
def published(made: Path, tmp_path: Path) -> Path:
    """A disk of 2 GiB with a published image of a machine whose root is on disk."""
    for name in ("esp", "usr", "verity"):
        (tmp_path / name).write_bytes(name.encode().ljust(4096, b"."))
    parts = disk.DiskParts(
        Arch.AMD64, "example", "1", ESP, SLOT, tmp_path / "esp", tmp_path / "usr", tmp_path / "verity", made
    )
    path = tmp_path / "disk"
    disk.make_disk(parts, path)
    os.truncate(path, SPACE)
    return path


def _places(path: Path) -> dict[str, tuple[int, int]]:
    return {placed.label: (placed.offset, placed.size) for placed in table_of(path)}


def test_the_first_boot_fills_the_gap_and_root_alone_grows(tree: ToolsTree, published: Path) -> None:
    before = _places(published)
    make_partitions(tree, published, posture=Posture.OPEN)
    after = _places(published)
    assert sorted(after, key=after.__getitem__) == [
        *("esp", "usr-a", "usr-a-verity", "usr-b", "usr-b-verity", "state", "root")
    ]
    assert {label: after[label] for label in before if label != "root"} == {
        label: place for label, place in before.items() if label != "root"
    }
    assert after["root"][0] == before["root"][0]
    assert (after["usr-b"][1], after["usr-b-verity"][1]) == (SLOT, verity_size(SLOT))
    assert after["state"][1] == layout.STATE_SIZE
    assert sum(after["root"]) > SPACE - 4 * MIB
    make_partitions(tree, published, posture=Posture.OPEN)
    assert _places(published) == after, "the next boot changes nothing"


def test_a_larger_disk_makes_root_larger_and_nothing_else(tree: ToolsTree, published: Path) -> None:
    make_partitions(tree, published, posture=Posture.OPEN)
    before = _places(published)
    os.truncate(published, SPACE + 1024 * MIB)
    make_partitions(tree, published, posture=Posture.OPEN)
    after = _places(published)
    assert after["root"][1] > before["root"][1] + 1000 * MIB
    assert {k: v for k, v in after.items() if k != "root"} == {k: v for k, v in before.items() if k != "root"}


def test_the_file_system_can_grow_to_the_size_of_a_large_disk(made: Path, tree: ToolsTree, tmp_path: Path) -> None:
    grown = tmp_path / "grown"
    shutil.copyfile(made, grown)
    os.truncate(grown, 64 << 30)
    _said(tree, "resize2fs", grown)
    _said(tree, "e2fsck", "-f", "-n", grown)


def test_the_root_has_the_type_that_repart_knows(tree: ToolsTree, published: Path) -> None:
    (placed,) = [p for p in table_of(published) if p.label == "root"]
    assert isinstance(placed, gpt.Placed)
    make_partitions(tree, published, posture=Posture.OPEN)
    assert [p.guid for p in table_of(published) if p.label == "root"] == [placed.guid], "it was taken for another one"
