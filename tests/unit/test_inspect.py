"""What an image is and holds is said in full, and what does not fit together is named."""

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adamant.model import manifest
from adamant.model.digest import Salt
from adamant.model.errors import InputError, VerificationError
from adamant.reading.difference import Difference, difference
from adamant.reading.inspect import inspect
from adamant.reading.inspection import ImageKind, Inspection
from tests.unit import image_maker as maker

USR = maker.EROFS_PLAIN
TREE = maker.verity(USR)
ROOT = maker.root_hash(TREE)


def look(path: Path) -> Inspection:
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    found = inspect(path, None, scratch)
    assert list(scratch.iterdir()) == []
    return found


def problems(path: Path) -> set[str]:
    return {problem.reference for problem in look(path).problems}


def disk(root_hash: str = ROOT, usr: bytes = USR, tree: bytes = TREE) -> bytes:
    esp = maker.fat32(
        {
            "EFI/BOOT/BOOTX64.EFI": maker.efi({".text": b"sd-boot", ".sdmagic": b"#"}),
            "EFI/Linux/ex_1.efi": maker.uki(root_hash),
            "EFI/Linux/ex_1.efi.extra.d/tools.raw": b"squashfs",
        }
    )
    return maker.disk(esp, usr, tree)


def test_a_uki_says_what_it_starts(tmp_path: Path) -> None:
    path = tmp_path / "ex_1.efi"
    path.write_bytes(maker.uki(ROOT))
    found = look(path)
    (uki,) = found.ukis
    assert (found.what, uki.kernel, uki.root_hash, uki.arch) == (ImageKind.UKI, "6.12.1-cloud", ROOT, "amd64")
    assert uki.command_line == f"quiet adamant.usrhash={ROOT}"
    assert uki.os_release["NAME"] == "Adamant"
    assert uki.sections[".linux"] == 1800
    assert found.problems == ()


def test_a_usr_image_is_listed_without_a_tree(tmp_path: Path) -> None:
    path = tmp_path / "usr.erofs"
    path.write_bytes(USR)
    found = look(path)
    (usr,) = found.usr
    assert (found.what, usr.files, usr.root_hash, usr.packages) == (ImageKind.USR, 51, "", None)


@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_a_disk_is_read_whole(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"disk.{form}"
    path.write_bytes(disk() if form == "raw" else maker.qcow2(disk()))
    found = look(path)
    assert found.what is ImageKind.DISK
    assert [(p.label, p.type) for p in found.partitions] == [
        ("esp", "esp"),
        ("usr-a", "usr (amd64)"),
        ("usr-a-verity", "usr-verity (amd64)"),
    ]
    (usr,) = found.usr
    assert (usr.label, usr.root_hash, usr.data_blocks, usr.broken_blocks, usr.files) == ("usr-a", ROOT, 5, 0, 51)
    assert [uki.path for uki in found.ukis] == ["EFI/Linux/ex_1.efi"]
    assert [program.path for program in found.programs] == ["EFI/BOOT/BOOTX64.EFI"]
    assert found.extensions == ("EFI/Linux/ex_1.efi.extra.d/tools.raw",)
    assert found.problems == ()


def test_a_flipped_bit_in_a_slot_is_counted(tmp_path: Path) -> None:
    changed = bytearray(USR)
    changed[-1] ^= 1
    path = tmp_path / "disk.raw"
    path.write_bytes(disk(usr=bytes(changed)))
    assert look(path).usr[0].broken_blocks == 1
    assert problems(path) == {"usr-differs"}


def test_a_uki_without_its_slot_is_named(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(disk(root_hash="00" * 32))
    assert problems(path) == {"uki-without-slot"}


def test_a_broken_tree_is_a_problem_of_its_slot_only(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    for place, found in ((5000, {"verity-malformed"}), (4100, {"uki-without-slot", "usr-differs"})):
        tree = bytearray(TREE)
        tree[place] ^= 1
        path.write_bytes(disk(tree=bytes(tree)))
        assert problems(path) == found
        assert look(path).ukis


def test_an_empty_slot_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(disk(usr=b"", tree=b""))
    assert look(path).usr == ()
    assert problems(path) == set()


def test_a_build_folder_is_checked_against_its_manifest(tmp_path: Path) -> None:
    folder = maker.build(tmp_path / "ex_1_amd64", USR)
    found = look(folder)
    assert (found.what, found.usr[0].root_hash, len(found.ukis)) == (ImageKind.BUILD, ROOT, 1)
    assert found.manifest is not None
    assert found.problems == ()
    (folder / "ex_1.efi").write_bytes(maker.uki("11" * 32))
    assert problems(folder) == {"artifact-differs", "uki-without-slot", "root-hash-differs"}
    (folder / "ex_1.efi").unlink()
    assert problems(folder) == {"artifact-missing"}


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "..", "", "a/b"])
def test_a_manifest_does_not_lead_out_of_its_folder(tmp_path: Path, path: str) -> None:
    folder = maker.build(tmp_path / "ex", USR)
    document = folder / "manifest.json"
    described = manifest.decode(document.read_bytes())
    changed = msgspec.structs.replace(described.artifacts[0], path=path)
    document.write_bytes(manifest.encode(msgspec.structs.replace(described, artifacts=(changed,))))
    with pytest.raises(VerificationError, match="artifact-path"):
        look(folder)


def test_what_is_no_image_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_bytes(b"hello\n" * 1000)
    (tmp_path / "folder").mkdir()
    for name, reference in (
        ("empty", "image-unknown"),
        ("text", "image-unknown"),
        ("folder", "file-missing"),
        ("not there", "image-missing"),
    ):
        with pytest.raises(InputError) as caught:
            look(tmp_path / name)
        assert caught.value.reference == reference


def test_a_pipe_does_not_make_it_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="image-unreadable"):
        look(tmp_path / "pipe")


