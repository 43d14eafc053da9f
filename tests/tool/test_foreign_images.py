"""Real images, as the tools make them, looked into and compared: sound, signed, changed and hostile ones."""

import datetime
import random
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from adamant.image import disk, erofs, esp, keys, signing, uki, verity
from adamant.model import boot_loader
from adamant.model.arch import Arch
from adamant.model.definition import KeyPair, Profile
from adamant.model.digest import RootHash, Salt, sha256
from adamant.model.errors import InputError, VerificationError
from adamant.model.posture import Posture
from adamant.model.tree import Entry, Kind, Tree
from adamant.packages.tools import ToolsTree
from adamant.reading.difference import ChangeKind, difference
from adamant.reading.inspect import inspect
from adamant.reading.inspection import ImageKind

MIB = 1 << 20
NOW = datetime.datetime.now(datetime.UTC)
SALT = Salt("5a" * 32)
UUID_ = UUID("11111111-2222-3333-4444-555555555555")
STATUS = (
    "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n"
    "Description: shell\n more: text\n\n"
)


def file(path: str, data: bytes, mode: int = 0o644) -> Entry:
    return Entry(path, Kind.FILE, mode, size=len(data), sha256=sha256(data), content=data)


def usr_tree(*more: Entry) -> Tree:
    rows = [
        Entry("lib", Kind.DIRECTORY, 0o755),
        Entry("lib/adamant", Kind.DIRECTORY, 0o755),
        file("lib/adamant/posture", b"guarded\n"),
        Entry("lib/dpkg", Kind.DIRECTORY, 0o755),
        file("lib/dpkg/status", STATUS.encode()),
        Entry("bin", Kind.DIRECTORY, 0o755),
        file("bin/big", random.Random(1).randbytes(400_000), 0o4755),
        file("bin/text", b"words and words " * 20_000),
        Entry("bin/sh", Kind.SYMLINK, 0o777, target="/etc/passwd"),
        *more,
    ]
    return {entry.path: entry for entry in rows}


@dataclass(frozen=True)
class Release:
    """A usr image with its tree, a signed UKI, and a disk with both."""

    usr: Path
    verity: Path
    uki: Path
    disk: Path
    root_hash: RootHash


def release(tools: ToolsTree, folder: Path, tree: Tree, version: str = "1", profile: Profile = Profile.DEV) -> Release:
    folder.mkdir(exist_ok=True)
    usr, hashes = folder / "usr.erofs", folder / "usr.verity"
    erofs.make_erofs(tree, profile, UUID_, tools, usr)
    root_hash = verity.make_verity(usr, SALT, UUID_, tools, hashes).root_hash
    (folder / "initrd").write_bytes(b"initrd" * 1000)
    (folder / "os-release").write_text(f'ID=adamant\nIMAGE_ID=ex\nIMAGE_VERSION={version}\nPRETTY_NAME="Ex"\n')
    loader = tools.path(boot_loader.source_path(Arch.AMD64))
    parts = uki.UkiParts(
        arch=Arch.AMD64,
        release="6.12.0-cloud-amd64",
        kernel=loader,
        initrd=folder / "initrd",
        stub=tools.path(uki.stub_path(Arch.AMD64)),
        command_line=uki.command_line(Arch.AMD64, root_hash, ["quiet"], Posture.GUARDED),
        os_release=folder / "os-release",
    )
    uki.make_uki(parts, tools, folder / "unsigned.efi")
    keys.make_keys(folder / "keys", "ex", NOW)
    pair = keys.load_pair(KeyPair(key="secure-boot.key", certificate="secure-boot.crt"), folder / "keys", NOW)
    signed = folder / f"ex_{version}.efi"
    signing.sign_efi(folder / "unsigned.efi", pair, tools, signed)
    contents = esp.contents(Arch.AMD64, f"ex_{version}", loader, signed, folder)
    esp.make_esp(contents, 40 * MIB, 7, tools, folder / "esp")
    made = disk.DiskParts(Arch.AMD64, "ex", version, 40 * MIB, 8 * MIB, folder / "esp", usr, hashes)
    disk.make_disk(made, folder / "disk.raw")
    return Release(usr, hashes, signed, folder / "disk.raw", root_hash)


