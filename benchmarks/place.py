"""Machines of a benchmark: created, booted, waited for, and gone afterwards; and the keys of a node of ours."""

import datetime
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adamant.api import client, pki
from adamant.api.identity import Role
from adamant.api.knock import Knocking
from adamant.api.types import Boot, CheckState
from adamant.core import limits
from adamant.machine.machine import Machine, Machines, Options
from adamant.machine.up import KNOCK_SECONDS
from adamant.model.errors import AdamantError, BusyError, UnreachableError
from adamant.node.identity import CREDENTIALS
from adamant.packages import tools
from adamant.packages.tools import ToolsTree
from benchmarks.bench import Bench

_POLL_SECONDS = 0.2
SERVED = b"the API is served"
"""What the agent says on the console once it answers."""

_TAIL = 30
"""Lines of the console that an error shows."""


@dataclass(slots=True)
class Place:
    """Where machines run, and how. `accelerator` is known once one has run."""

    machines: Machines
    tree: ToolsTree
    cache: Path
    options: Options
    accelerator: str = ""

    @contextmanager
    def running(
        self, name: str, image: Path, credentials: dict[str, bytes], ready: Callable[[Machine], bool]
    ) -> Iterator[tuple[Machine, float]]:
        """A machine that is `ready`, and the seconds from power-on until then; the machine is gone afterwards."""
        options = Options(self.options.arch, credentials=credentials)
        machine = self.machines.create(name, image, options)
        try:
            begin = time.perf_counter()
            machine = self.machines.start(name, self.tree, self.cache)
            while not ready(machine):
                if time.perf_counter() - begin > limits.BOOT_SECONDS:
                    raise BusyError("benchmark-boot", f"{name} did not come up", context=console(machine))
                time.sleep(_POLL_SECONDS)
            taken = time.perf_counter() - begin
            assert machine.run is not None
            self.accelerator = machine.run.accelerator.value
            yield machine, taken
        finally:
            self.machines.delete(name, force=True)

    def boot(self, name: str, image: Path, credentials: dict[str, bytes], ready: Callable[[Machine], bool]) -> float:
        """Seconds from power-on until `ready`."""
        with self.running(name, image, credentials, ready) as (_, taken):
            return taken


def place(bench: Bench) -> Place:
    """A place for machines in the scratch folder of `bench`."""
    return Place(
        Machines(bench.scratch / "machines"),
        tools.open_tools(bench.lock.tools, bench.adamant.cache),
        bench.adamant.cache,
        Options(bench.lock.image.arch),
    )


@dataclass(slots=True)
class Node:
    """Keys for one node, and how it said at last that it was booted."""

    said: Boot | None = None
    _now: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))
    _authority: pki.KeyedCertificate = field(init=False)
    _knocking: Knocking | None = None

    def __post_init__(self) -> None:
        self._authority = pki.make_authority("benchmark", self._now)

    def credentials(self) -> dict[str, bytes]:
        """What the machine gets."""
        pair = pki.issue_node(self._authority, ["localhost"], self._now)
        return dict(zip(CREDENTIALS, (self._authority.certificate, pair.certificate, pair.key), strict=True))

    def keys(self) -> pki.Credentials:
        """Keys of a client that may read."""
        pair = pki.issue_client(self._authority, "benchmark", Role.READER, self._now)
        return pki.Credentials(self._authority.certificate, pair.certificate, pair.key)

    def healthy(self, machine: Machine) -> bool:
        """Whether every health check is well. Asked over one connection once the API is served, as `up` does: a
        question before that waits for seconds, and each handshake takes the processor from the boot."""
        if self._knocking is None:
            if not machine.console_log.exists() or SERVED not in machine.console_log.read_bytes():
                return False
            keys = self.keys()
            self._knocking = Knocking(lambda: client.connect(machine.address, keys, seconds=5.0), KNOCK_SECONDS)
        node = self._knocking.node()
        try:
            if node is None or node.health().overall is not CheckState.OK:
                return False
            self.said = node.boot()
        except (UnreachableError, BusyError):
            return False
        self._knocking.close()
        return True


def console(machine: Machine) -> str:
    """The last lines of a machine's console."""
    try:
        return "\n".join(machine.console_log.read_text(errors="replace").splitlines()[-_TAIL:])
    except OSError as error:
        raise AdamantError("benchmark-console", f"no console log: {error.strerror}") from error
