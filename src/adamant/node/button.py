"""The power button, on machines without the login manager (logind), which watches it elsewhere.

A press shuts the machine down, as the firmware of a cloud does that wants it to end. Devices are found as udev finds
them: by the keys that they have. Linux makes them while the machine boots, so they are looked for again and again.
"""

import os
import select
import struct
import threading
from collections.abc import Callable
from pathlib import Path

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.reading import read_line

_EVENT = struct.Struct("@llHHi")
"""An event (Linux, input/event-codes.rst): time, kind, code, value."""
_KEY = 1
_POWER = 116
_PRESSED = 1


def devices(root: Path) -> list[Path]:
    """The input devices that have a power button."""
    found = []
    for folder in sorted((root / "sys/class/input").glob("event*")):
        mask = 0
        for word in read_line(folder / "device/capabilities/key").split():
            mask = mask << 64 | int(word, 16)
        if mask >> _POWER & 1:
            found.append(root / "dev/input" / folder.name)
    return found


def pressed(data: bytes) -> bool:
    """Whether a power button was pressed in what a device gave."""
    events = _EVENT.iter_unpack(data[: len(data) // _EVENT.size * _EVENT.size])
    return any((kind, code, value) == (_KEY, _POWER, _PRESSED) for _, _, kind, code, value in events)


class Button:
    """Waits in a thread of its own for a press, and then calls `press`, until `ended`."""

    def __init__(self, root: Path, press: Callable[[], None], ended: threading.Event) -> None:
        self._root = root
        self._press = press
        self._ended = ended
        self._open: dict[Path, int] = {}

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="button", daemon=True).start()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._look()
            if self._open:
                seconds = limits.BUTTON_AGAIN_SECONDS
                ready = select.select(list(self._open.values()), [], [], seconds)[0]
            else:
                self._ended.wait(limits.BUTTON_SECONDS)
                ready = []
            for path in [path for path, fd in self._open.items() if fd in ready]:
                self._read(path)

    def _look(self) -> None:
        """Open devices that are new. One that cannot be opened yet is tried again."""
        for path in devices(self._root):
            if path not in self._open:
                try:
                    self._open[path] = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                except OSError:
                    continue

    def _read(self, path: Path) -> None:
        try:
            data = os.read(self._open[path], _EVENT.size * 64)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # it is gone
            os.close(self._open.pop(path))
        elif pressed(data):
            try:
                self._press()
            except AdamantError:
                return  # PID 1 does not answer: whoever presses presses again
