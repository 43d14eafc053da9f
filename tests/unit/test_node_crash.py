"""Crash records: which boots have one, what is in it, how many are kept, and what a damaged state cannot do."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.api import crashes_pb2
from adamant.core import limits
from adamant.model.errors import InputError
from adamant.node import crash
from adamant.node.reading import BOOT_ID, boot_id

NOW = "f" * 32
BEFORE = "a" * 32
OTHER = "b" * 32
PANIC = "<6>[1.0] fine\n<0>[2.0] Kernel panic - not syncing: sysrq triggered crash\n<4>[2.1] CPU: 0\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The system's own files, with a boot id and an uptime of ten minutes."""
    boot = tmp_path / "root" / BOOT_ID
    boot.parent.mkdir(parents=True)
    boot.write_text("ffffffff-ffff-ffff-ffff-ffffffffffff\n")
    (tmp_path / "root/proc/uptime").write_text("600.00 1000.00\n")
    return tmp_path / "root"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state/adamant").mkdir(parents=True)
    return tmp_path / "state"


def journal(boot: str, kernel: bool) -> str:
    return "1700000001.000002 m1 kernel: hello\n" + ("" if kernel else f"1700000003.000004 m1 x[1]: last of {boot}\n")


def test_a_boot_that_a_shutdown_ended_has_no_record(root: Path, state: Path) -> None:
    crash.mark(state, BEFORE)
    (state / crash.FOLDER / crash.MARKS / BEFORE).unlink()  # as the unit does
    assert crash.Crashes(state).collect(root, journal) == []
    assert crash.Crashes(state).all() == []


def test_the_running_boot_has_no_record(root: Path, state: Path) -> None:
    crash.mark(state, boot_id(root))
    assert crash.Crashes(state).collect(root, journal) == []
    assert crash.ended(state, OTHER) == [NOW]


def test_a_boot_that_left_its_mark_has_a_record_once(root: Path, state: Path) -> None:
    crash.mark(state, BEFORE)
    crash.mark(state, NOW)
    (line,) = crash.Crashes(state).collect(root, journal, lambda: 1_700_000_100.0)
    assert "aaaaaaaa did not end by a shutdown" in line
    (made,) = crash.Crashes(state).all()
    assert (made.boot_id, made.last_usec, made.recorded_usec) == (BEFORE, 1_700_000_003_000_004, 1_700_000_100_000_000)
    assert not made.panic
    assert not made.pstore
    assert "last of aaaa" in made.journal
    assert "last of" not in made.kernel
    assert crash.Crashes(state).collect(root, journal) == []
    assert len(crash.Crashes(state).all()) == 1


def test_what_the_firmware_kept_of_this_boot_s_begin_says_why(root: Path, state: Path) -> None:
    for name, text, age in (("1", PANIC, 0), ("0", PANIC.replace("sysrq", "old"), 3600)):
        kept = root / crash.PSTORE / name / "dmesg.txt"
        kept.parent.mkdir(parents=True)
        kept.write_text(text)
        when = kept.stat().st_mtime - age
        os.utime(kept, (when, when))
    crash.mark(state, BEFORE)
    crash.Crashes(state).collect(root, journal)
    (made,) = crash.Crashes(state).all()
    assert made.panic
    assert made.pstore
    assert made.reason == "Kernel panic: sysrq triggered crash"
    assert made.kernel == PANIC


def test_so_many_records_are_kept_and_no_more(root: Path, state: Path) -> None:
    times = iter(range(1_700_000_000, 1_800_000_000))
    for number in range(limits.CRASHES_KEPT + 3):
        crash.mark(state, f"{number:032x}")
        crash.Crashes(state).collect(root, journal, lambda: float(next(times)))
    found = crash.Crashes(state).all()
    assert len(found) == limits.CRASHES_KEPT
    assert found[0].boot_id == f"{limits.CRASHES_KEPT + 2:032x}"


def test_the_end_of_long_texts_is_kept(root: Path, state: Path) -> None:
    crash.mark(state, BEFORE)
    crash.Crashes(state).collect(root, lambda _boot, _kernel: "1.000000 ä\n" * limits.CRASH_TAIL + "end\n")
    (made,) = crash.Crashes(state).all()
    assert made.journal.endswith("ä\nend\n")
    assert made.journal.startswith("1.000000")
    assert len(made.journal.encode()) <= limits.CRASH_TAIL
    assert (state / crash.FOLDER / f"{BEFORE}.json").stat().st_size < limits.CRASH_RECORD


def test_a_record_is_found_by_the_begin_of_its_id(root: Path, state: Path) -> None:
    for boot in (BEFORE, "ab" + "0" * 30):
        crash.mark(state, boot)
    crash.Crashes(state).collect(root, journal)
    assert crash.Crashes(state).find("aa").boot_id == BEFORE
    for begin in ("a", "c", ""):
        with pytest.raises(InputError) as caught:
            crash.Crashes(state).find(begin)
        assert caught.value.reference == "crash-unknown"


@given(
    st.one_of(st.binary(max_size=200), st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
)
def test_a_damaged_record_is_left_out(tmp_path_factory: pytest.TempPathFactory, data: bytes | str) -> None:
    folder = tmp_path_factory.mktemp("s") / crash.FOLDER
    folder.mkdir(parents=True)
    (folder / f"{BEFORE}.json").write_bytes(data if isinstance(data, bytes) else data.encode())
    assert crash.Crashes(folder.parents[1]).all() == []


def test_marks_that_are_no_boot_ids_are_left_alone(root: Path, state: Path) -> None:
    folder = state / crash.FOLDER / crash.MARKS
    folder.mkdir(parents=True)
    (folder / "--help").write_text("")
    assert crash.Crashes(state).collect(root, journal) == []


def test_the_list_is_without_the_last_words_and_a_record_has_them(root: Path, state: Path) -> None:
    crash.mark(state, BEFORE)
    crash.Crashes(state).collect(root, journal)
    (listed,) = crash.list_(state).crashes
    assert (listed.boot_id, listed.kernel, listed.journal) == (BEFORE, "", "")
    assert "last of" in crash.show(crashes_pb2.CrashRequest(boot_id="aaa"), state).crash.journal
