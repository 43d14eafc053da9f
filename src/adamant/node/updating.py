"""The agent's hold on updates: begins to look after them when a config names a repository.

It is loaded with the agent and loads nothing: a machine that is updated by hand has no thread for this, and no room.
"""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from adamant.model.errors import AdamantError
from adamant.node.configuring import Configuring
from adamant.node.events import Events

if TYPE_CHECKING:
    from adamant.node.update.caretaker import Caretaker


class Updating:
    """Updates of the machine below `root`, by its config."""

    def __init__(self, root: Path, events: Events, configuring: Configuring) -> None:
        self._root = root
        self._events = events
        self._configuring = configuring
        self._caretaker: Caretaker | None = None

    def changed(self) -> None:
        """The config is another one, or is there now. Called by one thread."""
        if self._caretaker is not None:
            self._caretaker.wake()
            return
        with contextlib.suppress(AdamantError):  # a config that cannot be read says so itself
            config = self._configuring.machine()
            if config is None or config.update.repository is None:
                return
            from adamant.node.update.caretaker import Caretaker  # noqa: PLC0415 - few machines, and no boot, need it

            self._caretaker = Caretaker(self._root, self._events, self._configuring.machine)
            self._caretaker.start()

    def next_look(self) -> float:
        """When the next look for a release is, in seconds since the Unix epoch; 0 when there is none."""
        return self._caretaker.next_look if self._caretaker is not None else 0.0
