"""A person's terminal in raw mode for a remote command, and given back as it was, whatever happens."""

import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


def is_one() -> bool:
    """Whether both input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def size() -> tuple[int, int]:
    """Columns and rows; 80 and 24 where there is no terminal."""
    try:
        found = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return 80, 24
    return found.columns, found.lines


@contextmanager
def raw(resized: Callable[[], None]) -> Iterator[None]:
    """Every key goes to the remote command, Ctrl-C too; `resized` is called when the window has another size.

    A signal that ends this program gives the terminal back first.
    """
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    handlers: dict[int, Any] = {
        signal.SIGWINCH: lambda *_: resized(),
        signal.SIGTERM: end,
        signal.SIGHUP: end,
    }
    old = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)
        for number, handler in old.items():
            signal.signal(number, handler)


def write(fd: int, data: bytes) -> None:
    """Write all of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
