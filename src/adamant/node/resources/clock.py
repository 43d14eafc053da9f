"""The clock: what it says, in which zone, and who set it (systemd-timesyncd.service(8)).

timesyncd writes the file /run/systemd/timesync/synchronized each time a server set the clock, and tells systemd
in words which server it talks to.
"""

import re
import time
from pathlib import Path

from adamant.api import resources_pb2 as pb
from adamant.model.errors import AdamantError
from adamant.model.machine.document import Time
from adamant.node.reading import read_line
from adamant.node.resources import processes
from adamant.node.resources.desired import config
from adamant.node.resources.found import Found, Sources
from adamant.node.systemd import Systemd

SYNCHRONISED = "run/systemd/timesync/synchronized"
NAME = "clock"
UNIT = "systemd-timesyncd.service"
_SERVER = re.compile(r"(?:server|synchronization to time server) ([^ ]+)(?: \(([^)]*)\))?", re.IGNORECASE)


def parse_server(status: str) -> str:
    """The server in the words of timesyncd; empty when they name none."""
    match = _SERVER.search(status)
    if match is None:
        return ""
    address = match[1].rstrip(".")
    name = (match[2] or "").rstrip(".")
    return f"{name} ({address})" if name else address


def zone(root: Path) -> str:
    """The time zone: where /etc/localtime points to (localtime(5)), or, for one that a config gave, its name."""
    try:
        target = str((root / "etc/localtime").readlink())
    except OSError:
        return read_line(root / "etc/timezone") or "UTC"
    return target.partition("zoneinfo/")[2] or "UTC"


def judge(clock: pb.Clock, wanted: Time) -> Found:
    """The resource: the clock as it is, with what the config says of it."""
    # UTC is what a config says that says nothing; the zone is then the image's.
    zone = wanted.zone if wanted.zone != "UTC" else ""
    desired = pb.Clock(zone=zone, servers=wanted.servers, synchronized=bool(wanted.servers))
    if not desired.ListFields():
        return Found(NAME, clock)
    reasons = [f"the config asks for zone {zone}"] if zone and clock.zone != zone else []
    server, named, _ = clock.server.partition(" (")
    if wanted.servers and not clock.synchronized:
        reasons.append("no server has set it")
    elif wanted.servers and named and server not in wanted.servers:
        reasons.append(f"{server} sets it, and the config asks for {' '.join(wanted.servers)}")
    return Found(NAME, clock, desired, "; ".join(reasons))


def _status() -> str:
    try:
        with Systemd() as systemd:
            unit = next(iter(systemd.units([], [UNIT])), None)
            return str(systemd.get([(unit.path, "Service", "StatusText")])[0] or "") if unit else ""
    except AdamantError:
        return ""


def collect(sources: Sources) -> list[Found]:
    """One resource, `clock`."""
    root = sources.root
    try:
        when = int((root / SYNCHRONISED).stat().st_mtime * 1_000_000)
    except OSError:
        when = 0
    status = _status()
    clock = pb.Clock(
        time_usec=time.time_ns() // 1000,
        zone=zone(root),
        synchronized=when > 0,
        synchronized_usec=when,
        server=parse_server(status),
        status=status,
        boot_usec=processes.booted_usec(root),
    )
    return [judge(clock, config(root).time)]
