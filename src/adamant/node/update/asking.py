"""Has the program that updates started, and follows it. Whoever in the agent wants an update comes through here.

There is one update at a time: of two who ask at once, one is refused.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from adamant.model.errors import AdamantError, BusyError
from adamant.node.systemd import Systemd
from adamant.node.update import state

UNIT = "adamant-update.service"
_POLL_SECONDS = 0.5
_STATES = frozenset(
    {"no-update", "version-not-newer", "boot-on-trial", "config-on-trial", "esp-full", "release-failed-here"}
    | {"release-withdrawn", "boot-entry-missing", "rollback-nothing", "locked", "clock-behind"}
)
"""References of errors that say that the state of things forbids it now."""
_asking = threading.Lock()


def running(connect: Callable[[], Systemd] = Systemd) -> bool:
    """Whether an update is under way."""
    with connect() as systemd:
        return _runs(systemd)


def begin(root: Path, request: state.Request, connect: Callable[[], Systemd] = Systemd) -> None:
    """Have an update begin. Raises BusyError `update-running`, and AdamantError of systemd."""
    with _asking, connect() as systemd:
        if _runs(systemd):
            raise BusyError("update-running", "an update is under way already", hint="wait until it has ended")
        state.ask(root, request)
        systemd.act("start", UNIT)


def follow(root: Path, alive: Callable[[], bool], connect: Callable[[], Systemd] = Systemd) -> Iterator[state.Progress]:
    """How far the update is, each time that this has changed, until it is done or nobody is `alive` to hear it.

    Raises what the program ended with: BusyError when the state of things forbids it, else AdamantError.
    """
    last = None
    while alive():
        seen = state.progress(root)
        if seen.state == "failed":
            kind = BusyError if seen.reference in _STATES else AdamantError
            raise kind(seen.reference or "update-failed", seen.message, hint=seen.hint)
        if seen != last:
            yield seen
            last = seen
        if seen.state == "done":
            return
        # The program may have said its last word since.
        if not running(connect) and state.progress(root).state == "running":
            raise AdamantError("update-failed", "the update ended without a word", hint=f"adamant node logs {UNIT}")
        time.sleep(_POLL_SECONDS)


def _runs(systemd: Systemd) -> bool:
    return bool(systemd.units(["active", "activating"], [UNIT]))
