"""A step that was done is never done again, and nothing half done ever looks finished."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from adamant.core import events
from adamant.core.store import Store
from adamant.model.errors import AdamantError


def write(text: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / "out").write_text(text)

    return make


def test_equal_inputs_reuse_and_changed_inputs_say_what_changed(tmp_path: Path) -> None:
    seen: list[events.Event] = []
    store = Store(tmp_path, seen.append)
    calls: list[int] = []

    def make(folder: Path) -> None:
        calls.append(1)
        (folder / "out").write_text("x")

    first = store.step("usr", {"tree": "a", "profile": "dev"}, make)
    again = store.step("usr", {"profile": "dev", "tree": "a"}, make)
    other = store.step("usr", {"profile": "release", "tree": "a"}, make)
    assert (first.reused, again.reused, other.reused) == (False, True, False)
    assert len(calls) == 2
    assert first.reason == "first time"
    assert other.reason == "changed: profile"
    assert again.path == first.path


def test_a_failed_step_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise AdamantError("broken", "broken")

    store = Store(tmp_path)
    with pytest.raises(AdamantError):
        store.step("usr", {"a": 1}, make)
    assert not list((tmp_path / "steps" / "usr").iterdir())


def test_what_a_killed_build_left_is_cleared_and_never_used(tmp_path: Path) -> None:
    store = Store(tmp_path)
    step = store.step("usr", {"a": 1}, write("x"))
    step.path.rename(step.path.with_name(f".{step.identity}.abandoned"))
    again = store.step("usr", {"a": 1}, write("y"))
    assert not again.reused
    assert [p.name for p in again.path.parent.iterdir()] == [again.identity]


def test_two_at_once_do_it_once(tmp_path: Path) -> None:
    calls: list[int] = []
    gate = threading.Barrier(2)

    def make(folder: Path) -> None:
        calls.append(1)
        (folder / "out").write_text("x")

    def work() -> None:
        gate.wait()
        Store(tmp_path).step("usr", {"a": 1}, make)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    def make(_folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(AdamantError) as caught:
        Store(tmp_path).step("usr", {"a": 1}, make)
    assert caught.value.reference == "disk-full"


def test_old_outputs_are_pruned(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(5):
        store.step("usr", {"n": number}, write("x"), keep=2)
    assert len(list((tmp_path / "steps" / "usr").iterdir())) == 2
