"""The folder of UKIs: what is written there is whole or not there, and what is in the way is told."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from adamant.model.errors import AdamantError, BusyError
from adamant.node.update import entries
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
