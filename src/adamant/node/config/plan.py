"""What a change of the config does, before anything is done: keys, files, services, and what waits for a reboot.

Pure. `adamant node diff` and `apply --dry-run` print it, and the applier does the same by the same functions.
"""

from collections.abc import Sequence
from typing import NamedTuple

from adamant.model.machine.paths import Change
from adamant.node.config.rendered import Action, Changes, Rendered, actions, changes, reboot_reasons, running


class Plan(NamedTuple):
    """What a change does. Secrets in `keys` are masked."""

    keys: tuple[Change, ...]
    files: Changes
    actions: tuple[Action, ...]
    reboot: tuple[str, ...]


def make(keys: Sequence[Change], old: Rendered, new: Rendered) -> Plan:
    """The plan from one config to another, whose documents differ in `keys`."""
    differing = changes(old, new)
    done = actions(running(old), new, differing, etc_now=old.etc_now or new.etc_now)
    return Plan(tuple(keys), differing, tuple(done), tuple(reboot_reasons(old, new)))
