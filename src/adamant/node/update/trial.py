"""Whether the boot that runs was found good (healthy.py), as far as the agent can see: it does not read the ESP."""

from collections.abc import Callable
from pathlib import Path

from adamant.node import efivars
from adamant.node.systemd import Systemd

UNIT = "adamant-healthy.service"
_COUNTED = "LoaderBootCountPath"


def found_good(root: Path, connect: Callable[[], Systemd] = Systemd) -> bool:
    """Whether it was found good, or never was on trial. Raises AdamantError `systemd-silent`."""
    if not efivars.read(root, _COUNTED, efivars.LOADER):
        return True
    with connect() as systemd:
        unit = next(iter(systemd.units([], [UNIT])), None)
        if unit is None or unit.active != "inactive":
            return False
        ended, status = systemd.get(
            [(unit.path, "Service", "ExecMainExitTimestamp"), (unit.path, "Service", "ExecMainStatus")]
        )
    return bool(ended) and status == 0
