"""Health: is this machine as it was released, and does it work? Each check has a name and a promise.

`look` collects facts, `judge` makes checks of them (pure), `Health` remembers since when each check has its state.
What still starts is waiting, not failing; but what must hold before the first service runs, is never waiting.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from adamant.api import node_pb2 as pb
from adamant.core import limits
from adamant.model.encryption import OPENINGS, Encryption, Opening
from adamant.model.errors import AdamantError
from adamant.node import encryption, posture, verity
from adamant.node import mounts as mount_table
from adamant.node.containers.runtime import HOST, WORKLOAD
from adamant.node.mounts import Mount
from adamant.node.reading import read_text
from adamant.node.systemd import Systemd, Unit

OK = pb.CHECK_STATE_OK
WAITING = pb.CHECK_STATE_WAITING
FAILING = pb.CHECK_STATE_FAILING

EARLIEST = 1_767_225_600
"""2026-01-01: a clock before this version was written is wrong."""
LEAST_FREE = {"/state": 1 << 20, "/var": 64 << 20, "/": 64 << 20, "/etc": 1 << 20}
"""Bytes that must be free: for one more config generation; for containers to start and logs to be kept; where `/` is on
disk, for the same there."""
_READ_ONLY = (("root-read-only", "/"), ("etc-read-only", "/etc"))
_RAM_ROOT = (("state-writable", "/state"), ("var-writable", "/var"))
_DISK_ROOT = (("root-writable", "/"), ("etc-writable", "/etc"), ("state-writable", "/state"))
STARTING = ("initializing", "starting")
NETWORK_STATE = "run/systemd/netif/state"
CLOCK_SYNCHRONISED = "run/systemd/timesync/synchronized"


class Facts(NamedTuple):
    """What was seen. A part that could not be asked for is the error's message instead."""

    mounts: Sequence[Mount] | str
    verity: verity.Verity | str | None
    system: str
    """State of the system as systemctl is-system-running says it; empty when systemd does not answer."""
    failed: Sequence[str] = ()
    """Names of failed units."""
    containerd: Unit | None = None
    host_containerd: Unit | None = None
    """None also where the config has no host container, since it does not run then."""
    free: Mapping[str, int] = MappingProxyType({})
    network: str = ""
    """Operational state of networkd."""
    clock: float = 0.0
    synchronised: bool = False
    persistent_root: bool = False
    """`/` and `/etc` are on disk, and writable."""
    certificate: int | str | None = None
    """When the node's certificate ends, in seconds since the Unix epoch; None where nothing is known of one."""
    encryption: Encryption | None = None
    """What gives the key of the encrypted volumes; None where there are none."""
    opened: Mapping[str, bool] = MappingProxyType({})
    """For each of them, whether it is open (node/encryption.py)."""


class Check(NamedTuple):
    """How one check ended."""

    name: str
    state: pb.CheckState
    message: str


def judge(facts: Facts) -> list[Check]:
    """Every check, in the order that they are shown in."""
    starting = facts.system in STARTING
    checks = [_verity(facts)]
    if not facts.persistent_root:
        checks += [_read_only(facts, name, where) for name, where in _READ_ONLY]
    checks += [
        _writable(facts, name, where, starting) for name, where in (_DISK_ROOT if facts.persistent_root else _RAM_ROOT)
    ]
    if facts.encryption is not None:
        checks.append(_encryption(OPENINGS[facts.encryption], facts.opened, starting=starting))
    checks.append(_network(facts, starting))
    checks.append(_time(facts))
    if facts.certificate is not None:
        checks.append(_certificate(facts.certificate, facts.clock))
    for name, unit in ((WORKLOAD.name, facts.containerd), (HOST.name, facts.host_containerd)):
        if unit is not None:
            checks.append(_containerd(name, unit, starting))
    checks.append(_systemd(facts))
    return checks


def overall(checks: Sequence[Check]) -> pb.CheckState:
    """The worst state of all; no checks at all are no health."""
    states = {check.state for check in checks}
    return next((state for state in (FAILING, WAITING, OK) if state in states), FAILING)


