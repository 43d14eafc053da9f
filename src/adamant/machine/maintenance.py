"""A machine on this computer that got no keys: start it, and read on its console the fingerprint that it shows.

The console is the machine's own, a file on this computer: that is what makes the fingerprint worth something.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path

from adamant.api import fingerprint
from adamant.api.fingerprint import Fingerprint
from adamant.core import limits
from adamant.machine import console
from adamant.machine.console import Phase, Reached
from adamant.machine.machine import Machines, Status
from adamant.machine.up import not_healthy
from adamant.packages.tools import ToolsTree

SHOWN = re.compile(r"(?:^|\s)((?:[0-9a-f]{4}:){15}[0-9a-f]{4})\s*$")
"""A line that ends in a fingerprint."""
_POLL_SECONDS = 0.2


def start(
    machines: Machines,
    name: str,
    tools: ToolsTree,
    cache: Path,
    reached: Callable[[Phase], None],
    seconds: float = limits.BOOT_SECONDS,
) -> Fingerprint:
    """Power the machine on and wait until it shows the fingerprint of its key; `reached` hears of each phase.

    Raises NotHealthy when it ends, or shows none within `seconds`.
    """
    begin = time.monotonic()
    machine = machines.start(name, tools, cache)
    watcher = console.Watcher(machine.console_log)
    while time.monotonic() - begin < seconds:
        for seen in watcher.poll():
            if isinstance(seen, Reached):
                reached(seen.phase)
            elif match := SHOWN.search(seen.text):
                return fingerprint.parse(match[1])
        if machines.get(name).status is not Status.RUNNING:
            raise not_healthy(machine, f"the machine {name} ended before it waited to be enrolled.")
        time.sleep(_POLL_SECONDS)
    raise not_healthy(machine, f"the machine {name} did not wait to be enrolled within {seconds:.0f} s.")
