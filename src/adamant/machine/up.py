"""Bring a machine up: keys, creation, start, and waiting until its API says that it is healthy.

The keys of machines on this computer come from one CA in the person's configuration folder. Its key stays there; a
machine gets a certificate of its own as systemd credentials.
"""

import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from adamant.api import cluster, contexts, pki
from adamant.api.client import Node, connect
from adamant.api.contexts import Context
from adamant.api.identity import Role
from adamant.api.knock import Knocking
from adamant.api.pki import KeyedCertificate
from adamant.api.types import CheckState, Health
from adamant.core import files, limits, places
from adamant.machine import console, fault
from adamant.machine.console import Phase, Reached
from adamant.machine.fault import Explanation
from adamant.machine.machine import Machine, Machines, Options, Status
from adamant.model.encryption import CREDENTIAL, Encryption
from adamant.model.errors import AdamantError, InputError, UnreachableError
from adamant.packages.tools import ToolsTree

_CLIENT = "admin"
_DISK_KEY = 32
_PROBE_SECONDS = 5.0
_POLL_SECONDS = 0.2
KNOCK_SECONDS = 0.6
"""Between two connections while none has come about: its packets get lost until the machine has an address."""
_ASK_SECONDS = 0.5
"""Between two questions once the agent has said that it serves: each takes processor time from the boot."""
_ASK_EARLY_SECONDS = 10.0
"""The same before that, in case its word does not reach the console."""
_SHOWN_LINES = 20


@dataclass(frozen=True, slots=True)
class Up:
    """A machine that is healthy. `seconds` is from power-on to the first healthy answer; `phases` are by that clock."""

    machine: Machine
    health: Health
    seconds: float
    phases: tuple[Reached, ...]


class NotHealthy(AdamantError):
    """A machine did not become healthy. `explanation` is what its console shows, if that is known."""

    def __init__(self, message: str, explanation: Explanation | None, lines: list[str], log: Path) -> None:
        means = explanation.fault.means if explanation else "The console shows no fault that is known."
        remedy = explanation.fault.remedy if explanation else f"Read the whole console log: {log}"
        context = "\n".join(["the last lines of its console:", *(f"  {line}" for line in lines)])
        super().__init__("machine-not-healthy", f"{message} {means}", context=context, hint=remedy)
        self.explanation = explanation


def local_keys() -> Path:
    """The cluster of the machines on this computer, with a client of the role admin; made at the first call."""
    folder = cluster.place(cluster.LOCAL)
    with files.locked(places.config() / f".{cluster.LOCAL}.lock", "the keys of local machines"):
        if not (folder / f"{_CLIENT}.crt").exists():
            now = datetime.now(UTC)
            if not (folder / f"{cluster.AUTHORITY}.crt").exists():
                cluster.init(folder, "adamant-local", now)
            cluster.add_client(folder, _unlock(folder), _CLIENT, Role.ADMIN, now)
    return folder


def _unlock(folder: Path) -> KeyedCertificate:
    def refuse() -> bytes:
        raise InputError("local-passphrase", "the CA of local machines must have no passphrase", context=str(folder))

    return cluster.unlock(folder, refuse)


def node_credentials(name: str) -> dict[str, bytes]:
    """The credentials that make a machine serve its API: a fresh key and certificate, and the CA's certificate."""
    folder = local_keys()
    authority = _unlock(folder)
    pair = pki.issue_node(authority, [name], datetime.now(UTC))
    cluster.record(folder, pair.certificate)
    return {**cluster.node_credentials(authority.certificate, pair), **naming(name)}


def naming(name: str) -> dict[str, bytes]:
    """The credential that tells a machine its host name."""
    return {"system.hostname": name.encode()}


def disk_key(encryption: Encryption | None) -> dict[str, bytes]:
    """The credential with a new key for a disk that is encrypted by one; none for another disk.

    The machine's folder keeps it, and passes it at each boot.
    """
    return {CREDENTIAL: secrets.token_bytes(_DISK_KEY)} if encryption is Encryption.CREDENTIAL else {}


def context_of(machine: Machine) -> Context:
    """How the person's commands reach the machine."""
    return contexts.of_cluster(machine.address, cluster.LOCAL, _CLIENT)


def create(machines: Machines, name: str, image: Path, options: Options, *, keys: bool = True) -> Machine:
    """A machine with keys of its own, whose context becomes the current one; or without `keys`, and no context."""
    if not keys:
        local_keys()
        return machines.create(name, image, replace(options, credentials={**naming(name), **options.credentials}))
    whole = replace(options, credentials={**node_credentials(name), **options.credentials})
    machine = machines.create(name, image, whole)
    contexts.put(name, context_of(machine))
    return machine


def start(
    machines: Machines,
    name: str,
    tools: ToolsTree,
    cache: Path,
    reached: Callable[[Phase], None],
    seconds: float = limits.BOOT_SECONDS,
) -> Up:
    """Power a machine on and wait until it is healthy; `reached` hears of each phase of its boot.

    Raises NotHealthy when it ends, or is not healthy within `seconds`.
    """
    begin = time.monotonic()
    machine = machines.start(name, tools, cache)
    contexts.put(name, context_of(machine))
    watcher = console.Watcher(machine.console_log)
    phases: list[Reached] = []
    health: Health | None = None
    asked = begin
    keys = contexts.credentials(context_of(machine))
    with Knocking(lambda: connect(machine.address, keys, _PROBE_SECONDS), KNOCK_SECONDS) as knocking:
        while time.monotonic() - begin < seconds:
            for seen in watcher.poll():
                if isinstance(seen, Reached):
                    phases.append(replace(seen, seconds=time.monotonic() - begin))
                    reached(seen.phase)
            if time.monotonic() - asked > _pause(phases) and (node := knocking.node()) is not None:
                health = _ask(node) or health
                asked = time.monotonic()
                if health is not None and health.overall is CheckState.OK:
                    return Up(machine, health, time.monotonic() - begin, tuple(phases))
            if machines.get(name).status is not Status.RUNNING:
                raise not_healthy(machine, f"the machine {name} ended before it was healthy.", health)
            time.sleep(_POLL_SECONDS)
    raise not_healthy(machine, f"the machine {name} was not healthy within {seconds:.0f} s.", health)


def _pause(phases: list[Reached]) -> float:
    """Seconds between two questions in the phase that the boot has reached."""
    phase = phases[-1].phase if phases else Phase.FIRMWARE
    return {Phase.AGENT: _ASK_SECONDS, Phase.SYSTEM: _ASK_EARLY_SECONDS}.get(phase, math.inf)


def _ask(node: Node) -> Health | None:
    """Its health, or None when nobody answers yet."""
    try:
        return node.health()
    except UnreachableError:
        return None


def not_healthy(machine: Machine, message: str, health: Health | None = None) -> NotHealthy:
    """The error for a machine whose boot went wrong, with what its console says."""
    failing = [c for c in health.checks if c.state is not CheckState.OK] if health else []
    if failing:
        message += " Not ok: " + ", ".join(f"{c.name} ({c.message})" for c in failing) + "."
    lines = console.tail(machine.console_log)
    return NotHealthy(message, fault.explain(lines), lines[-_SHOWN_LINES:], machine.console_log)