def test_an_inspection_is_a_document(tmp_path: Path) -> None:
    found = look(maker.build(tmp_path / "ex", USR))
    encoded = msgspec.json.encode(found)
    assert msgspec.json.decode(encoded, type=Inspection) == found
    assert str(tmp_path).encode() not in encoded


def test_what_an_image_says_cannot_reach_the_terminal_as_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.efi"
    path.write_bytes(maker.efi({".linux": b"x", ".cmdline": b"quiet \x1b[2J", ".osrel": b"NAME=\x1b]0;x\x07\n"}))
    (uki,) = look(path).ukis
    assert uki.command_line == "quiet \N{REPLACEMENT CHARACTER}[2J"
    assert uki.os_release["NAME"].isprintable()


def test_names_that_are_not_text_are_still_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.erofs").write_bytes(USR)
    (tmp_path / "b.erofs").write_bytes(USR.replace(b"big", b"\xff\x1bg"))
    found = difference(tmp_path / "a.erofs", tmp_path / "b.erofs", None, tmp_path)
    assert found.files is not None
    assert len(found.files) == 2
    assert msgspec.json.decode(msgspec.json.encode(found), type=Difference) == found


_SOUND = {"disk": disk(), "qcow2": maker.qcow2(disk(), 12), "uki": maker.uki(ROOT), "usr": USR}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(_SOUND)),
    st.lists(st.tuples(st.integers(0, 1 << 22), st.binary(min_size=1, max_size=16)), max_size=8),
    st.integers(1, 30) | st.none(),
)
def test_no_image_breaks_inspect(tmp_path: Path, name: str, changes: list[tuple[int, bytes]], cut: int | None) -> None:
    data = bytearray(_SOUND[name])
    for place, piece in changes:
        at = place % len(data)
        data[at : at + len(piece)] = piece
    if cut is not None:
        del data[len(data) * cut // 30 :]
    path = tmp_path / "image"
    path.write_bytes(data)
    try:
        inspect(path, None, tmp_path)
    except (InputError, VerificationError):
        return


def compare(old: Path, new: Path) -> Difference:
    return difference(old, new, None, old.parent)


def test_equal_builds_do_not_differ(tmp_path: Path) -> None:
    found = compare(maker.build(tmp_path / "a", USR), maker.build(tmp_path / "b", USR))
    assert found.same
    assert found.update is not None
    assert (found.update.blocks, found.update.tree_size, found.update.uki_size) == (0, 0, 0)


def test_a_difference_names_values_files_and_blocks(tmp_path: Path) -> None:
    old = maker.build(tmp_path / "a", maker.EROFS_PLAIN)
    new = maker.build(tmp_path / "b", maker.EROFS_INLINE + bytes(8192), "2", extra=b"more")
    found = compare(old, new)
    assert not found.same
    values = {change.name: (change.old, change.new) for change in found.values}
    assert values["os-release IMAGE_VERSION"] == ("1", "2")
    assert "root hash" in values
    assert {size.part: (size.old, size.new) for size in found.sizes}["usr image"] == (20480, 20480)
    assert found.files == ()
    assert not found.contents_compared
    assert found.update is not None
    assert found.update.total_blocks == 5
    assert found.update.blocks <= 3, "blocks of zeros do not travel"
    assert found.update.size == found.update.blocks * 4096
    assert found.update.uki_size > 0
    assert not found.update.whole


def test_a_disk_and_a_build_can_be_compared(tmp_path: Path) -> None:
    (tmp_path / "disk.raw").write_bytes(disk())
    found = compare(tmp_path / "disk.raw", maker.build(tmp_path / "b", USR))
    assert found.update is not None
    assert found.update.blocks == 0


def test_another_salt_moves_everything(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(disk())
    tree = maker.verity(USR, Salt("77" * 32))
    (tmp_path / "b.raw").write_bytes(disk(maker.root_hash(tree), tree=tree))
    update = compare(tmp_path / "a.raw", tmp_path / "b.raw").update
    assert update is not None
    assert update.whole
    assert update.blocks == 5


def test_what_has_nothing_in_common_cannot_be_compared(tmp_path: Path) -> None:
    (tmp_path / "a.efi").write_bytes(maker.uki(ROOT))
    (tmp_path / "usr.erofs").write_bytes(USR)
    with pytest.raises(InputError, match="nothing-to-compare"):
        compare(tmp_path / "a.efi", tmp_path / "usr.erofs")
