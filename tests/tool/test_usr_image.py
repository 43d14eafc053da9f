"""The usr image and its verity tree by the real tools: right, and the same bytes whatever surrounds the build."""

import os
import random
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from adamant.compose.merge import merge, relink
from adamant.core import files, proc, verity_tree
from adamant.core.source import open_source
from adamant.image import erofs, verity
from adamant.model.definition import Profile
from adamant.model.digest import Salt
from adamant.model.errors import VerificationError
from adamant.model.layout import BLOCK
from adamant.model.lock import Lock
from adamant.model.tree import Entry, Extent, Kind, Tree
from adamant.packages import fetch
from adamant.packages.layer import unpack_layers
from adamant.packages.tools import ToolsTree

PACKAGES = {"util-linux", "libc6", "coreutils", "base-files", "mount", "ca-certificates", "passwd", "libtinfo6"}
UUID_ = UUID("11111111-2222-3333-4444-555555555555")
SALT = Salt("5a" * 32)


@pytest.fixture(scope="module")
def usr(lock: Lock, cache: Path) -> Tree:
    """/usr of a few packages, with paths relative to it, and one entry of each kind that packages seldom have."""
    packages = [package for package in lock.image.packages if package.name in PACKAGES]
    layers = unpack_layers(packages, fetch.fetch(packages, cache), cache)
    found: Tree = {}
    for path, entry in merge(layers).items():
        if path.startswith("usr/"):
            target = entry.target.removeprefix("usr/") if entry.kind is Kind.HARDLINK else entry.target
            found[path[4:]] = replace(entry, path=path[4:], target=target)
    for entry in (
        Entry("odd/fifo", Kind.FIFO, 0o600),
        Entry("odd/null", Kind.CHARACTER, 0o666, device=(1, 3)),
        Entry("odd/again", Kind.HARDLINK, 0o755, target="bin/mount"),
        Entry("odd/cap", Kind.FILE, 0o755, size=1, content=b"x", xattrs=(("user.note", b"\x00\xff"),)),
        Entry("odd/empty", Kind.FILE, 0o2600, uid=7, gid=4_000_000),
        Entry("odd/" + "ü" * 100, Kind.SYMLINK, 0o777, target="t" * 200),
        Entry("odd", Kind.DIRECTORY, 0o1777),
    ):
        found[entry.path] = entry if entry.kind is not Kind.FILE or entry.content else replace(entry, content=b"")
    relink(found)
    return found


def made(usr: Tree, profile: Profile, tools: ToolsTree, out: Path, workers: int = 2) -> str:
    erofs.make_erofs(usr, profile, UUID_, tools, out, workers=workers)
    return files.sha256_file(out)


