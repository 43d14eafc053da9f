"""The terminal of the dashboard: keys without echo, resizes, and everything as it was afterwards, however it ends."""

import os
import select
import signal
import sys
import termios
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from adamant.model.errors import InputError

_READ = 1024


def require() -> None:
    """Raise InputError `terminal-missing` unless a person can see and steer the dashboard."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") in ("", "dumb"):
        raise InputError(
            "terminal-missing",
            "the dashboard needs a terminal",
            hint="in a script, use: adamant node health --json\nand: adamant node events --json",
        )


class Inbox:
    """Keys of a terminal, and the word that something else has changed, in one place to wait at."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._ending: int | None = None
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._woken, False)

    def close(self) -> None:
        """Give the pipe back."""
        waker, self._waker = self._waker, -1
        os.close(self._woken)
        os.close(waker)

    def wake(self) -> None:
        """Let `wait` return, from any thread."""
        with suppress(OSError):  # it is woken already, or nobody waits any more
            os.write(self._waker, b"\0")

    def signals(self) -> int:
        """The file descriptor for signal.set_wakeup_fd."""
        return self._waker

    def end(self, number: int, _frame: types.FrameType | None) -> None:
        """Handle a signal that ends the program: `wait` raises it. Raised just anywhere, a finalizer may swallow it."""
        self._ending = number

    def wait(self, seconds: float) -> bytes | None:
        """What was typed within `seconds`; nothing when it was woken or time is over; None at the end of the input.

        Raises KeyboardInterrupt or SystemExit once a signal has ended the program.
        """
        ready, _, _ = select.select([self._source, self._woken], [], [], seconds)
        if self._ending == signal.SIGINT:
            raise KeyboardInterrupt
        if self._ending is not None:
            raise SystemExit(128 + self._ending)
        if self._woken in ready:
            with suppress(BlockingIOError):
                os.read(self._woken, _READ)
        if self._source not in ready:
            return b""
        return os.read(self._source, _READ) or None


@contextmanager
def inbox() -> Iterator[Inbox]:
    """An inbox for standard input, whose keys come at once and are not shown. Signals that end the program end it."""
    source = sys.stdin.fileno()
    before = termios.tcgetattr(source)
    box = Inbox(source)

    handlers = {n: signal.signal(n, box.end) for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, lambda *_: None)  # only to be woken
    woken = signal.set_wakeup_fd(box.signals(), warn_on_full_buffer=False)
    try:
        mode = termios.tcgetattr(source)
        mode[3] &= ~(termios.ECHO | termios.ICANON)
        # The interrupt key works. Suspending would leave the picture on a shell's screen.
        mode[6][termios.VSUSP] = b"\0"
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(source, termios.TCSADRAIN, mode)
        yield box
    finally:
        termios.tcsetattr(source, termios.TCSAFLUSH, before)
        signal.set_wakeup_fd(woken)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        box.close()
