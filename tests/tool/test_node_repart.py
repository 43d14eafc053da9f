"""The first boot's partitions, made by the real systemd-repart on a file in place of a disk."""

import os
from pathlib import Path

import pytest

from adamant.core import proc
from adamant.image import disk, gpt
from adamant.model.arch import Arch
from adamant.model.layout import verity_size
from adamant.model.posture import Posture
from adamant.node import house
from adamant.packages.tools import ToolsTree

ESP = 64 << 20
SLOT = 128 << 20
MIB = 1 << 20
LABELS = ["esp", "usr-a", "usr-a-verity", "usr-b", "usr-b-verity", "state", "var"]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A disk of 1 GiB with the table of a published image, and known bytes in its slot."""
    path = tmp_path / "disk"
    table = disk.table(Arch.AMD64, "example", "1", ESP, SLOT)
    head, tail = gpt.encode(table)
    with path.open("wb") as out:
        out.truncate(table.size)
        out.write(head)
        out.seek(table.size - len(tail))
        out.write(tail)
        for placed in table.partitions:
            out.seek(placed.offset)
            out.write(placed.label.encode().ljust(4096, b"."))
        out.truncate(1024 * MIB)
    return path


def make_partitions(tree: ToolsTree, path: Path, posture: str = "guarded") -> None:
    """What adamant-repart.service does to the disk in the file `path`."""
    definitions = path.parent / "repart.d"
    definitions.mkdir(exist_ok=True)
    for entry in house.house_files(Posture(posture), SLOT):
        if entry.path.startswith("usr/lib/repart.d/"):
            (definitions / entry.path.rpartition("/")[2]).write_bytes(entry.content or b"")
    unit = house.house_files(Posture(posture), SLOT)
    (line,) = [
        line
        for entry in unit
        if entry.path.endswith("/adamant-repart.service")
        for line in (entry.content or b"").decode().splitlines()
        if line.startswith("ExecStart=")
    ]
    options = [word for word in line.split()[1:] if not word.startswith("--definitions")]
    proc.run(
        "make partitions",
        tree.argv("systemd-repart", *options, f"--definitions={definitions}", "--offline=yes", str(path)),
        environment={**tree.environment, "TMPDIR": str(path.parent)},
    )


def table_of(path: Path) -> list[gpt.Placed]:
    """The partitions of the disk in the file `path`."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return list(gpt.decode(gpt.read_at(fd), path.stat().st_size).partitions)
    finally:
        os.close(fd)


def test_the_first_boot_makes_the_rest_and_leaves_what_is_there(tree: ToolsTree, published: Path) -> None:
    before = _published_part(published)
    make_partitions(tree, published)
    placed = table_of(published)
    assert [p.label for p in placed] == LABELS
    sizes = {p.label: p.size for p in placed}
    assert (sizes["esp"], sizes["usr-a"], sizes["usr-b"]) == (ESP, SLOT, SLOT)
    assert sizes["usr-a-verity"] == sizes["usr-b-verity"] == verity_size(SLOT)
    assert sizes["state"] == 64 * MIB
    assert sizes["var"] > 1024 * MIB - ESP - 2 * (SLOT + verity_size(SLOT)) - 64 * MIB - 4 * MIB
    assert _published_part(published) == before


def _published_part(path: Path) -> list[tuple[int, bytes]]:
    """Where each partition of the published image begins, and its first bytes."""
    found = []
    with path.open("rb") as source:
        for placed in disk.table(Arch.AMD64, "example", "1", ESP, SLOT).partitions:
            source.seek(placed.offset)
            found.append((placed.offset, source.read(4096)))
    return found


def test_state_and_var_are_ext4(tree: ToolsTree, published: Path) -> None:
    make_partitions(tree, published)
    with published.open("rb") as source:
        for placed in table_of(published)[-2:]:
            source.seek(placed.offset + 1080)
            assert source.read(2) == b"\x53\xef"


def test_the_next_boot_changes_nothing(tree: ToolsTree, published: Path) -> None:
    make_partitions(tree, published)
    before = table_of(published)
    var = before[-1]
    with published.open("r+b") as out:
        out.seek(var.offset + 100 * MIB)
        out.write(b"kept")
    make_partitions(tree, published)
    assert table_of(published) == before
    with published.open("rb") as source:
        source.seek(var.offset + 100 * MIB)
        assert source.read(4) == b"kept"


def test_a_larger_disk_makes_var_larger_and_nothing_else(tree: ToolsTree, published: Path) -> None:
    make_partitions(tree, published)
    before = {p.label: (p.offset, p.size) for p in table_of(published)}
    with published.open("r+b") as out:
        out.truncate(2048 * MIB)
    make_partitions(tree, published)
    after = {p.label: (p.offset, p.size) for p in table_of(published)}
    assert after["var"][0] == before["var"][0]
    assert after["var"][1] > before["var"][1] + 1000 * MIB
    assert {k: v for k, v in after.items() if k != "var"} == {k: v for k, v in before.items() if k != "var"}
