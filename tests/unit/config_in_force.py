"""A machine config in force below a folder, as an agent keeps it: its text as a person writes it, in the real store."""

from pathlib import Path

from msgspec.structs import replace

from adamant.model.machine import yaml
from adamant.model.machine.wire import to_wire
from adamant.node.config.generations import FOLDER, Store, Why


def give(root: Path, text: str) -> None:
    """Make this text, without its first line, the config of the machine below `root`."""
    store = Store(root / FOLDER)
    made = store.add(to_wire(yaml.read(b"kind: Machine\n" + text.encode(), "machine.yaml")), "mary", Why.APPLY)
    store.write(replace(store.journal, running=made.number, good=made.number))
