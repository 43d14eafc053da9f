"""UKI, ESP and disk formats by the real tools: sound, the same everywhere, and clear when something does not fit."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adamant.compose import entries
from adamant.core import pe, proc
from adamant.core.source import open_source
from adamant.core.store import Store
from adamant.image import artifacts, disk, esp, initrd, keys, signing, uki
from adamant.model import boot_loader
from adamant.model.arch import Arch
from adamant.model.definition import KeyPair, PolicyKey
from adamant.model.digest import RootHash
from adamant.model.errors import InputError
from adamant.model.posture import Posture
from adamant.packages.tools import ToolsTree
from benchmarks.initrd import paths
from tests.unit.test_initrd import BUILTIN, DEPENDENCIES

MIB = 1 << 20
NOW = datetime(2026, 11, 29, tzinfo=UTC)
ROOT = RootHash("5a" * 32)


@contextmanager
def elsewhere(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Path]:
    """Another person's surroundings: folder, umask, time zone, locale, configuration of mtools."""
    folder.mkdir()
    (folder / ".mtoolsrc").write_text("mtools_lower_case=1\nmtools_no_vfat=1\n")
    previous = os.umask(0o077)
    with monkeypatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("TZ", "Asia/Tokyo")
        patch.setenv("LC_ALL", "de_DE.UTF-8")
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        patch.chdir(folder)
        try:
            yield folder
        finally:
            os.umask(previous)


def parts(tree: ToolsTree, folder: Path) -> uki.UkiParts:
    """Parts of a UKI, with sd-boot in the place of a kernel: any EFI program will do for its form."""
    (folder / "initrd").write_bytes(b"initrd" * 1000)
    (folder / "os-release").write_text('ID=adamant\nIMAGE_ID=example\nIMAGE_VERSION=1\nPRETTY_NAME="Example"\n')
    return uki.UkiParts(
        arch=Arch.AMD64,
        release="6.12.0-cloud-amd64",
        kernel=tree.path(boot_loader.source_path(Arch.AMD64)),
        initrd=folder / "initrd",
        stub=tree.path(uki.stub_path(Arch.AMD64)),
        command_line=uki.command_line(Arch.AMD64, ROOT, ["quiet"], Posture.GUARDED),
        os_release=folder / "os-release",
    )