@pytest.fixture(scope="module")
def made(tree: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> Release:
    return release(tree, tmp_path_factory.mktemp("release"), usr_tree())


@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_a_real_disk_is_read_whole(made: Release, tree: ToolsTree, tmp_path: Path, form: str) -> None:
    path = made.disk
    if form == "qcow2":
        path = tmp_path / "disk.qcow2"
        disk.make_qcow2(made.disk, tree, path)
    found = inspect(path, tree, tmp_path)
    assert found.what is ImageKind.DISK
    assert found.problems == ()
    (usr,) = found.usr
    assert (usr.root_hash, usr.posture, usr.files) == (made.root_hash, "guarded", 9)
    assert usr.packages is not None
    assert [(p.name, p.version, p.architecture) for p in usr.packages] == [("bash", "5.2", "amd64")]
    (image,) = found.ukis
    assert (image.path, image.root_hash, image.kernel) == ("EFI/Linux/ex_1.efi", made.root_hash, "6.12.0-cloud-amd64")
    assert [(s.subject, s.current) for s in image.signatures] == [("CN=ex Secure Boot", True)]
    assert {program.path for program in found.programs} == {
        "EFI/BOOT/BOOTX64.EFI",
        "EFI/systemd/systemd-bootx64.efi",
    }


def test_a_uki_that_was_changed_after_it_was_signed_is_named(made: Release, tree: ToolsTree, tmp_path: Path) -> None:
    data = bytearray(made.uki.read_bytes())
    for place in (0x500, len(data) // 2):
        changed = bytearray(data)
        changed[place] ^= 1
        path = tmp_path / "ex_1.efi"
        path.write_bytes(changed)
        assert {p.reference for p in inspect(path, tree, tmp_path).problems} == {"signature-outdated"}


@pytest.mark.parametrize("profile", list(Profile))
def test_a_difference_of_real_images_compares_contents(
    tree: ToolsTree, tmp_path: Path, made: Release, profile: Profile
) -> None:
    """The profiles compress differently, and so does not count what the bytes of the image are."""
    changed = usr_tree(file("bin/new", b"new"))
    text = bytearray(b"words and words " * 20_000)
    text[100] ^= 1
    changed["bin/text"] = file("bin/text", bytes(text))
    changed["bin/sh"] = Entry("bin/sh", Kind.SYMLINK, 0o777, target="bash")
    other = release(tree, tmp_path / "other", changed, "2", profile)
    found = difference(made.disk, other.disk, tree, tmp_path)
    assert found.contents_compared
    assert found.files is not None
    assert {(f.path, f.change, f.what) for f in found.files} == {
        ("bin/new", ChangeKind.ADDED, ()),
        ("bin/text", ChangeKind.CHANGED, ("contents",)),
        ("bin/sh", ChangeKind.CHANGED, ("target",)),
    }
    assert found.packages == ()
    assert found.update is not None
    if profile is Profile.DEV:
        assert 0 < found.update.blocks < 20, "the 400 kB that did not change stay"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other"]


def test_a_package_that_was_updated_is_named(made: Release, tree: ToolsTree, tmp_path: Path) -> None:
    changed = usr_tree()
    status = STATUS.replace("5.2", "5.3") + STATUS.replace("bash", "zsh")
    changed["lib/dpkg/status"] = file("lib/dpkg/status", status.encode())
    other = release(tree, tmp_path / "other", changed)
    found = difference(made.usr, other.usr, tree, tmp_path)
    assert found.packages is not None
    assert [(p.name, p.change, p.old, p.new) for p in found.packages] == [
        ("bash", ChangeKind.CHANGED, "5.2", "5.3"),
        ("zsh", ChangeKind.ADDED, "", "5.2"),
    ]
    assert found.update is None


def test_no_mutation_of_a_real_image_breaks_inspect_or_diff(made: Release, tree: ToolsTree, tmp_path: Path) -> None:
    chance = random.Random(7)
    sound = made.usr.read_bytes()
    path = tmp_path / "usr.erofs"
    outcomes: set[bool | str] = set()
    for _ in range(40):
        data = bytearray(sound)
        for _ in range(chance.randint(1, 4)):
            place = chance.choice([1024 + chance.randrange(128), chance.randrange(16384), chance.randrange(len(data))])
            data[place : place + 4] = chance.randbytes(chance.randint(1, 4))
        path.write_bytes(data)
        try:
            found = inspect(path, tree, tmp_path)
            difference(made.usr, path, tree, tmp_path)
            outcomes.add(bool(found.problems))
        except (InputError, VerificationError) as error:
            outcomes.add(error.reference)
        assert [p.name for p in tmp_path.iterdir()] == ["usr.erofs"]
    assert len(outcomes) > 1


def test_what_lies_about_its_size_is_not_unpacked(made: Release, tree: ToolsTree, tmp_path: Path) -> None:
    """An inode that claims many gigabytes costs no memory, no disk and no time."""
    data = bytearray(made.usr.read_bytes())
    size = (400_000).to_bytes(4, "little")
    places = [at for at in range(0, len(data), 4) if data[at : at + 4] == size]
    assert places
    for at in places:
        data[at : at + 4] = b"\xff\xff\xff\xff"
    path = tmp_path / "usr.erofs"
    path.write_bytes(data)
    with pytest.raises(VerificationError):
        difference(made.usr, path, tree, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["usr.erofs"]
