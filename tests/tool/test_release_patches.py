"""Patches in a repository: published with a release or later, signed like it, exported with it, read by machines."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from adamant.cli.repo import group
from adamant.core.verity_tree import read_tree
from adamant.model import manifest
from adamant.model.arch import Arch
from adamant.model.digest import sha256
from adamant.model.manifest import Artifact, ArtifactKind
from adamant.node.update import trust
from adamant.node.update.origin import FolderOrigin
from adamant.release import index, modules, patch, patches
from adamant.release.repository import Repository
from tests.unit import image_maker
from tests.unit.module_images import with_modules
from tests.unit.test_release_patch import image

OLD = image(*range(1, 60), 0)
NEW = image(*range(1, 30), *range(1030, 1060), 0)


class Served:
    """The repository's folder, as trust.py asks a server for whole files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def whole(self, path: str) -> Iterator[bytes]:
        yield (self.folder / path).read_bytes()


def command(*arguments: object) -> str:
    done = CliRunner().invoke(group, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def build(folder: Path, usr: bytes) -> None:
    """A build whose version is the folder's name, with an SBOM, without which nothing is published."""
    path = image_maker.build(folder, usr, folder.name) / "manifest.json"
    (folder / "sbom.json").write_bytes(b"{}")
    digest = sha256(b"{}")
    found = manifest.decode(path.read_bytes())
    sbom = Artifact(ArtifactKind.SBOM, "sbom.json", 2, digest, digest)
    path.write_bytes(manifest.encode(replace(found, artifacts=(*found.artifacts, sbom))))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a repository that has release 1, and a build of release 2."""
    command("init", tmp_path / "repo", "--keys", tmp_path / "keys")
    build(tmp_path / "1", OLD)
    build(tmp_path / "2", NEW)
    command("publish", tmp_path / "repo", tmp_path / "1", "--keys", tmp_path / "keys")
    return tmp_path


def read(shop: Path, repository: str = "repo") -> tuple[index.Index, patches.Patches]:
    root = (shop / "repo/metadata/1.root.json").read_bytes()
    served = Served(shop / repository)
    return trust.read_index("ex", "http://repo", root, shop / "kept", served)  # type: ignore[arg-type]


def test_a_patch_arrives_and_makes_the_new_image_of_the_old_one(shop: Path) -> None:
    said = command("publish", shop / "repo", shop / "2", "--keys", shop / "keys", "--patch-from", "1")
    assert "with a patch from 1" in said
    found, patched = read(shop)
    (one,) = patches.to(patched, index.find(found, "2", Arch.AMD64))
    assert (one.base, one.base_root_hash) == ("1", index.find(found, "1", Arch.AMD64).root_hash)
    folder, _, name = one.file.path.rpartition("/")
    path = f"targets/{folder}/{one.file.sha256}.{name}"
    origin = FolderOrigin(shop / "repo")
    head = patch.decode(b"".join(origin.read(path, 0, one.head_size)), one.file.size)
    (segment,) = head.segments
    frame = b"".join(origin.read(path, segment.offset, segment.size))
    trees = [read_tree(image_maker.source(image_maker.verity(data))) for data in (OLD, NEW)]
    lists = patch.lists(trees[0], trees[1])
    assert len(patch.unpack(head, segment, frame, image_maker.source(OLD), lists, trees[1])) == 30 * 4096


def test_a_patch_with_modules_says_so_where_it_is_listed_and_makes_the_image(shop: Path) -> None:
    build(shop / "3", with_modules(range(8), 1))
    build(shop / "4", with_modules(range(8), 2))
    command("publish", shop / "repo", shop / "3", "--keys", shop / "keys")
    command("publish", shop / "repo", shop / "4", "--keys", shop / "keys", "--patch-from", "3")
    (one,) = read(shop)[1].patches
    assert one.form == 2
    (place,) = (shop / "repo/targets").rglob("*.from-3.patch")
    data = place.read_bytes()
    head = patch.decode(data[: one.head_size], len(data))
    assert (head.form, head.moved, head.segments) == (2, 0, ()), "modules are all that differs"
    assert head.section is not None
    old, new = with_modules(range(8), 1), with_modules(range(8), 2)
    trees = [read_tree(image_maker.source(image_maker.verity(image))) for image in (old, new)]
    for part in head.section.groups:
        known = modules.reference(part, image_maker.source(old), trees[0])
        unpacked = modules.contents(part, data[part.offset : part.offset + part.size], known)
        for module, blocks in modules.restore(head.section, part, unpacked, trees[1], lambda _block: True):
            assert blocks == new[module.new.first * 4096 : module.new.end * 4096]


def test_the_index_of_releases_says_nothing_of_patches_so_that_every_reader_takes_it(shop: Path) -> None:
    command("publish", shop / "repo", shop / "2", "--keys", shop / "keys")
    before = index.encode(Repository(shop / "repo", datetime.now(UTC)).index("ex"))
    command("publish", shop / "repo", shop / "2", "--keys", shop / "keys", "--patch-from", "1")
    assert index.encode(Repository(shop / "repo", datetime.now(UTC)).index("ex")) == before
    assert len(read(shop)[1].patches) == 1, "a patch can follow its release"
    assert "stable; patches from 1" in command("status", shop / "repo")


def test_patches_outlast_what_is_published_after_them(shop: Path) -> None:
    command("publish", shop / "repo", shop / "2", "--keys", shop / "keys", "--patch-from", "1")
    command("promote", shop / "repo", "ex", "2", "--channel", "beta", "--keys", shop / "keys")
    assert [p.base for p in read(shop)[1].patches] == ["1"]


def test_an_export_carries_the_patches_to_its_release(shop: Path) -> None:
    command("publish", shop / "repo", shop / "2", "--keys", shop / "keys", "--patch-from", "1")
    command("export", shop / "repo", "ex", "2", "--out", shop / "carried")
    (one,) = read(shop, "carried")[1].patches
    assert len(list((shop / "carried/targets").rglob(f"{one.file.sha256}.from-1.patch"))) == 1
    command("export", shop / "repo", "ex", "1", "--out", shop / "first")
    assert not list((shop / "first/targets").rglob("*.patch"))


@pytest.mark.parametrize(
    ("base", "reference"), [("3", "release-unknown"), ("2", "patch-base")], ids=["unknown", "itself"]
)
def test_a_base_that_makes_no_sense_publishes_nothing(shop: Path, base: str, reference: str) -> None:
    arguments = ["publish", shop / "repo", shop / "2", "--keys", shop / "keys", "--patch-from", base]
    done = CliRunner().invoke(group, [str(a) for a in arguments])
    assert getattr(done.exception, "reference", "") == reference
    found, patched = read(shop)
    assert [r.version for r in found.releases] == ["1"]
    assert patched.patches == ()
    assert not list((shop / "repo").glob(".patch*"))


def test_an_old_image_that_was_changed_in_the_repository_is_no_base(shop: Path) -> None:
    (place,) = (shop / "repo/targets").rglob("*.usr.erofs")
    place.write_bytes(place.read_bytes()[:-1] + b"x")
    arguments = ["publish", shop / "repo", shop / "2", "--keys", shop / "keys", "--patch-from", "1"]
    done = CliRunner().invoke(group, [str(a) for a in arguments])
    assert getattr(done.exception, "reference", "") == "repository-broken"


@pytest.mark.parametrize("how", ["missing", "malformed"])
def test_a_list_of_patches_that_cannot_be_had_keeps_nobody_from_updating(shop: Path, how: str) -> None:
    command("publish", shop / "repo", shop / "2", "--keys", shop / "keys", "--patch-from", "1")
    (place,) = (shop / "repo/targets/ex").glob("*.patches.json")
    if how == "missing":
        place.unlink()
    else:
        place.write_bytes(b"{}")
    found, patched = read(shop)
    assert [r.version for r in found.releases] == ["1", "2"]
    assert patched.patches == ()
