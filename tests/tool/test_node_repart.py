"""The first boot's partitions, made by the real systemd-repart on a file in place of a disk."""

import os
import re
from pathlib import Path

import pytest

from adamant.core import proc
from adamant.image import disk, gpt
from adamant.machine import fault
from adamant.model import luks2
from adamant.model.arch import Arch
from adamant.model.encryption import Encryption
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


def make_partitions(
    tree: ToolsTree,
    path: Path,
    *more: str,
    posture: Posture = Posture.GUARDED,
    key: Path | None = None,
    check: bool = True,
) -> proc.Result:
    """What adamant-repart.service does to the disk in the file `path`; with `key`, in an image of encryption by one."""
    definitions = path.parent / "repart.d"
    how = Encryption.CREDENTIAL if key else None
    started = []
    for entry in house.house_files(posture, SLOT, how):
        folder, _, name = entry.path.partition("usr/lib/repart.d/")
        if name and not folder:
            (definitions / name).parent.mkdir(parents=True, exist_ok=True)
            (definitions / name).write_bytes(entry.content or b"")
        if "/adamant-repart.service" in entry.path:
            started += re.findall("^ExecStart=(.+)$", (entry.content or b"").decode(), re.MULTILINE)
    words = started[-1].replace("%d/adamant.disk-key", str(key)).split()
    options = [word for word in words[1:] if not word.startswith("--definitions")]
    return proc.run(
        "make partitions",
        tree.argv("systemd-repart", *options, *more, f"--definitions={definitions}", "--offline=yes", str(path)),
        environment={**tree.environment, "TMPDIR": str(path.parent)},
        check=check,
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


def test_with_a_key_that_is_passed_what_is_made_opens_by_it_and_by_no_other(
    tree: ToolsTree, published: Path, tmp_path: Path
) -> None:
    key, other = tmp_path / "key", tmp_path / "other"
    key.write_bytes(bytes(range(32)))
    other.write_bytes(bytes(32))
    for path in (key, other):
        path.chmod(0o600)
    make_partitions(tree, published, "--exclude-partitions=var", key=key)  # its 700 MiB would take half a minute
    state = table_of(published)[-1]
    assert (state.label, state.size) == ("state", 80 * MIB)
    with published.open("rb") as source:
        source.seek(state.offset)
        (tmp_path / "state").write_bytes(source.read(state.size))
    header = luks2.read((tmp_path / "state").read_bytes()[: luks2.HEADER_MOST])
    assert header == luks2.Header("aes-xts-plain64", (), recovery_slots=(), other_keys=1)
    assert [opens(tree, tmp_path / "state", path) for path in (key, other)] == [0, 2]


def opens(tree: ToolsTree, volume: Path, key: Path) -> int:
    """How cryptsetup(8) ends that tries `key` on `volume`: 0 when it opens it, 2 when it does not."""
    argv = tree.argv("cryptsetup", "open", "--test-passphrase", f"--key-file={key}", volume)
    return proc.run("open", argv, check=False, environment=tree.environment).code


def test_without_the_key_nothing_is_made_and_the_reason_is_said(tree: ToolsTree, published: Path) -> None:
    before = table_of(published)
    done = make_partitions(tree, published, key=published.parent / "missing", check=False)
    assert done.code != 0
    assert b"Failed to read key file" in done.stderr
    assert fault.explain(["systemd-repart[1]: " + done.stderr.decode().strip()])
    assert table_of(published) == before
