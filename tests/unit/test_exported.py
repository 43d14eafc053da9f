"""What a client gives of an export: ranges of its files, and nothing else of the person's computer."""

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adamant.api import update_pb2 as pb
from adamant.cli.node.sender import Sender
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.release.exported import Exported, open_export, write_archive

FILES = {
    "metadata/timestamp.json": b"{}",
    "metadata/1.root.json": b"root",
    "targets/host/2/ab.usr": bytes(range(256)) * 3000,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / "export" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "export" / name).write_bytes(data)
    return tmp_path / "export"


@pytest.fixture
def archive(folder: Path) -> Path:
    out = folder.parent / "export.tar"
    write_archive([(folder / name, Path(name)) for name in FILES], out)
    return out


def entry(name: str, data: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def tar(path: Path, *entries: tuple[tarfile.TarInfo, bytes], prefix: str = "") -> Path:
    """An archive of FILES below `prefix`, with `entries` behind them."""
    with tarfile.open(path, "w:") as out:
        for info, data in [*(entry(prefix + name, data) for name, data in FILES.items()), *entries]:
            out.addfile(info, io.BytesIO(data))
    return path


def whole(exported: Exported, path: str) -> bytes:
    return b"".join(exported.read(path, 0, exported.size(path)))


def test_a_folder_and_its_archive_give_the_same_ranges(folder: Path, archive: Path) -> None:
    for exported in (open_export(folder), open_export(archive)):
        assert {name: whole(exported, name) for name in FILES} == FILES
        assert (
            b"".join(exported.read("targets/host/2/ab.usr", 1000, 300_000))
            == FILES["targets/host/2/ab.usr"][1000:301_000]
        )
        assert max(map(len, exported.read("targets/host/2/ab.usr", 0, 700_000))) <= limits.SENT_PIECE


def test_an_archive_tells_nothing_of_who_made_it_and_is_the_same_each_time(folder: Path, archive: Path) -> None:
    again = folder.parent / "again.tar"
    write_archive([(folder / name, Path(name)) for name in FILES], again)
    assert again.read_bytes() == archive.read_bytes()
    with tarfile.open(archive) as found:
        assert {(m.uid, m.uname, m.mtime) for m in found} == {(0, "", 0)}
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("prefix", ["", "./", "host-2/", "./a/b/"])
def test_an_archive_made_by_tar_does_as_well(tmp_path: Path, prefix: str) -> None:
    made = open_export(tar(tmp_path / "x.tar", entry("host-2", type=tarfile.DIRTYPE), prefix=prefix))
    assert {name: whole(made, name) for name in FILES} == FILES


@pytest.mark.parametrize(
    "path",
    [
        "", "secret", "../secret", "metadata", "metadata/", "metadata/../../secret", "targets/../secret", "/etc/passwd",
        "metadata//timestamp.json", "metadata/./timestamp.json", "metadata/.hidden", "keys/online.key", "metadata/x\0",
        "metadata/link", "targets/out/secret", "metadata/nobody", "targets/host",
    ],
)  # fmt: skip
def test_nothing_else_is_given(folder: Path, archive: Path, path: str) -> None:
    (folder.parent / "secret").write_text("secret")
    (folder / "secret").write_text("secret")
    (folder / "metadata/.hidden").write_text("secret")
    (folder / "metadata/link").symlink_to(folder.parent / "secret")
    (folder / "targets/out").symlink_to(folder.parent)
    for exported in (open_export(folder), open_export(archive)):
        with pytest.raises(FileNotFoundError):
            exported.size(path)
        with pytest.raises(FileNotFoundError):
            list(exported.read(path, 0, 1))
        assert list(Sender(exported, pb.UpgradeRequest()).pieces(pb.UpgradeRead(path=path, length=1))) == [
            {"missing": True}
        ]


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (entry("../out", b"x"), "no name of a file"),
        (entry("targets/../../out", b"x"), "no name of a file"),
        (entry("/etc/passwd", b"x"), "no name of a file"),
        (entry("targets//x", b"x"), "no name of a file"),
        (entry("targets/x", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "no plain file"),
        (entry("targets/x", type=tarfile.LNKTYPE, linkname="/etc/passwd"), "no plain file"),
        (entry("targets/x", type=tarfile.CHRTYPE), "no plain file"),
        (entry("targets/x", type=tarfile.FIFOTYPE), "no plain file"),
        (entry("metadata/timestamp.json", b"other"), "twice"),
        (entry("other/metadata/timestamp.json", b"other"), "2 files"),
    ],
)
def test_an_archive_with_hostile_entries_is_refused(
    tmp_path: Path, made: tuple[tarfile.TarInfo, bytes], why: str
) -> None:
    with pytest.raises(InputError, match=why) as caught:
        open_export(tar(tmp_path / "x.tar", made))
    assert caught.value.reference == "export-unreadable"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"no archive" * 1000,
        lambda data: data[:100],
        lambda data: data[:700_000],
        lambda data: data[512:],
        lambda data: b"\x1f\x8b" + data,
        lambda data: bytes(1 << 20),
        lambda data: data[:124] + b"77777777777\0" + data[136:],
        lambda data: data[:124] + b"\xff" * 12 + data[136:],
    ],
)
def test_what_is_no_archive_or_a_part_of_one_is_refused(archive: Path, spoil: Callable[[bytes], bytes]) -> None:
    archive.write_bytes(spoil(archive.read_bytes()))
    with pytest.raises(InputError) as caught:
        open_export(archive)
    assert caught.value.reference == "export-unreadable"


