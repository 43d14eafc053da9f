"""A command that follows something, for tests: its lines as they come."""

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

SECONDS = 120.0


class Lines:
    """A running program and the lines that it has written. It is ended with the `with` block."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._lines: list[str] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def text(self) -> str:
        """All lines so far."""
        with self._changed:
            return "\n".join([*self._lines, ""])

    def find(self, holds: Callable[[str], bool], again: Callable[[], object] = lambda: None) -> str:
        """The first line for which `holds`. `again` is called about each second until it is there."""
        deadline = time.monotonic() + SECONDS
        while True:
            again()
            with self._changed:
                found = next((line for line in self._lines if holds(line)), None)
                if found is not None:
                    return found
                said = "\n".join(self._lines[-50:])
                assert time.monotonic() < deadline, f"it did not come:\n{said}"
                self._changed.wait(1)
