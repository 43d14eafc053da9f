"""The config that belongs on this machine, for those who only read it."""

from pathlib import Path

from adamant.model.machine.document import Machine
from adamant.model.machine.wire import from_wire
from adamant.node.config import journal
from adamant.node.config.generations import FOLDER, Store


def read(root: Path) -> Machine:
    """The config; an empty one when the machine has none. Raises AdamantError for a damaged one."""
    folder = root / FOLDER
    if not folder.is_dir():
        return Machine()
    store = Store(folder)
    number = journal.wanted(store.journal)
    return Machine() if number == journal.NONE else from_wire(store.document(number))


def on_trial(root: Path) -> bool:
    """Whether a config is on trial."""
    folder = root / FOLDER
    return folder.is_dir() and Store(folder).journal.trial is not None