def _verity(facts: Facts) -> Check:
    name = "usr-verity"
    if isinstance(facts.verity, str):
        return Check(name, FAILING, facts.verity)
    if facts.verity is None:
        return Check(name, FAILING, "/usr is not on a verity device")
    if facts.verity.corrupted:
        return Check(name, FAILING, "a block of /usr is not as the root hash says")
    if not isinstance(facts.mounts, str):
        mount = mount_table.top(facts.mounts, "/usr")
        if mount is None or mount.writable:
            return Check(name, FAILING, "/usr is not mounted read-only")
    return Check(name, OK, f"every block read is as {facts.verity.root_hash[:16]}… says")


def _read_only(facts: Facts, name: str, where: str) -> Check:
    if isinstance(facts.mounts, str):
        return Check(name, FAILING, facts.mounts)
    mount = mount_table.top(facts.mounts, where)
    if mount is None:
        return Check(name, FAILING, f"nothing is mounted at {where}")
    if mount.writable:
        return Check(name, FAILING, f"{where} is writable")
    return Check(name, OK, f"{where} is read-only ({mount.type})")


def _writable(facts: Facts, name: str, where: str, starting: bool) -> Check:
    if isinstance(facts.mounts, str):
        return Check(name, FAILING, facts.mounts)
    mount = mount_table.top(facts.mounts, where)
    if mount is None:
        return Check(name, WAITING if starting else FAILING, f"nothing is mounted at {where}")
    if not mount.writable:
        return Check(name, FAILING, f"{where} is read-only: the kernel found its file system damaged, or the disk is")
    free = facts.free.get(where, 0)
    if free < LEAST_FREE[where]:
        return Check(name, FAILING, f"{where} is full: {free >> 20} MiB are free")
    return Check(name, OK, f"{where} is writable ({mount.type}, {free >> 20} MiB free)")


def _encryption(opening: Opening, opened: Mapping[str, bool], *, starting: bool) -> Check:
    name = "disk-encryption"
    shut = [volume for volume, is_open in opened.items() if not is_open]
    if not shut:
        return Check(name, OK, f"{' and '.join(opened)} are encrypted, and open by {opening.by}")
    why = f"{' and '.join(shut)} did not open: {opening.missing}"
    if opening.signed:
        why += "; adamant node recover takes their recovery keys"
    return Check(name, WAITING if starting else FAILING, why)


def _network(facts: Facts, starting: bool) -> Check:
    name = "network"
    if facts.network == "routable":
        return Check(name, OK, "an address can be reached from elsewhere")
    state = facts.network or "unknown"
    return Check(name, WAITING if starting else FAILING, f"no link has an address and a way out (state {state})")


def _time(facts: Facts) -> Check:
    name = "time"
    if facts.clock < EARLIEST:
        return Check(name, FAILING, "the clock stands before this release was made")
    how = "synchronised" if facts.synchronised else "plausible, not synchronised with a server"
    return Check(name, OK, f"the clock is {how}")


