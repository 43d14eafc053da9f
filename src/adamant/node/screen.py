"""The screen on the machine's own console, in a thread that begins once there is something to tell."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Screen:
    """The screen on the machine's console, and what it says of how the machine is reached."""

    def __init__(self, root: Path, health: Callable[[], Any]) -> None:
        self._root = root
        self._health = health
        self._key: Callable[[], str] = str
        self._reach = ""
        self._started = False

    def say(self, key: Callable[[], str], reach: str, seconds: float) -> None:
        """Show this from now on; a screen that is not there yet begins in `seconds`."""
        self._key, self._reach = key, reach
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, args=(seconds,), name="console", daemon=True).start()

    def _run(self, seconds: float) -> None:
        time.sleep(seconds)
        from adamant.node import console  # noqa: PLC0415 - nobody waits for it at boot

        console.run(self._root, self._health, lambda: console.Access(self._key(), self._reach))
