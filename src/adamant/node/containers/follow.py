"""Standing in for a container in its unit: what it writes, the signals that it gets, and how it ends.

The process that waits here does so for as long as the container runs, so it imports nothing beyond the standard
library's smallest parts: what speaks with containerd is loaded when there is something to say, and at the end.
"""

import os
import selectors
import signal
from collections.abc import Callable, Mapping

_PIECE = 64 << 10
_LAST_SECONDS = 60.0
"""How long the last words are waited for, which containerd's runtime still has to hand on."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
"""What is handed on to the container."""


def hold() -> None:
    """Keep signals for `until_it_ends`, also over an exec, from now on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def until_it_ends(
    process: int, outputs: Mapping[int, int], hand_on: Callable[[int], None], over: Callable[[], None]
) -> None:
    """Wait until the process of a pidfd has ended, and all is written that it wrote.

    `outputs` names for each pipe that it writes to where that goes. `hand_on` gets each of SIGNALS that comes. `over`
    is called when the process has ended, and ends what it has left, which would keep the pipes open.
    """
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing)
    for held in SIGNALS:
        signal.signal(held, lambda _number, _frame: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    with selectors.DefaultSelector() as waiting:
        for fd in (process, reading, *outputs):
            waiting.register(fd, selectors.EVENT_READ)
        alive, open_ = True, set(outputs)
        while alive or open_:
            ready = waiting.select(None if alive else _LAST_SECONDS)
            if not ready and not alive:
                return
            for key, _ in ready:
                if key.fd == process:
                    waiting.unregister(process)
                    alive = False
                    over()
                elif key.fd == reading:
                    for number in os.read(reading, _PIECE):
                        hand_on(number)
                elif not _copy(key.fd, outputs[key.fd]):
                    waiting.unregister(key.fd)
                    open_.discard(key.fd)


def _copy(source: int, target: int) -> bool:
    """Hand on what is there to be read. Returns whether more may come."""
    try:
        data = os.read(source, _PIECE)
    except BlockingIOError:
        return True
    left = data
    while left:
        left = left[os.write(target, left) :]
    return bool(data)
