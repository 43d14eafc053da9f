"""The folder of UKIs: what is written there is whole or not there, and what is in the way is told."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from adamant.model.errors import AdamantError, BusyError
from adamant.node.update import entries
from adamant.node.update import esp as esp_files
from adamant.node.update.entries import Entry
from adamant.node.update.esp import FOLDER, EspFolder

NEW = entries.fresh("host", "2")
OLD = Entry("host", "1", None, 0)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / FOLDER
    made.mkdir(parents=True)
    (made / OLD.name).write_bytes(b"old" * 100)
    return made


@pytest.fixture
def esp(folder: Path, tmp_path: Path) -> EspFolder:
    return EspFolder(tmp_path)


def test_an_esp_that_is_full_is_named_and_nothing_stays_on_it(esp: EspFolder, folder: Path) -> None:
    (folder / "adamant.new").symlink_to("/dev/full")
    with pytest.raises(BusyError) as caught:
        esp.put(NEW, iter([b"new" * 100_000]))
    assert caught.value.reference == "esp-full"
    assert names(folder) == [OLD.name]


def test_a_uki_that_turns_out_wrong_leaves_nothing(esp: EspFolder, folder: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"new"
        raise AdamantError("release-file", "it is not as its release says")

    with pytest.raises(AdamantError, match="not as its release says"):
        esp.put(NEW, chunks())
    assert names(folder) == [OLD.name]


def test_what_will_be_removed_is_room_for_a_new_entry(
    esp: EspFolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _folder: SimpleNamespace(f_bavail=10, f_frsize=4096))
    (folder / "host_0.9+03.efi").write_bytes(bytes(3000))
    assert esp.free() == 40_960
    assert esp.free([Entry("host", "0.9", 3, 0)]) == 43_960
    (folder / "adamant.new").write_bytes(bytes(50_000))  # of an update that was cut
    assert esp.free() == 90_960
    esp.tidy()
    assert names(folder) == ["host_0.9+03.efi", OLD.name]


@pytest.mark.parametrize("name", ["host_0.9+03.efi", "host_0.9+3-0.efi", "host_0.9+003-000.efi"])
def test_a_counter_that_is_written_otherwise_is_of_the_same_entry(esp: EspFolder, folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"before")
    entry = next(entry for entry in esp.entries() if entry.version == "0.9")
    assert entry.left == entries.TRIES
    assert esp.read(entry).exactly(0, 6) == b"before"
    esp.rename(entry, entry._replace(left=0, done=3))
    assert (folder / "host_0.9+0-3.efi").exists()
    (folder / "host_0.9+0-3.efi").rename(folder / name)
    esp.remove(entry)
    assert names(folder) == [OLD.name]


COUNTED = OLD._replace(left=2, done=1)


def links(path: Path) -> int:
    """How many names a file has: here a stand-in for FAT, where a name that is removed takes the blocks of all."""
    return path.stat().st_nlink


def test_of_two_names_that_a_cut_left_for_one_file_none_is_removed_while_the_other_is_an_entry(
    esp: EspFolder, folder: Path
) -> None:
    os.link(folder / OLD.name, folder / COUNTED.name)
    esp.rename(COUNTED, OLD)
    assert (esp.entries(), links(folder / OLD.name)) == ([OLD], 2)
    os.link(folder / OLD.name, folder / COUNTED.name)
    esp.remove(COUNTED)
    assert (esp.entries(), links(folder / OLD.name)) == ([OLD], 3)
    for left in ("adamant.new", "HOST_1~2.EFI"):
        os.link(folder / OLD.name, folder / left)
    (folder / "OTHER~1.EFI").write_bytes(b"another system")
    esp.tidy()
    assert (esp.entries(), links(folder / OLD.name)) == ([OLD], 5)
    esp.remove(OLD)
    twins = [f"adamant.twin{number}" for number in range(4)]
    assert (esp.entries(), names(folder)) == ([], ["OTHER~1.EFI", *twins])


@pytest.mark.parametrize(
    "act",
    [
        EspFolder.entries,
        EspFolder.free,
        lambda esp: esp.read(OLD),
        lambda esp: esp.remove(OLD),
        lambda esp: esp.put(NEW, iter([b""])),
        lambda esp: esp.rename(OLD, NEW),
    ],
)
def test_an_esp_that_is_not_there_is_told_so(tmp_path: Path, act: Callable[[EspFolder], object]) -> None:
    with pytest.raises(AdamantError) as caught:
        act(EspFolder(tmp_path / "nothing"))
    assert caught.value.reference == "esp-failed"


def test_only_other_releases_of_the_running_image_make_room() -> None:
    menu = [OLD, NEW, Entry("host", "1", 3, 0), Entry("edge", "5", None, 0), Entry("host", "0.9", 0, 3)]
    assert entries.others(menu, OLD) == [NEW, Entry("host", "0.9", 0, 3)]


class Cut(BaseException):
    """The power is gone."""


class FatDisk:
    """Counts what `replace` does to the disk, and cuts the power before the operation `cut`.

    What was written and not synced before a cut is half of it. A rename over a name is, on FAT, one sector.
    """

    def __init__(self, patch: pytest.MonkeyPatch, cut: int) -> None:
        self.left = cut
        self.synced: set[int] = set()
        sync, rename = os.fsync, Path.rename

        def synced(number: int) -> None:
            self.use()
            sync(number)
            self.synced.add(os.fstat(number).st_ino)

        def renamed(path: Path, target: Path) -> Path:
            self.use()
            assert path.stat().st_ino in self.synced, "a name for what is not on the disk"
            return rename(path, target)

        patch.setattr(os, "fsync", synced)
        patch.setattr(Path, "rename", renamed)

    def use(self) -> None:
        if self.left == 0:
            raise Cut
        self.left -= 1

    def lose(self, folder: Path) -> None:
        """What the cut does to files that were not synced."""
        for path in folder.iterdir():
            if path.stat().st_ino not in self.synced and path.name == "adamant.new":
                os.truncate(path, path.stat().st_size // 2)


def test_a_file_that_is_replaced_holds_the_old_or_the_new_whatever_is_cut(tmp_path: Path) -> None:
    place = tmp_path / "EFI/BOOT/BOOTX64.EFI"
    old, new = b"old" * 1000, b"new" * 2000
    seen: list[str] = []
    cut = 0
    while not seen or seen[-1] != "done":
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(old)
        with pytest.MonkeyPatch.context() as patch:
            disk = FatDisk(patch, cut)
            patch.setattr(Path, "unlink", lambda *_a, **_k: None)  # nothing is tidied up after a cut
            try:
                esp_files.replace(place, new)
                seen.append("done")
            except Cut:
                disk.lose(place.parent)
                seen.append("new" if place.read_bytes() == new else "old")
        assert place.read_bytes() in {old, new}, cut
        esp_files.replace(place, new)
        assert place.read_bytes() == new
        assert names(place.parent) == [place.name]
        cut += 1
    assert seen == ["old"] * 3 + ["new"] * 4 + ["done"]


def test_the_old_file_keeps_its_blocks_until_the_new_one_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT frees the blocks of a file without a name once nobody has it open."""
    place = tmp_path / "BOOTX64.EFI"
    place.write_bytes(b"old")
    number = place.stat().st_ino
    seen: list[tuple[bytes, bool]] = []
    sync = os.fsync

    def open_files() -> set[int]:
        found = set()
        for link in list(Path("/proc/self/fd").iterdir()):
            with suppress(OSError):
                found.add(os.fstat(int(link.name)).st_ino)
        return found

    def watched(fd: int) -> None:
        seen.append((place.read_bytes(), number in open_files()))
        sync(fd)

    monkeypatch.setattr(os, "fsync", watched)
    esp_files.replace(place, b"new")
    assert [held for data, held in seen if data == b"new"] == [True, True, True, False], (
        "the last sync is of what is free then"
    )
    assert number not in open_files()


def test_what_the_disk_does_not_give_back_gets_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "BOOTX64.EFI"
    place.write_bytes(b"old")
    monkeypatch.setattr(esp_files, "_from_disk", lambda _path: b"neu")
    with pytest.raises(AdamantError, match="does not give back"):
        esp_files.replace(place, b"new")
    assert place.read_bytes() == b"old"
    assert names(tmp_path) == [place.name]


def test_a_full_esp_keeps_the_file_that_was_to_be_replaced(tmp_path: Path) -> None:
    place = tmp_path / "BOOTX64.EFI"
    place.write_bytes(b"old")
    (tmp_path / "adamant.new").symlink_to("/dev/full")
    with pytest.raises(BusyError) as caught:
        esp_files.replace(place, b"new" * 100_000)
    assert caught.value.reference == "esp-full"
    assert place.read_bytes() == b"old"