def test_an_archive_of_more_entries_than_an_export_has_is_refused(tmp_path: Path) -> None:
    many = [entry(f"targets/{n}") for n in range(limits.EXPORT_ENTRIES)]
    with pytest.raises(InputError, match="more than"):
        open_export(tar(tmp_path / "x.tar", *many))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        open_export(tmp_path / "pipe")


def test_a_folder_without_metadata_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it has no metadata/timestamp\.json"):
        open_export(tmp_path)


def pieces(exported: Exported, **read: Any) -> list[dict[str, Any]]:
    return list(Sender(exported, pb.UpgradeRequest()).pieces(pb.UpgradeRead(**read)))


def test_an_answer_ends_by_saying_so(archive: Path) -> None:
    exported = open_export(archive)
    assert pieces(exported, path="metadata/1.root.json", offset=1, length=2) == [{"data": b"oo"}, {"last": True}]
    assert pieces(exported, path="metadata/1.root.json", length=100, whole=True) == [{"data": b"root"}, {"last": True}]


@pytest.mark.parametrize(
    ("read", "why"),
    [
        ({"offset": 2, "length": 3}, "ends too early"),
        ({"offset": 1 << 62, "length": 1}, "ends too early"),
        ({"offset": 0, "length": 1 << 62}, "ends too early"),
        ({"offset": (1 << 64) - 1, "length": (1 << 64) - 1}, "ends too early"),
        ({"length": 3, "whole": True}, "too large"),
    ],
)
def test_what_cannot_be_given_is_said_and_raises_nothing(
    folder: Path, archive: Path, read: dict[str, Any], why: str
) -> None:
    for exported in (open_export(folder), open_export(archive)):
        last = pieces(exported, path="metadata/1.root.json", **read)[-1]
        assert list(last) == ["failed"]
        assert why in last["failed"]


def test_a_node_that_asks_and_takes_nothing_is_ended(archive: Path) -> None:
    sender = Sender(open_export(archive), pb.UpgradeRequest())
    for number in range(limits.SENT_QUESTIONS):
        sender.ask(pb.UpgradeRead(number=number))
    with pytest.raises(AdamantError) as caught:
        sender.ask(pb.UpgradeRead())
    assert caught.value.reference == "node-asks-too-much"
    sender.end()