@pytest.mark.parametrize("profile", list(Profile))
def test_the_image_is_the_same_whatever_surrounds_the_build(
    usr: Tree, tree: ToolsTree, profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(usr, profile, tree, tmp_path / "usr.erofs")
    shuffled = list(usr.items())
    random.Random(3).shuffle(shuffled)
    folder = tmp_path / "another folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "12345")
    before = os.umask(0o077)
    try:
        for workers in (1, 4):
            assert made(dict(shuffled), profile, tree, Path("relative.img"), workers) == first
    finally:
        os.umask(before)
    assert (tmp_path / "usr.erofs").stat().st_size % BLOCK == 0


@pytest.mark.parametrize("profile", list(Profile))
def test_the_image_holds_the_tree(usr: Tree, tree: ToolsTree, profile: Profile, tmp_path: Path) -> None:
    image, out = tmp_path / "usr.erofs", tmp_path / "out"
    made(usr, profile, tree, image)
    proc.run("check", tree.argv("fsck.erofs", image))
    small = {path: e for path, e in usr.items() if e.kind is not Kind.CHARACTER}
    made(small, profile, tree, image)
    proc.run("extract", tree.argv("fsck.erofs", f"--extract={out}", "--no-preserve-owner", "--preserve-perms", image))
    found = {str(p.relative_to(out)) for p in out.rglob("*")}
    assert found == small.keys()
    for path, entry in small.items():
        place = out / path
        if entry.kind is Kind.SYMLINK:
            assert str(place.readlink()) == entry.target
            continue
        if entry.kind is not Kind.HARDLINK:
            assert place.stat().st_mode & 0o7777 == entry.mode, path
            assert place.stat().st_mtime == 0
        if entry.kind is Kind.FILE and entry.sha256:
            assert files.sha256_file(place) == entry.sha256
    assert (out / "odd/again").samefile(out / "bin/mount")


def test_the_root_of_the_image_is_plain(usr: Tree, tree: ToolsTree, tmp_path: Path) -> None:
    image = tmp_path / "usr.erofs"
    made(usr, Profile.DEV, tree, image)
    printed = proc.run("look", tree.argv("dump.erofs", "--path=/", image)).stdout.decode()
    assert "0755/rwxr-xr-x" in printed
    assert "Uid: 0   Gid: 0" in printed


def test_every_flag_has_a_reason_and_decides_about_the_bytes() -> None:
    for profile in Profile:
        assert len(set(erofs.flags(profile))) == len(erofs.flags(profile))
    assert erofs.flags(Profile.DEV) != erofs.flags(Profile.RELEASE)
    assert not any(flag.startswith("--workers") for flag in erofs.flags(Profile.DEV))


def test_contents_that_are_gone_end_the_build(tree: ToolsTree, tmp_path: Path) -> None:
    segment = tmp_path / "segment"
    segment.write_bytes(bytes(1000))
    broken = {"a": Entry("a", Kind.FILE, 0o644, size=100_000, extent=Extent(str(segment), 0))}
    with pytest.raises(VerificationError, match="segment-truncated"):
        made(broken, Profile.DEV, tree, tmp_path / "usr.erofs")


def test_a_failure_shows_the_command(usr: Tree, tree: ToolsTree, tmp_path: Path) -> None:
    with pytest.raises(proc.ProgramFailed, match=r"mkfs\.erofs"):
        made(usr, Profile.DEV, tree, tmp_path / "no such folder" / "usr.erofs")


def test_the_verity_tree_is_the_one_that_the_kernel_checks(usr: Tree, tree: ToolsTree, tmp_path: Path) -> None:
    image, out = tmp_path / "usr.erofs", tmp_path / "usr.verity"
    made(usr, Profile.DEV, tree, image)
    found = verity.make_verity(image, SALT, UUID_, tree, out)
    assert found.data_blocks * BLOCK == image.stat().st_size
    assert verity.read_root_hash(out) == found.root_hash
    proc.run("verify", tree.argv("veritysetup", "verify", image, out, found.root_hash), environment=tree.environment)
    with open_source(out) as source:
        made_tree = verity_tree.read_tree(source, found.root_hash)
    with open_source(image) as source:
        assert list(verity_tree.broken_blocks(source, made_tree)) == []
    with out.open("rb") as file:
        assert verity_tree.read_superblock(file.read(BLOCK)) == verity_tree.Superblock(UUID_, found.data_blocks, SALT)
    data = bytearray(image.read_bytes())
    data[9 * BLOCK + 7] ^= 1
    image.write_bytes(data)
    with open_source(image) as source:
        assert list(verity_tree.broken_blocks(source, made_tree)) == [9]
    with pytest.raises(proc.ProgramFailed):
        proc.run("verify", tree.argv("veritysetup", "verify", image, out, found.root_hash))


def test_the_verity_tree_is_the_same_anywhere(
    usr: Tree, tree: ToolsTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "usr.erofs"
    made(usr, Profile.DEV, tree, image)
    first = verity.make_verity(image, SALT, UUID_, tree, tmp_path / "one")
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o077)
    try:
        assert verity.make_verity(Path("usr.erofs"), SALT, UUID_, tree, Path("two")) == first
    finally:
        os.umask(before)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_one_file_more_moves_few_blocks(usr: Tree, tree: ToolsTree, tmp_path: Path) -> None:
    """Contents do not lie among the inodes, so what a new file renumbers is small."""
    known = []
    for name, more in (("a", {}), ("b", {"bin/aaa": Entry("bin/aaa", Kind.FILE, 0o755, size=1, content=b"x")})):
        image = tmp_path / name
        made({**usr, **more}, Profile.RELEASE, tree, image)
        verity.make_verity(image, SALT, UUID_, tree, tmp_path / f"{name}.verity")
        with open_source(tmp_path / f"{name}.verity") as source:
            leaves = verity_tree.read_tree(source).leaves
        known.append({leaves[i : i + 32] for i in range(0, len(leaves), 32)})
    assert len(known[1] - known[0]) < len(known[1]) / 50
