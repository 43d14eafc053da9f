"""The disk image as a file, and the kernel command line."""

import dataclasses
from pathlib import Path

import pytest

from adamant.image import disk, gpt, uki
from adamant.model import layout
from adamant.model.arch import NAMES, Arch
from adamant.model.digest import RootHash
from adamant.model.errors import InputError
from adamant.model.posture import Posture

MIB = 1 << 20


@pytest.fixture
def parts(tmp_path: Path) -> disk.DiskParts:
    for name, data in (("esp", b"E" * 100), ("usr", b"U" * MIB), ("verity", b"V" * 8192)):
        (tmp_path / name).write_bytes(data)
    return disk.DiskParts(
        arch=Arch.ARM64,
        name="adamant",
        version="1",
        esp_size=40 * MIB,
        slot_size=64 * MIB,
        esp=tmp_path / "esp",
        usr=tmp_path / "usr",
        verity=tmp_path / "verity",
    )


def test_each_partition_holds_its_contents_and_the_rest_is_a_hole(parts: disk.DiskParts, tmp_path: Path) -> None:
    out = tmp_path / "disk.raw"
    disk.make_disk(parts, out)
    with out.open("rb") as image:
        table = gpt.decode(gpt.read_at(image.fileno()), out.stat().st_size)
        esp, usr, verity = table.partitions
        for partition, source in ((esp, parts.esp), (usr, parts.usr), (verity, parts.verity)):
            wanted = source.read_bytes()
            image.seek(partition.offset)
            assert image.read(len(wanted) + 1) == wanted + b"\0"
    assert usr.type.hex != esp.type.hex
    assert out.stat().st_blocks * 512 < 4 * MIB


def test_root_lies_last_behind_the_place_of_what_the_first_boot_makes(parts: disk.DiskParts, tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(b"R" * 100)
    out = tmp_path / "disk.raw"
    disk.make_disk(dataclasses.replace(parts, root=tmp_path / "root"), out)
    with out.open("rb") as image:
        table = gpt.decode(gpt.read_at(image.fileno()), out.stat().st_size)
        *others, verity, root = table.partitions
        image.seek(root.offset)
        assert image.read(101) == b"R" * 100 + b"\0"
    assert [partition.label for partition in (*others, verity, root)] == ["esp", "usr-a", "usr-a-verity", "root"]
    slot_b = parts.slot_size + layout.verity_size(parts.slot_size)
    assert root.offset - (verity.offset + verity.size) == slot_b + layout.STATE_SIZE
    assert root.size == layout.ROOT_SIZE
    assert str(root.type) == NAMES[parts.arch].root_type
    assert not root.flags & gpt.READ_ONLY


def test_where_root_is_in_ram_the_disk_is_as_it_was(parts: disk.DiskParts) -> None:
    whole = disk.table(parts.arch, "a", "1", parts.esp_size, parts.slot_size, root=True)
    without = disk.table(parts.arch, "a", "1", parts.esp_size, parts.slot_size)
    assert whole.partitions[:-1] == without.partitions


def test_two_disks_of_the_same_parts_are_the_same_bytes(parts: disk.DiskParts, tmp_path: Path) -> None:
    disk.make_disk(parts, tmp_path / "a")
    disk.make_disk(parts, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_existing_file_is_not_overwritten(parts: disk.DiskParts) -> None:
    with pytest.raises(FileExistsError):
        disk.make_disk(parts, parts.esp)


def test_a_usr_image_that_fits_no_slot_names_the_size_to_set(parts: disk.DiskParts, tmp_path: Path) -> None:
    with parts.usr.open("r+b") as image:
        image.truncate(100 * MIB)
    with pytest.raises(InputError) as caught:
        disk.make_disk(parts, tmp_path / "disk.raw")
    assert caught.value.reference == "slot-too-small"
    assert "150M" in caught.value.hint
    assert not (tmp_path / "disk.raw").exists()


def test_a_tree_that_fits_no_slot_is_refused_too(parts: disk.DiskParts, tmp_path: Path) -> None:
    big = dataclasses.replace(parts, verity=parts.usr)
    with parts.usr.open("r+b") as image:
        image.truncate(3 * MIB)
    with pytest.raises(InputError, match="slot"):
        disk.make_disk(big, tmp_path / "disk.raw")


ROOT = RootHash("ab" * 32)


def test_the_command_line_holds_the_root_hash_under_our_own_name_once() -> None:
    line = uki.command_line(Arch.AMD64, ROOT, ["quiet"], Posture.GUARDED).split()
    assert line.count(f"adamant.usrhash={ROOT}") == 1
    assert not any(word.startswith("usrhash=") for word in line)
    assert line[-1] == "quiet"
    assert any(word.startswith("panic=") and int(word[6:]) > 0 for word in line)


def test_each_architecture_has_its_serial_console_last() -> None:
    def consoles(arch: Arch) -> list[str]:
        return [w for w in uki.command_line(arch, ROOT, (), Posture.GUARDED).split() if w.startswith("console=")]

    assert consoles(Arch.AMD64)[-1] == "console=ttyS0,115200"
    assert consoles(Arch.ARM64)[-1] == "console=ttyAMA0,115200"


def test_the_security_module_bpf_is_there_when_a_unit_needs_it_alone() -> None:
    def modules(*, bpf: bool, arguments: tuple[str, ...] = ()) -> list[str]:
        line = uki.command_line(Arch.AMD64, ROOT, arguments, Posture.GUARDED, bpf=bpf)
        return [word for word in line.split() if word.startswith("lsm=")]

    assert modules(bpf=False) == [f"lsm={uki.SECURITY_MODULES}"]
    assert modules(bpf=True) == [f"lsm={uki.SECURITY_MODULES},bpf"]
    # The kernel takes the last one.
    assert modules(bpf=True, arguments=("lsm=yama",))[-1] == "lsm=yama"


def test_a_definition_cannot_name_another_root_hash() -> None:
    with pytest.raises(InputError) as caught:
        uki.command_line(Arch.AMD64, ROOT, ["quiet", f"adamant.usrhash={'0' * 64}"], Posture.GUARDED)
    assert caught.value.context == "$.kernel.arguments[1]"


def test_only_the_build_says_where_the_root_is() -> None:
    on_disk = uki.command_line(Arch.AMD64, ROOT, ["quiet"], Posture.OPEN).split()
    in_ram = uki.command_line(Arch.AMD64, ROOT, ["quiet"], Posture.GUARDED).split()
    assert [word for word in on_disk if word not in in_ram] == ["adamant.root=disk"]
    with pytest.raises(InputError, match="kernel-argument-reserved"):
        uki.command_line(Arch.AMD64, ROOT, ["adamant.root=disk"], Posture.GUARDED)


def test_a_command_line_that_the_kernel_would_cut_is_refused() -> None:
    with pytest.raises(InputError, match="characters"):
        uki.command_line(Arch.AMD64, ROOT, ["x" * 250] * 8, Posture.GUARDED)
