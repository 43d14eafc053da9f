"""A press of the power button shuts the machine down, and no other key does."""

import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node import button
from adamant.node.button import Button

ACPI = "10000000000000 0"
"""The keys of the ACPI power button, as Linux writes them."""
MOUSE = "1f0000 0 0 0 0"


def device(root: Path, name: str, keys: str) -> int:
    """An input device; what is written to the descriptor comes out of it."""
    capabilities = root / "sys/class/input" / name / "device/capabilities"
    capabilities.mkdir(parents=True)
    (root / "dev/input").mkdir(parents=True, exist_ok=True)
    os.mkfifo(root / "dev/input" / name)
    fd = os.open(root / "dev/input" / name, os.O_RDWR)
    (capabilities / "key").write_text(f"{keys}\n")
    return fd


def event(kind: int, code: int, value: int) -> bytes:
    return struct.pack("@llHHi", 1, 2, kind, code, value)


PRESS = event(1, 116, 1) + event(0, 0, 0)


class Watched:
    """A machine whose button is watched."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ended = threading.Event()
        self.came = threading.Semaphore(0)
        self.fails = False
        Button(root, self._press, self.ended).start()

    def _press(self) -> None:
        self.came.release()
        if self.fails:
            raise AdamantError("systemd-silent", "no answer")

    def pressed(self) -> bool:
        """Whether a press comes to be seen."""
        return self.came.acquire(timeout=60)


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(limits, "BUTTON_SECONDS", 0.02)
    monkeypatch.setattr(limits, "BUTTON_AGAIN_SECONDS", 0.02)
    found = Watched(tmp_path)
    yield found
    found.ended.set()


def test_a_device_is_one_by_its_keys(tmp_path: Path) -> None:
    assert button.devices(tmp_path) == []
    for fd in (device(tmp_path, "event0", ACPI), device(tmp_path, "event1", MOUSE), device(tmp_path, "event2", "0")):
        os.close(fd)
    assert button.devices(tmp_path) == [tmp_path / "dev/input/event0"]


@pytest.mark.parametrize(
    ("data", "is_press"),
    [
        (PRESS, True),
        (event(1, 116, 0), False),
        (event(1, 116, 2), False),
        (event(1, 30, 1), False),
        (event(4, 116, 1), False),
        (PRESS[:10], False),
        (b"", False),
    ],
)
def test_a_press_is_no_release_and_no_other_key(data: bytes, is_press: bool) -> None:
    assert button.pressed(data) == is_press


def test_a_button_that_comes_late_is_watched(watched: Watched) -> None:
    fd = device(watched.root, "event3", ACPI)
    os.write(fd, event(1, 30, 1))
    os.write(fd, PRESS)
    assert watched.pressed()
    os.close(fd)


def test_a_press_that_came_to_nothing_may_be_made_again(watched: Watched) -> None:
    watched.fails = True
    fd = device(watched.root, "event0", ACPI)
    for _ in range(2):
        os.write(fd, PRESS)
        assert watched.pressed()
    os.close(fd)


def test_a_button_that_goes_takes_no_other_with_it(watched: Watched) -> None:
    gone, stays = (device(watched.root, name, ACPI) for name in ("event0", "event1"))
    os.write(gone, PRESS)
    assert watched.pressed()
    (watched.root / "dev/input/event0").unlink()
    (watched.root / "sys/class/input/event0/device/capabilities/key").unlink()
    os.close(gone)
    os.write(stays, PRESS)
    assert watched.pressed()
    os.close(stays)
