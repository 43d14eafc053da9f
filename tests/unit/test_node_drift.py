"""Drift: what differs in /etc from the release is listed, what does not is not, and no secret is shown."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.api import drift_pb2 as pb
from adamant.core import limits
from adamant.model.errors import InputError
from adamant.node.config import placing
from adamant.node.drift import compare, service, text
from adamant.node.drift.compare import Difference

RELEASE = {
    "hosts": "127.0.0.1 localhost\n",
    "issue": "Adamant\n",
    "ssh/sshd_config": "Port 22\n",
    "shadow": "root:!*\n",
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine of the posture open whose /etc is that of its release."""
    for folder in ("etc", "usr/share/factory/etc"):
        for name, content in RELEASE.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        (tmp_path / folder / "mtab").symlink_to("../proc/self/mounts")
    (tmp_path / "usr/lib/adamant").mkdir(parents=True)
    (tmp_path / "usr/lib/adamant/posture").write_text("open\n")
    return tmp_path


def found(machine: Path) -> list[Difference]:
    return list(compare.compare(machine, placing.read(machine)).found)


def shown(machine: Path, path: str) -> pb.DriftTextResponse:
    return text.answer(pb.DriftTextRequest(path=path), machine)


def test_a_machine_as_it_was_released_has_no_drift(machine: Path) -> None:
    assert service.answer(machine) == pb.DriftResponse()


def test_what_is_added_changed_and_removed_is_listed(machine: Path) -> None:
    (machine / "etc/added").write_text("x")
    (machine / "etc/hosts").write_text("other\n")
    (machine / "etc/issue").unlink()
    assert found(machine) == [
        Difference("added", "added", "a file"),
        Difference("hosts", "changed", "contents"),
        Difference("issue", "removed", ""),
    ]
    answer = service.answer(machine)
    assert [(e.path, e.change) for e in answer.entries] == [
        ("/etc/added", pb.DRIFT_CHANGE_ADDED),
        ("/etc/hosts", pb.DRIFT_CHANGE_CHANGED),
        ("/etc/issue", pb.DRIFT_CHANGE_REMOVED),
    ]


def test_a_change_of_the_same_length_is_seen(machine: Path) -> None:
    (machine / "etc/hosts").write_text(RELEASE["hosts"].replace("1", "2"))
    assert found(machine) == [Difference("hosts", "changed", "contents")]


def test_a_file_that_was_written_and_is_the_same_is_no_drift(machine: Path) -> None:
    (machine / "etc/hosts").write_text(RELEASE["hosts"])
    assert found(machine) == []


def test_modes_links_and_kinds_count(machine: Path) -> None:
    (machine / "etc/hosts").chmod(0o600)
    (machine / "usr/share/factory/etc/hosts").chmod(0o644)
    (machine / "etc/mtab").unlink()
    (machine / "etc/mtab").symlink_to("/elsewhere")
    (machine / "etc/issue").unlink()
    (machine / "etc/issue").mkdir()
    assert found(machine) == [
        Difference("hosts", "changed", "mode 0600, not 0644"),
        Difference("issue", "changed", "it is a folder, and was a file"),
        Difference("mtab", "changed", "it points elsewhere"),
    ]


def test_a_folder_that_is_gone_says_it_for_all_in_it(machine: Path) -> None:
    (machine / "etc/ssh/sshd_config").unlink()
    (machine / "etc/ssh").rmdir()
    assert found(machine) == [Difference("ssh", "removed", "")]


def test_what_the_machine_makes_itself_is_no_drift(machine: Path) -> None:
    for name in compare.OWN:
        (machine / "etc" / name).write_text("x")
    assert found(machine) == []


def test_what_the_config_puts_there_is_no_drift_until_somebody_changes_it(machine: Path) -> None:
    for name in ("hosts", "app/key"):
        path = machine / "run/adamant/etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of the config\n")
    (machine / ".adamant").mkdir()
    placing.place(machine)
    assert found(machine) == []
    (machine / "etc/hosts").write_text("of a person\n")
    assert found(machine) == [Difference("hosts", "changed", "contents")]


def test_a_list_has_a_limit(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DRIFT_LISTED", 2)
    for number in range(5):
        (machine / "etc" / str(number)).touch()
    answer = service.answer(machine)
    assert (len(answer.entries), answer.more) == (2, True)


def test_the_walk_has_a_limit(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DRIFT_ENTRIES", 2)
    assert service.answer(machine).more


@pytest.mark.parametrize("posture", ["guarded", "sealed"])
def test_where_etc_is_in_ram_nothing_can_drift(machine: Path, posture: str) -> None:
    (machine / "usr/lib/adamant/posture").write_text(f"{posture}\n")
    (machine / "etc/added").touch()
    answer = service.answer(machine)
    assert not answer.entries
    assert posture in answer.none


def test_a_name_that_is_no_text_is_listed(machine: Path) -> None:
    (machine / "etc/\udcff").touch()
    (entry,) = service.answer(machine).entries
    assert entry.path == "/etc/\ufffd"


def test_the_difference_of_a_text_is_shown(machine: Path) -> None:
    (machine / "etc/hosts").write_text(f"{RELEASE['hosts']}10.0.0.1 db")
    assert shown(machine, "/etc/hosts").diff == (
        "--- release/etc/hosts\n+++ machine/etc/hosts\n@@ -1 +1,2 @@\n"
        " 127.0.0.1 localhost\n+10.0.0.1 db\n\\ No newline at end of file\n"
    )


def test_a_removed_and_an_added_file_are_whole_differences(machine: Path) -> None:
    (machine / "etc/issue").unlink()
    (machine / "etc/new").write_text("a\n")
    assert "-Adamant\n" in shown(machine, "/etc/issue").diff
    assert "+a\n" in shown(machine, "/etc/new").diff


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("shadow", b"root:$y$hash\n", "hashes of passwords"),
        ("gshadow", b"root:$y$hash\n", "hashes of passwords"),
        ("key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n", "private key"),
        ("binary", b"\xff\xfe", "no text"),
        ("zero", b"a\0b", "no text"),
        ("large", b"a" * (limits.DRIFT_TEXT + 1), "KiB"),
    ],
)
def test_no_secret_and_nothing_but_text_is_shown(machine: Path, name: str, data: bytes, why: str) -> None:
    (machine / "etc" / name).write_bytes(data)
    answer = shown(machine, f"/etc/{name}")
    assert not answer.diff
    assert why in answer.refused


def test_no_secret_is_shown_by_a_link_to_it(machine: Path) -> None:
    (machine / "etc/link").symlink_to("shadow")
    answer = shown(machine, "/etc/link")
    assert not answer.diff
    assert "hashes" in answer.refused


def test_a_folder_has_no_text(machine: Path) -> None:
    (machine / "etc/folder").mkdir()
    assert shown(machine, "/etc/folder").refused


@pytest.mark.parametrize("path", ["", "/", "/etc", "/etc/", "/usr/x", "etc/hosts", "/etc/../usr/x", "/etc//hosts"])
def test_only_paths_below_etc_are_asked_for(machine: Path, path: str) -> None:
    with pytest.raises(InputError, match="drift-path"):
        shown(machine, path)


@given(st.text(max_size=60))
def test_any_path_has_an_answer_or_an_error(path: str) -> None:
    with contextlib.suppress(InputError):
        text.answer(pb.DriftTextRequest(path=path.encode("utf-8", "replace").decode()), Path("/nonexistent"))
