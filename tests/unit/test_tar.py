"""One tree is one stream of bytes, and any reader of tar finds in it what the tree says."""

import hashlib
import io
import os
import random
import tarfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.compose.merge import relink
from adamant.compose.tar import write_tar
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.tree import Entry, Extent, Kind, Tree
from adamant.packages.archive import read_archive


def tree_of(*entries: Entry) -> Tree:
    return {entry.path: entry for entry in entries}


def file(path: str, content: bytes, **more: object) -> Entry:
    fields = {"path": path, "kind": Kind.FILE, "mode": 0o644, "size": len(content), "content": content, **more}
    return Entry(**fields)  # type: ignore[arg-type]


def written(tree: Tree) -> bytes:
    """What comes out of a pipe, as mkfs.erofs reads it."""
    reader, writer = os.pipe()
    found: list[bytes] = []

    def drain() -> None:
        with os.fdopen(reader, "rb") as source:
            found.append(source.read())

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        write_tar(tree, writer)
    finally:
        os.close(writer)
        thread.join()
    return found[0]


def mixed(folder: Path) -> Tree:
    segment = folder / "segment"
    big = random.Random(1).randbytes(300_000)
    segment.write_bytes(bytes(512) + big + bytes(512) + b"small")
    tree = tree_of(
        Entry("bin", Kind.DIRECTORY, 0o755),
        Entry("bin/big", Kind.FILE, 0o755, size=len(big), extent=Extent(str(segment), 512)),
        Entry("bin/small", Kind.FILE, 0o4755, gid=42, size=5, extent=Extent(str(segment), 1024 + len(big))),
        Entry("bin/link", Kind.SYMLINK, 0o777, target="../etc/" + "t" * 150),
        Entry("bin-x", Kind.FIFO, 0o600),
        Entry("bin/other", Kind.HARDLINK, 0o755, target="bin/big"),
        Entry("dev/null", Kind.CHARACTER, 0o666, device=(1, 3)),
        file("n" * 99 + "/" + "ü" * 60, b"long name", uid=5_000_000),
        file("cap", b"x", xattrs=(("user.b", b"\x00\n2"), ("security.capability", b"\x01\xff"))),
        file("empty", b""),
    )
    relink(tree)
    return tree


def test_the_stream_reads_back_as_the_tree(tmp_path: Path) -> None:
    tree = mixed(tmp_path)
    found = {entry.path: (entry, b"".join(pieces)) for entry, pieces in read_archive(io.BytesIO(written(tree)), "it")}
    assert found.keys() == tree.keys()
    for path, (entry, contents) in found.items():
        wanted = tree[path]
        for field in ("kind", "mode", "uid", "gid", "target", "size", "device"):
            assert getattr(entry, field) == getattr(wanted, field), (path, field)
        assert entry.xattrs == tuple(sorted(wanted.xattrs))
        if wanted.content is not None:
            assert contents == wanted.content
    assert len(found["bin/big"][1]) == 300_000
    assert found["bin/small"][1] == b"small"


def test_other_readers_find_the_same(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(written(mixed(tmp_path)))) as archive:
        members = {member.name: member for member in archive}
    assert members["bin/small"].mode == 0o4755
    assert members["bin/link"].linkname == "../etc/" + "t" * 150
    assert members["n" * 99 + "/" + "ü" * 60].uid == 5_000_000
    assert members["dev/null"].devminor == 3
    assert {(m.mtime, m.uname, m.gname) for m in members.values()} == {(0, "", "")}


def test_the_order_of_a_tree_does_not_matter(tmp_path: Path) -> None:
    tree = mixed(tmp_path)
    first = written(tree)
    for seed in range(3):
        items = list(tree.items())
        random.Random(seed).shuffle(items)
        assert written(dict(items)) == first


def test_neither_umask_nor_folder_nor_pipe_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = mixed(tmp_path)
    first = written(tree)
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o077)
    try:
        with Path("out").open("wb") as out:
            write_tar(tree, out.fileno())
    finally:
        os.umask(before)
    assert Path("out").read_bytes() == first


def test_folders_come_before_what_is_in_them(tmp_path: Path) -> None:
    names = [entry.path for entry, _ in read_archive(io.BytesIO(written(mixed(tmp_path))), "it")]
    assert names == sorted(names, key=str.encode)
    assert names.index("bin") < names.index("bin-x") < names.index("bin/big")


def test_the_root_has_a_fixed_mode() -> None:
    with tarfile.open(fileobj=io.BytesIO(written({}))) as archive:
        (root,) = archive.getmembers()
    assert (root.name, root.mode, root.uid, root.gid) == (".", 0o755, 0, 0)


def test_the_format_is_the_one_of_the_first_release() -> None:
    """Bytes of images depend on it: a change here is a full update for every machine."""
    tree = tree_of(file("a", b"1"), file("p" * 120, b"2"), Entry("l", Kind.SYMLINK, 0o777, target="a"))
    digest = hashlib.sha256(written(tree)).hexdigest()
    assert digest == "8c41f6ce897c608542176ae0dbfd78a38e57aee0fe11fedd742c6ccd9f179849"


@pytest.mark.parametrize("size", [100, 100_000])
def test_contents_cut_short_are_an_error(tmp_path: Path, size: int) -> None:
    segment = tmp_path / "segment"
    segment.write_bytes(bytes(size - 1))
    tree = tree_of(Entry("a", Kind.FILE, 0o644, size=size, extent=Extent(str(segment), 0)))
    with pytest.raises(VerificationError, match="segment-truncated"):
        written(tree)
    segment.unlink()
    with pytest.raises(VerificationError, match="segment-missing"):
        written(tree)


def test_a_tree_that_contradicts_itself_is_an_error() -> None:
    for entry, reference in (
        (file("a", b"1", size=2), "content-size"),
        (Entry("a", Kind.FILE, 0o644, size=2), "content-missing"),
        (Entry("a", Kind.HARDLINK, 0o644, target="b"), "hard-link-order"),
    ):
        with pytest.raises(AdamantError) as caught:
            written(tree_of(entry))
        assert caught.value.reference == reference


def test_a_reader_that_goes_away_is_an_error_for_the_caller() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        with pytest.raises(BrokenPipeError):
            write_tar(tree_of(file("a", bytes(100_000))), writer)
    finally:
        os.close(writer)


def test_more_segments_than_may_be_open_at_once(tmp_path: Path) -> None:
    tree: Tree = {}
    for number in range(300):
        path = tmp_path / f"s{number}"
        path.write_bytes(b"%04d" % number)
        tree[f"f{number}"] = Entry(f"f{number}", Kind.FILE, 0o644, size=4, extent=Extent(str(path), 0))
    found = {entry.path: b"".join(pieces) for entry, pieces in read_archive(io.BytesIO(written(tree)), "it")}
    assert found["f7"] == b"0007"
    assert len(found) == 300
    before = len(list(Path("/proc/self/fd").iterdir()))
    written(tree)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


_PART = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=60).filter(
    lambda text: text not in {".", ".."}
)


@given(st.dictionaries(st.lists(_PART, min_size=1, max_size=4).map("/".join), st.binary(max_size=2000), max_size=6))
def test_any_name_survives(contents: dict[str, bytes]) -> None:
    tree = {path: file(path, data) for path, data in contents.items()}
    for path in contents:
        if any(other.startswith(path + "/") for other in contents):
            del tree[path]
    found = {entry.path: b"".join(pieces) for entry, pieces in read_archive(io.BytesIO(written(tree)), "it")}
    assert found == {path: contents[path] for path in tree}
