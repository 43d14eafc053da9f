"""From power-on to a machine that is of use: our API healthy, mkosi's image at its login prompt. Same QEMU for both.

Both boot a fresh copy of their disk image for the first time, one after the other, with the same firmware, memory,
processors and devices. Power-on is the call that starts QEMU.
"""

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from adamant.api import client, pki
from adamant.api.identity import Role
from adamant.api.types import Boot, CheckState
from adamant.core import limits
from adamant.machine.machine import Machine, Machines, Options
from adamant.model.errors import AdamantError, BusyError, UnreachableError
from adamant.node.agent import CREDENTIALS
from adamant.packages import tools
from adamant.packages.tools import ToolsTree
from benchmarks import mkosi
from benchmarks.bench import Bench
from benchmarks.measure import Series
from benchmarks.result import Aim, Result, Table, Unit

_POLL_SECONDS = 0.2
_TAIL = 30
"""Lines of the console that an error shows."""


def row(bench: Bench) -> Result:
    """Seconds from power-on; the boot phases and the ten slowest units of the last round."""
    image = bench.adamant.build("dev") / "disk.raw"
    rival = bench.mkosi.build(mkosi.Options()) if bench.mkosi is not None else None
    place = _Place(
        Machines(bench.scratch / "machines"),
        tools.open_tools(bench.lock.tools, bench.adamant.cache),
        bench.adamant.cache,
        Options(bench.lock.image.arch),
    )
    ours, theirs = [], []
    for number in range(1, bench.rounds + 1):
        node = _Node()
        ours.append(place.boot("adamant", image, node.credentials(), node.healthy))
        bench.say(f"boot: round {number} of {bench.rounds}: adamant {ours[-1]:.1f} s")
        if rival is not None:
            theirs.append(place.boot("mkosi", rival, {}, _at_login))
            bench.say(f"boot: round {number} of {bench.rounds}: mkosi {theirs[-1]:.1f} s")
    assert node.said is not None
    return Result(
        "boot",
        f"Power-on to healthy API ({place.accelerator})",
        Unit.SECONDS,
        Series(tuple(ours)),
        Aim("half its time, and below 30 s", below=30.0, ratio=2.0),
        Series(tuple(theirs)) if theirs else None,
        "mkosi's disk image to its login prompt",
        tables=_tables(node.said),
    )


@dataclass(slots=True)
class _Place:
    """Where machines run, and how."""

    machines: Machines
    tree: ToolsTree
    cache: Path
    options: Options
    accelerator: str = ""

    def boot(self, name: str, image: Path, credentials: dict[str, bytes], ready: Callable[[Machine], bool]) -> float:
        """Seconds from power-on until `ready`; the machine is gone afterwards."""
        options = Options(self.options.arch, credentials=credentials)
        machine = self.machines.create(name, image, options)
        try:
            begin = time.perf_counter()
            machine = self.machines.start(name, self.tree, self.cache)
            while not ready(machine):
                if time.perf_counter() - begin > limits.BOOT_SECONDS:
                    raise BusyError("benchmark-boot", f"{name} did not come up", context=_console(machine))
                time.sleep(_POLL_SECONDS)
            taken = time.perf_counter() - begin
            assert machine.run is not None
            self.accelerator = machine.run.accelerator.value
            return taken
        finally:
            self.machines.delete(name, force=True)


def _at_login(machine: Machine) -> bool:
    return machine.console_log.exists() and b" login:" in machine.console_log.read_bytes()


@dataclass(slots=True)
class _Node:
    """Keys for one machine, and what it answered at last."""

    said: Boot | None = None
    _now: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))
    _authority: pki.KeyedCertificate = field(init=False)
    _node: client.Node | None = None

    def __post_init__(self) -> None:
        self._authority = pki.make_authority("benchmark", self._now)

    def credentials(self) -> dict[str, bytes]:
        """What the machine gets."""
        pair = pki.issue_node(self._authority, ["localhost"], self._now)
        return dict(zip(CREDENTIALS, (self._authority.certificate, pair.certificate, pair.key), strict=True))

    def healthy(self, machine: Machine) -> bool:
        """Whether every health check is well. Asked over one connection once the API is served, as `up` does."""
        if self._node is None:
            if not machine.console_log.exists() or b"the API is served" not in machine.console_log.read_bytes():
                return False
            pair = pki.issue_client(self._authority, "benchmark", Role.READER, self._now)
            keys = pki.Credentials(self._authority.certificate, pair.certificate, pair.key)
            self._node = client.connect(machine.address, keys, seconds=5.0)
        try:
            if self._node.health().overall is not CheckState.OK:
                return False
            self.said = self._node.boot()
        except (UnreachableError, BusyError):
            return False
        self._node.close()
        return True


def _console(machine: Machine) -> str:
    try:
        return "\n".join(machine.console_log.read_text(errors="replace").splitlines()[-_TAIL:])
    except OSError as error:
        raise AdamantError("benchmark-console", f"no console log: {error.strerror}") from error


def _tables(boot: Boot) -> tuple[Table, ...]:
    phases = [
        (f"{indent}{phase.name}", _seconds(phase.start_usec), _seconds(phase.duration_usec))
        for outer in boot.phases
        for indent, phase in [("", outer), *(("· ", part) for part in outer.parts)]
    ]
    units = [(u.unit, _seconds(u.start_usec), _seconds(u.duration_usec)) for u in boot.slowest_units]
    return (
        Table("Phases of the boot", ("phase", "began", "took"), tuple(phases)),
        Table("The ten slowest units", ("unit", "began", "took"), tuple(units)),
    )


def _seconds(microseconds: int) -> str:
    return f"{microseconds / 1e6:.2f} s"