@pytest.fixture(scope="session")
def made_uki(tree: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uki")
    uki.make_uki(parts(tree, folder), tree, folder / "example_1.efi")
    return folder / "example_1.efi"


def test_a_uki_holds_its_parts(made_uki: Path, tree: ToolsTree) -> None:
    said = proc.run("inspect", tree.argv("ukify", "inspect", made_uki), environment=tree.environment).stdout.decode()
    for section in (".osrel", ".cmdline", ".uname", ".initrd", ".linux", ".sbat"):
        assert re.search(rf"^{re.escape(section)}:", said, re.MULTILINE), section
    assert f"adamant.usrhash={ROOT}" in said
    assert "6.12.0-cloud-amd64" in said


def test_the_initrd_of_a_uki_has_no_module_that_is_compiled_in(tree: ToolsTree, tmp_path: Path) -> None:
    folder = "usr/lib/modules/6.12.0-mine-1"
    dependencies = DEPENDENCIES.replace(".ko.xz", ".ko")
    modules = {entries.file(f"{folder}/{line.split(':')[0]}", b"module") for line in dependencies.splitlines()}
    whole = "".join(f"{line.split(':')[0]}\n" for line in dependencies.splitlines())
    found = []
    for name, builtin in (("some", BUILTIN), ("all", BUILTIN + whole)):
        lists = {entries.file(f"{folder}/modules.{n}", t) for n, t in (("dep", dependencies), ("builtin", builtin))}
        kernel = {entry.path: entry for entry in modules | lists}
        made = initrd.make_initrd(kernel, Arch.AMD64, "6.12.0-mine-1", tree, Store(tmp_path / "store"))
        uki.make_uki(replace(parts(tree, tmp_path), initrd=made), tree, tmp_path / f"{name}.efi")
        found.append(paths(tmp_path / f"{name}.efi", tree))
    assert {path for path in found[0] if path.endswith(".ko")} > {"modules/erofs.ko", "modules/dm_verity.ko"}
    assert found[1] == ["init", "modules.disks", "modules.load"]
    assert made.stat().st_size < 49_000


def test_a_signed_uki_has_the_signature_of_its_boot_loader_and_is_the_same_each_time(
    tree: ToolsTree, made_uki: Path, tmp_path: Path
) -> None:
    """Else a release that is built again would not have the digest that was revoked."""
    keys.make_keys(tmp_path, "example", NOW)
    keys.make_policy_key(tmp_path)
    pair = keys.load_pair(KeyPair("secure-boot.key", "secure-boot.crt"), tmp_path, NOW)
    policy = keys.load_policy_key(PolicyKey("pcr.key", "pcr.pub"), tmp_path)
    loader = tree.path(boot_loader.source_path(Arch.AMD64))
    own = replace(parts(tree, tmp_path), pcr_public=tmp_path / "pcr.pub")
    uki.make_uki(own, tree, tmp_path / "plain.efi")
    made = artifacts.Made(
        usr=tmp_path, verity=tmp_path, uki=tmp_path / "plain.efi", loader=loader, kernel="", command_line="", steps={},
        parts=own,
    )  # fmt: skip
    signing.sign_efi(loader, pair, tree, tmp_path / "loader.efi")
    found = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        signers = artifacts.Keys(pair, policy)
        found.append(artifacts._complete(made, signers, tmp_path / "loader.efi", tree, tmp_path / name).read_bytes())
    assert found[0] == found[1]
    with open_source(tmp_path / "second" / "complete.efi") as source, open_source(loader) as unsigned:
        sections = pe.read_sections(source)
        assert ".pcrsig" in sections
        section = sections[boot_loader.SIGNATURE]
        signed = pe.attach(unsigned, source.exactly(section.offset, section.size))
    assert signed == (tmp_path / "loader.efi").read_bytes(), "a machine puts together what the disk image has"
    nothing = artifacts.Keys(None, None)
    assert artifacts._complete(made, nothing, loader, tree, tmp_path) == made.uki, "nothing signs, nothing is added"


def test_a_uki_is_the_same_for_everybody(
    made_uki: Path, tree: ToolsTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with elsewhere(monkeypatch, tmp_path / "other") as folder:
        uki.make_uki(parts(tree, folder), tree, folder / "another-name.efi")
        assert (folder / "another-name.efi").read_bytes() == made_uki.read_bytes()
    assert (tmp_path / "other/another-name.efi").stat().st_mode & 0o777 == 0o644


def make(tree: ToolsTree, made_uki: Path, folder: Path, size: int = 64 * MIB) -> Path:
    loader = tree.path(boot_loader.source_path(Arch.AMD64))
    contents = esp.contents(Arch.AMD64, "example_1", loader, made_uki, folder)
    esp.make_esp(contents, size, 0x12345678, tree, folder / "esp")
    return folder / "esp"


@pytest.mark.parametrize("mib", [34, 64, 256, 512, 1024])
def test_an_esp_is_sound_fat32_of_any_size(mib: int, tree: ToolsTree, made_uki: Path, tmp_path: Path) -> None:
    image = make(tree, made_uki, tmp_path, mib * MIB)
    said = proc.run("check the ESP", tree.argv("fsck.fat", "-n", "-v", image)).stdout.decode()
    assert re.search(r"^FATs are 32 bits|32 bits? entries|FAT32|32 bit", said, re.MULTILINE)
    clusters = int(re.findall(r"/(\d+) clusters", said)[-1])
    assert clusters >= 65525
    assert image.stat().st_size == mib * MIB


def test_an_esp_holds_boot_loader_uki_and_configuration(tree: ToolsTree, made_uki: Path, tmp_path: Path) -> None:
    image = make(tree, made_uki, tmp_path)
    wanted = {
        "EFI/BOOT/BOOTX64.EFI": tree.path(boot_loader.source_path(Arch.AMD64)).read_bytes(),
        "EFI/systemd/systemd-bootx64.efi": tree.path(boot_loader.source_path(Arch.AMD64)).read_bytes(),
        "EFI/Linux/example_1.efi": made_uki.read_bytes(),
        "loader/loader.conf": b"timeout 0\nconsole-mode keep\neditor no\nsecure-boot-enroll off\n",
    }
    for path, data in wanted.items():
        read = proc.run("read a file", tree.argv("mcopy", "-i", image, f"::{path}", "-"))
        assert read.stdout == data, path
    listed = proc.run("list", tree.argv("mdir", "-/", "-b", "-i", image, "::")).stdout.decode().split()
    assert {line.removeprefix("::/") for line in listed if not line.endswith("/")} == set(wanted)


def test_an_esp_is_the_same_for_everybody(
    tree: ToolsTree, made_uki: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = make(tree, made_uki, tmp_path).read_bytes()
    with elsewhere(monkeypatch, tmp_path / "other") as folder:
        os.utime(made_uki, (1, 1))
        assert make(tree, made_uki, folder).read_bytes() == here


def test_an_esp_without_room_for_two_releases_names_a_size_that_has(
    tree: ToolsTree, made_uki: Path, tmp_path: Path
) -> None:
    big = tmp_path / "big.efi"
    big.write_bytes(b"")
    with big.open("r+b") as file:
        file.truncate(50 * MIB)
    with pytest.raises(InputError) as caught:
        make(tree, big, tmp_path, 64 * MIB)
    assert caught.value.reference == "esp-too-small"
    assert not (tmp_path / "esp").exists()
    named = re.search(r"(\d+)M", caught.value.hint)
    assert named
    assert make(tree, big, tmp_path, int(named[1]) * MIB).exists()


@pytest.fixture
def raw(tree: ToolsTree, made_uki: Path, tmp_path: Path) -> Path:
    (tmp_path / "usr").write_bytes(os.urandom(MIB))
    (tmp_path / "verity").write_bytes(os.urandom(16384))
    out = tmp_path / "disk.raw"
    image = make(tree, made_uki, tmp_path)
    made = disk.DiskParts(Arch.AMD64, "example", "1", 64 * MIB, 128 * MIB, image, tmp_path / "usr", tmp_path / "verity")
    disk.make_disk(made, out)
    return out


def test_other_tools_read_our_partition_table(raw: Path, tree: ToolsTree) -> None:
    said = proc.run("verify", tree.argv("sfdisk", "--verify", raw)).stdout.decode()
    assert "No errors detected" in said
    dumped = proc.run("dump", tree.argv("sfdisk", "--dump", raw)).stdout.decode()
    table = disk.table(Arch.AMD64, "example", "1", 64 * MIB, 128 * MIB)
    for partition in table.partitions:
        assert f"start= {partition.offset // 512:11d}, size= {partition.size // 512:11d}" in dumped
        assert f'name="{partition.label}"' in dumped
        assert f"uuid={str(partition.guid).upper()}" in dumped


def test_qcow2_holds_the_same_disk_and_is_the_same_for_everybody(
    raw: Path, tree: ToolsTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.make_qcow2(raw, tree, tmp_path / "a.qcow2")
    proc.run("compare", tree.argv("qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw, tmp_path / "a.qcow2"))
    with elsewhere(monkeypatch, tmp_path / "other") as folder:
        disk.make_qcow2(raw, tree, folder / "b.qcow2")
        assert (folder / "b.qcow2").read_bytes() == (tmp_path / "a.qcow2").read_bytes()
    assert (tmp_path / "a.qcow2").stat().st_size < raw.stat().st_size // 2
