"""Has the program that updates started, and follows it. Whoever in the agent wants an update comes through here.

There is one update at a time: of two who ask at once, one is refused.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError
from adamant.node.systemd import Systemd
from adamant.node.update import state

UNIT = "adamant-update.service"
POLL_SECONDS = 0.5
"""Between two looks at how far an update is."""
_STATES = frozenset(
    {
        "boot-entry-missing",
        "boot-on-trial",
        "clock-behind",
        "config-on-trial",
        "disk-key-differs",
        "esp-full",
        "locked",
        "no-update",
        "release-failed-here",
        "release-revoked",
        "release-withdrawn",
        "rollback-nothing",
        "version-not-newer",
    }
)
"""References of errors that say that the state of things forbids it now."""
_asking = threading.Lock()


def running(connect: Callable[[], Systemd] = Systemd) -> bool:
    """Whether an update is under way."""
    with connect() as systemd:
        return _runs(systemd)


def begin(
    root: Path,
    request: state.Request,
    connect: Callable[[], Systemd] = Systemd,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Have an update begin, after `ready`, which is called while no update runs.

    Raises BusyError `update-running`, what `ready` raises, and AdamantError of systemd.
    """
    with _asking, connect() as systemd:
        if not _is_over(root, systemd):
            raise BusyError("update-running", "an update is under way already", hint="wait until it has ended")
        ready()
        state.ask(root, request)
        systemd.act("start", UNIT)


def _is_over(root: Path, systemd: Systemd) -> bool:
    """Whether no update runs. One that has said its last word is on its way out, and is waited for."""
    until = time.monotonic() + limits.UPDATE_END_SECONDS
    while _runs(systemd):
        if state.progress(root).state == "running" or time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


class Following:
    """The update under way, as somebody sees it who looks now and then."""

    def __init__(self, root: Path, connect: Callable[[], Systemd] = Systemd) -> None:
        self._root = root
        self._connect = connect
        self._last: state.Progress | None = None

    def look(self) -> state.Progress | None:
        """How far it is; None when nothing has changed since the last look.

        Raises what the program ended with: BusyError when the state of things forbids it, else AdamantError.
        """
        seen = state.progress(self._root)
        if seen.state == "failed":
            kind = BusyError if seen.reference in _STATES else AdamantError
            raise kind(seen.reference or "update-failed", seen.message, hint=seen.hint)
        changed = seen != self._last
        self._last = seen
        # The program may have said its last word since.
        if seen.state == "running" and not running(self._connect) and state.progress(self._root).state == "running":
            raise AdamantError("update-failed", "the update ended without a word", hint=f"adamant node logs {UNIT}")
        return seen if changed else None


def follow(root: Path, alive: Callable[[], bool], connect: Callable[[], Systemd] = Systemd) -> Iterator[state.Progress]:
    """How far the update is, each time that this has changed, until it is done or nobody is `alive` to hear it.

    Raises as `Following.look` does.
    """
    following = Following(root, connect)
    while alive():
        seen = following.look()
        if seen is not None:
            yield seen
            if seen.state == "done":
                return
        time.sleep(POLL_SECONDS)


def _runs(systemd: Systemd) -> bool:
    return bool(systemd.units(["active", "activating"], [UNIT]))
