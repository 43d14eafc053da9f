"""Judges of what runs on a node: units, processes and their rights, sockets."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from adamant.api.methods import PORT
from adamant.audit.facts import Listening, NodeFacts, Running, names
from adamant.audit.rule import Breach


@dataclass(frozen=True, slots=True)
class Listener:
    """A unit that may listen, on one port or (0) on any, and why."""

    unit: str
    protocol: str
    port: int
    reason: str


LISTENERS: tuple[Listener, ...] = (
    Listener("adamant-agent.service", "tcp", PORT, "the API of the node, by mutual TLS"),
    Listener("systemd-networkd.service", "udp", 68, "a DHCP client: servers answer to this port, also by broadcast"),
    Listener("systemd-networkd.service", "udp", 546, "a DHCPv6 client"),
    Listener("systemd-timesyncd.service", "udp", 0, "answers of the time server that it has asked"),
)
"""Sockets that Adamant's own units and those of systemd may open beyond the machine itself."""
_BASE = ("adamant-", "systemd-")

GRAVE = names("CAP_BPF CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_SYS_BOOT CAP_SYS_MODULE CAP_SYS_PTRACE CAP_SYS_RAWIO")
"""Capabilities that reach into the kernel, the hardware or other processes."""
GRAVE_IN_CONTAINERS = GRAVE | {"CAP_SYS_ADMIN"}
HOLDERS: Mapping[str, tuple[frozenset[str], str]] = {
    "init.scope": (GRAVE, "PID 1 starts everything else, with less"),
    "containerd.service": (GRAVE, "a container gets its capabilities from it"),
    "host-containerd.service": (GRAVE, "a host container gets its capabilities from it"),
    "systemd-journald.service": (
        frozenset({"CAP_MAC_OVERRIDE", "CAP_SYS_PTRACE"}),
        "it reads which program a message came from",
    ),
    "systemd-logind.service": (frozenset({"CAP_MAC_ADMIN"}), "it labels the folders that it makes"),
    "systemd-networkd.service": (frozenset({"CAP_BPF"}), "its own networks may have filters in the kernel"),
    "systemd-udevd.service": (GRAVE, "it loads drivers, and asks disks for their names"),
    "adamant-modules.service": (frozenset({"CAP_SYS_MODULE"}), "it loads the modules that the config names"),
    "adamant-volume@.service": (frozenset({"CAP_SYS_RAWIO"}), "it makes file systems on disks"),
}
"""Units whose processes may hold some of GRAVE, and why."""


def _template(unit: str) -> str:
    name, at, rest = unit.partition("@")
    return f"{name}@.{rest.rpartition('.')[2]}" if at else unit


def is_local(address: str) -> bool:
    """Whether only the machine itself reaches the address."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def service_of(unit: str) -> str:
    """The unit whose state says whether `unit` is wanted: of a container of the config, its service."""
    if unit.startswith("adamant-") and unit.endswith(".scope"):
        return f"adamant-container@{unit.removeprefix('adamant-').removesuffix('.scope')}.service"
    return unit


def _may_listen(socket: Listening, wanted: frozenset[str]) -> bool:
    service = service_of(socket.unit)
    is_base = service.startswith(_BASE) and not service.startswith("adamant-container@")
    if is_base or not service:
        return any(
            socket.protocol == allowed.protocol
            and allowed.port in (0, socket.port)
            and (socket.unit == allowed.unit or (not socket.unit and allowed.port))
            for allowed in LISTENERS
        )
    return service in wanted


def listening(facts: NodeFacts) -> Iterator[Breach]:
    """Only the API listens, and services that the image or the config starts."""
    wanted = frozenset(unit.name for unit in facts.tell(facts.units, "services") if unit.wanted)
    for socket in facts.tell(facts.listening, "sockets"):
        if not is_local(socket.address) and not _may_listen(socket, wanted):
            yield Breach(
                f"{socket.protocol} {socket.address}:{socket.port}",
                f"{socket.unit or 'an unknown program'} listens there, and neither image nor config says so",
            )


def _is_of_service(process: Running) -> bool:
    return process.unit.endswith(".service") or process.unit == "init.scope"


def capabilities(facts: NodeFacts) -> Iterator[Breach]:
    """Services hold no capability that reaches into the kernel, but for those that are known to need it."""
    facts.tell(facts.protections, "protections")  # a node that is older does not tell capabilities either
    for process in facts.tell(facts.processes, "processes"):
        if not _is_of_service(process):
            continue
        allowed = HOLDERS.get(_template(process.unit), (frozenset(), ""))[0]
        if too_many := (process.capabilities & GRAVE) - allowed:
            yield Breach(
                f"{process.unit}, process {process.pid} ({process.name})", f"it holds {', '.join(sorted(too_many))}"
            )


def containers(facts: NodeFacts) -> Iterator[Breach]:
    """No container is privileged."""
    facts.tell(facts.protections, "protections")
    for process in facts.tell(facts.processes, "processes"):
        found = process.capabilities & GRAVE_IN_CONTAINERS
        if found and not _is_of_service(process):
            yield Breach(
                f"{process.unit or 'no unit'}, process {process.pid} ({process.name})",
                f"it holds {', '.join(sorted(found))}",
            )


def failed(facts: NodeFacts) -> Iterator[Breach]:
    """No unit has failed."""
    for unit in facts.tell(facts.units, "services"):
        if unit.active == "failed":
            yield Breach(unit.name, unit.reason or "it failed")


def health(facts: NodeFacts) -> Iterator[Breach]:
    """Every health check is well."""
    for check in facts.tell(facts.failing, "health"):
        yield Breach(check.what, check.reason)