def _certificate(ends: int | str, clock: float) -> Check:
    """Ok while it holds, saying so ahead when it ends soon: a machine that works is not unhealthy for what will be."""
    name = "certificate"
    if isinstance(ends, str):
        return Check(name, FAILING, ends)
    day = time.strftime("%Y-%m-%d", time.gmtime(ends))
    days = int((ends - clock) // 86400)
    if clock >= ends:
        return Check(name, FAILING, f"the node's certificate ended on {day}: adamant node renew --expired")
    if days < limits.EXPIRY_DAYS:
        return Check(name, OK, f"the node's certificate ends on {day}, in {days} days: adamant node renew")
    return Check(name, OK, f"the node's certificate holds until {day}")


def _containerd(name: str, unit: Unit, starting: bool) -> Check:
    if unit.active == "active":
        return Check(name, OK, f"{name} runs")
    waits = unit.active == "activating" or (starting and unit.active == "inactive")
    return Check(name, WAITING if waits else FAILING, f"{name} is {unit.active} ({unit.sub})")


def _systemd(facts: Facts) -> Check:
    name = "systemd"
    if facts.failed:
        shown = ", ".join(facts.failed[:5]) + (", …" if len(facts.failed) > 5 else "")
        return Check(name, FAILING, f"failed: {shown}")
    if facts.system == "running":
        return Check(name, OK, "every unit that was started runs")
    if facts.system in STARTING:
        return Check(name, WAITING, "units are still being started")
    return Check(name, FAILING, f"the system is {facts.system}" if facts.system else "systemd does not answer")


def look(
    root: Path, clock: Callable[[], float] = time.time, ends: Callable[[], int | str | None] = lambda: None
) -> Facts:
    """Collect the facts of this machine. It raises nothing: what cannot be asked for is a fact too."""
    mounts = _mounts(root)
    try:
        with Systemd() as systemd:
            system = str(systemd.manager("SystemState")[0] or "")
            failed = [unit.name for unit in systemd.units(["failed"], [])]
            wanted = [WORKLOAD.unit, *([HOST.unit] if any((root / HOST.specs).glob("*.json")) else [])]
            runtimes = {unit.name: unit for unit in systemd.units([], wanted) if unit.load == "loaded"}
    except AdamantError:
        system, failed, runtimes = "", [], {}
    how = encryption.wanted(root)
    return Facts(
        mounts=mounts,
        verity=_below(mounts, root),
        system=system,
        failed=sorted(failed),
        containerd=runtimes.get(WORKLOAD.unit),
        host_containerd=runtimes.get(HOST.unit),
        free={where: _free(root, where) for where in LEAST_FREE},
        network=_network_state(root),
        clock=clock(),
        synchronised=(root / CLOCK_SYNCHRONISED).exists(),
        persistent_root=posture.rules(root).persistent_root,
        certificate=ends(),
        encryption=how,
        opened=encryption.opened(root) if how is not None else {},
    )


def _mounts(root: Path) -> Sequence[Mount] | str:
    try:
        return mount_table.read(root)
    except AdamantError as error:
        return error.message


def _below(mounts: Sequence[Mount] | str, root: Path) -> verity.Verity | str | None:
    if isinstance(mounts, str):
        return mounts
    try:
        return verity.look(mounts, root)
    except AdamantError as error:
        return error.message


def _free(root: Path, where: str) -> int:
    try:
        system = os.statvfs(root / where[1:])
    except OSError:
        return 0
    return system.f_bavail * system.f_frsize


def _network_state(root: Path) -> str:
    try:
        text = read_text(root / NETWORK_STATE, limits.SYSTEM_FILE_SIZE)
    except AdamantError:
        return ""
    fields = dict(line.partition("=")[::2] for line in text.splitlines())
    return fields.get("OPER_STATE", "")


class Health:
    """The checks with their memory: since when each has the state it has."""

    def __init__(
        self,
        root: Path,
        clock: Callable[[], float] = time.time,
        ends: Callable[[], int | str | None] = lambda: None,
        more: Callable[[], Sequence[Check]] = tuple,
        changed: "Callable[[Check, pb.CheckState | None], None]" = lambda _check, _before: None,
    ) -> None:
        """`more` makes checks besides those that every machine has.

        `changed` is told of each check whose state is another one, with the state before: None at the first time.
        """
        self._root = root
        self._ends = ends
        self._more = more
        self._clock = clock
        self._changed = changed
        self._answered: float | None = None
        self._since: dict[str, tuple[pb.CheckState, int]] = {}
        self._lock = threading.Lock()

    def answer(self) -> pb.HealthResponse:
        """The answer to Health: every check, run now."""
        checks = [*judge(look(self._root, self._clock, self._ends)), *self._more()]
        self._answered = time.monotonic()
        return pb.HealthResponse(overall=overall(checks), checks=[self._remember(check) for check in checks])

    def age(self) -> float:
        """Seconds since somebody asked; without end when nobody has."""
        return float("inf") if self._answered is None else time.monotonic() - self._answered

    def _remember(self, check: Check) -> pb.HealthCheck:
        with self._lock:
            state, since = self._since.get(check.name, (None, 0))
            if state != check.state:
                since = int(self._clock() * 1_000_000)
                self._since[check.name] = (check.state, since)
                self._changed(check, state)  # under the lock, so that changes are told in their order
        return pb.HealthCheck(name=check.name, state=check.state, message=check.message, since_usec=since)
