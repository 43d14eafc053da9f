"""The initrd's archive and the order of its modules."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.image import cpio, initrd_modules
from adamant.model.arch import Arch
from adamant.model.errors import AdamantError, VerificationError
from benchmarks.initrd import members

CLOUD_AMD64 = "6.12.117+deb13-cloud-amd64"
DEPENDENCIES = """\
kernel/drivers/watchdog/watchdog.ko.xz:
kernel/drivers/watchdog/i6300esb.ko.xz: kernel/drivers/watchdog/watchdog.ko.xz
kernel/drivers/virtio/virtio_mmio.ko.xz:
kernel/drivers/block/virtio_blk.ko.xz:
kernel/drivers/scsi/scsi_common.ko.xz:
kernel/drivers/scsi/scsi_mod.ko.xz: kernel/drivers/scsi/scsi_common.ko.xz
kernel/drivers/scsi/virtio_scsi.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz kernel/drivers/scsi/scsi_common.ko.xz
kernel/drivers/scsi/sd_mod.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz kernel/drivers/scsi/scsi_common.ko.xz
kernel/drivers/ata/ahci.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz kernel/drivers/scsi/scsi_common.ko.xz
kernel/arch/x86/crypto/sha256-ssse3.ko.xz:
kernel/lib/reed_solomon/reed_solomon.ko.xz:
kernel/drivers/md/dm-mod.ko.xz:
kernel/drivers/md/dm-bufio.ko.xz: kernel/drivers/md/dm-mod.ko.xz
kernel/drivers/md/dm-verity.ko.xz: kernel/lib/reed_solomon/reed_solomon.ko.xz kernel/drivers/md/dm-bufio.ko.xz \
kernel/drivers/md/dm-mod.ko.xz
kernel/lib/libcrc32c.ko.xz:
kernel/fs/erofs/erofs.ko.xz: kernel/lib/libcrc32c.ko.xz
kernel/fs/overlayfs/overlay.ko.xz:
kernel/fs/xfs/xfs.ko.xz: kernel/lib/libcrc32c.ko.xz
"""
BUILTIN = "kernel/drivers/virtio/virtio_pci.ko\nkernel/drivers/nvme/host/nvme.ko\n"


def order(text: str = DEPENDENCIES, builtin: str = BUILTIN, release: str = CLOUD_AMD64) -> initrd_modules.LoadOrder:
    return initrd_modules.load_order(release, Arch.AMD64, initrd_modules.parse_dependencies(text), builtin)


def test_each_module_comes_after_what_it_needs() -> None:
    dependencies = initrd_modules.parse_dependencies(DEPENDENCIES)
    found = order()
    whole = [*found.first, *found.disks]
    assert len(whole) == len(set(whole))
    for path in whole:
        assert all(whole.index(need) < whole.index(path) for need in dependencies[path])


def test_rare_disks_wait_and_what_nobody_wants_stays_out() -> None:
    found = order()
    names = [initrd_modules.module_name(path) for path in found.first]
    assert names == [
        "watchdog",
        "i6300esb",
        "virtio_blk",
        "sha256_ssse3",
        "dm_mod",
        "dm_bufio",
        "reed_solomon",
        "dm_verity",
        "libcrc32c",
        "erofs",
        "overlay",
    ]
    assert {initrd_modules.module_name(path) for path in found.disks} == {
        "virtio_mmio",
        "scsi_common",
        "scsi_mod",
        "virtio_scsi",
        "sd_mod",
        "ahci",
    }


def test_the_modules_of_a_root_on_disk_are_wanted_only_there() -> None:
    text = f"{DEPENDENCIES}kernel/fs/jbd2/jbd2.ko.xz:\nkernel/fs/ext4/ext4.ko.xz: kernel/fs/jbd2/jbd2.ko.xz\n"
    parsed = initrd_modules.parse_dependencies(text)
    builtin = f"{BUILTIN}kernel/crypto/crc32c_generic.ko\n"
    found = initrd_modules.load_order(CLOUD_AMD64, Arch.AMD64, parsed, builtin, root_on_disk=True)
    assert [initrd_modules.module_name(path) for path in found.first][-2:] == ["jbd2", "ext4"]
    assert initrd_modules.load_order(CLOUD_AMD64, Arch.AMD64, parsed, builtin) == order()
    with pytest.raises(AdamantError, match="crc32c_generic"):
        initrd_modules.load_order(CLOUD_AMD64, Arch.AMD64, parsed, BUILTIN, root_on_disk=True)


def test_a_missing_module_is_an_error_that_says_why_it_is_wanted() -> None:
    without = "\n".join(line for line in DEPENDENCIES.splitlines() if "dm-verity" not in line)
    with pytest.raises(AdamantError, match="dm_verity") as caught:
        order(without)
    assert caught.value.reference == "initrd-module-missing"
    assert "usr image" in caught.value.context


def test_only_a_flavour_that_is_built_without_a_module_may_lack_it() -> None:
    arm = {"sbsa_gwdt", "sha2_ce"}
    lines = [line for line in DEPENDENCIES.splitlines() if "i6300esb" not in line and "ssse3" not in line]
    text = "\n".join([*lines, *(f"kernel/{name}.ko.xz:" for name in sorted(arm))])
    parsed = initrd_modules.parse_dependencies(text)
    cloud = initrd_modules.load_order("6.12.0+deb13-cloud-arm64", Arch.ARM64, parsed, BUILTIN)
    assert arm <= {initrd_modules.module_name(path) for path in cloud.first}
    with pytest.raises(AdamantError, match="i6300esb"):
        initrd_modules.load_order("6.12.0+deb13-arm64", Arch.ARM64, parsed, BUILTIN)


@pytest.mark.parametrize(
    "text",
    [
        "kernel/a.ko kernel/b.ko\n",
        "kernel/a.ko: ../../etc/passwd\n",
        "/kernel/a.ko:\n",
        "kernel/a.ko:\nkernel/a.ko:\n",
        "kernel/a.txt:\n",
    ],
)
def test_what_depmod_does_not_write_is_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        initrd_modules.parse_dependencies(text)


def test_a_circle_of_modules_ends_in_an_error() -> None:
    text = DEPENDENCIES.replace(
        "kernel/lib/libcrc32c.ko.xz:\n", "kernel/lib/libcrc32c.ko.xz: kernel/fs/erofs/erofs.ko.xz\n"
    )
    with pytest.raises(VerificationError, match="does not resolve"):
        order(text)


@given(st.text(max_size=300))
def test_any_text_gives_dependencies_or_a_verification_error(text: str) -> None:
    with contextlib.suppress(VerificationError):
        initrd_modules.parse_dependencies(text)


def test_an_archive_holds_its_files_below_their_folders_sorted() -> None:
    contents = {"modules/b.ko": (0o644, b"bb"), "init": (0o755, b"program"), "modules/a.ko": (0o644, b"a" * 5)}
    assert members(cpio.archive(contents)) == [
        ("init", 0o100755, b"program"),
        ("modules", 0o040755, b""),
        ("modules/a.ko", 0o100644, b"a" * 5),
        ("modules/b.ko", 0o100644, b"bb"),
    ]


def test_an_archive_does_not_depend_on_the_order_of_its_files() -> None:
    contents = {f"modules/{name}.ko": (0o644, name.encode()) for name in "cab"}
    assert cpio.archive(contents) == cpio.archive(dict(reversed(contents.items())))


@pytest.mark.parametrize("path", ["/init", "a//b", "../x", "a/./b", "", "a\0b", "ä"])
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    with pytest.raises(AdamantError):
        cpio.archive({path: (0o644, b"")})


@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,9}\Z"), st.binary(max_size=50), max_size=9))
def test_what_is_archived_is_read_back(files: dict[str, bytes]) -> None:
    found = members(cpio.archive({name: (0o644, data) for name, data in files.items()}))
    assert {name: data for name, _mode, data in found} == files
