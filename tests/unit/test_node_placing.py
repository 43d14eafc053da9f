"""Files of the config in an /etc on disk: they are put there, given back, and a person's are left alone."""

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import files
from adamant.node.config import placing
from adamant.node.config.etc import FACTORY, FOLDER


class _Cut(BaseException):
    """The power goes."""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for folder in ("etc", FACTORY):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "motd").write_text("of the release\n")
        (tmp_path / folder / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    (tmp_path / ".adamant").mkdir()
    return tmp_path


def ask(machine: Path, **wanted: str) -> None:
    folder = machine / FOLDER
    for path in [*folder.rglob("*")] if folder.is_dir() else []:
        if path.is_file():
            path.unlink()
    for name, text in wanted.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o640)


def seen(machine: Path) -> dict[str, str]:
    etc = machine / "etc"
    return {
        str(path.relative_to(etc)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in sorted(etc.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


RELEASED = {"localtime": "/usr/share/zoneinfo/Etc/UTC", "motd": "of the release\n"}


def test_files_come_with_their_modes_and_go_again(machine: Path) -> None:
    ask(machine, motd="of the config\n", app__key="k\n", localtime="TZif")
    placing.place(machine)
    assert seen(machine) == {"app/key": "k\n", "localtime": "TZif", "motd": "of the config\n"}
    assert (machine / "etc/app/key").stat().st_mode & 0o777 == 0o640
    ask(machine)
    placing.place(machine)
    assert seen(machine) == RELEASED
    assert not (machine / placing.RECORD).exists()


def test_what_a_person_has_changed_since_stays_when_the_config_lets_go_of_it(machine: Path) -> None:
    ask(machine, motd="of the config\n", new="x\n")
    placing.place(machine)
    for name in ("motd", "new"):
        (machine / "etc" / name).write_text("of a person\n")
    ask(machine)
    placing.place(machine)
    assert seen(machine) == {**RELEASED, "motd": "of a person\n", "new": "of a person\n"}


def test_while_the_config_names_a_file_its_contents_count(machine: Path) -> None:
    ask(machine, motd="of the config\n")
    placing.place(machine)
    (machine / "etc/motd").write_text("of a person\n")
    placing.place(machine)
    assert seen(machine)["motd"] == "of the config\n"


def test_a_file_that_was_never_the_config_s_is_never_touched(machine: Path) -> None:
    (machine / "etc/own").write_text("of a person\n")
    ask(machine, motd="x")
    placing.place(machine)
    ask(machine)
    placing.place(machine)
    assert seen(machine)["own"] == "of a person\n"


def test_a_crash_between_two_writes_forgets_nothing(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = files.write_atomic
    for allowed in range(6):
        left = allowed
        ask(machine, motd="of the config\n", app__key="k\n")

        def cut(path: Path, data: bytes, *more: int, durable: bool = True) -> None:
            nonlocal left
            if not left:
                raise _Cut
            left -= 1
            write(path, data, *more, durable=durable)

        monkeypatch.setattr(files, "write_atomic", cut)
        with contextlib.suppress(_Cut):
            placing.place(machine)
        monkeypatch.setattr(files, "write_atomic", write)
        ask(machine)
        placing.place(machine)
        assert seen(machine) == RELEASED


@pytest.mark.parametrize("data", [b"", b"[]", b'{"a": 1}', b"{", b'{"../x": "644 a", "/y": "644 a"}'])
def test_a_record_that_is_none_names_nothing(machine: Path, data: bytes) -> None:
    (machine / placing.RECORD).write_bytes(data)
    assert placing.read(machine) == {}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_none(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".adamant").mkdir()
        (Path(folder) / placing.RECORD).write_bytes(data)
        placing.read(Path(folder))
