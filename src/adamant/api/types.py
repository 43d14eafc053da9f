"""What a node answers, as plain values: the messages of node.proto with names for numbers.

`--json` prints them as they are. The comments of node.proto say what each field means.
"""

from enum import StrEnum
from typing import Any, cast

import msgspec
from msgspec import Struct

from adamant.api import events_pb2 as events
from adamant.api import node_pb2 as pb
from adamant.model.posture import Posture

_UNSPECIFIED = "unspecified"


class CheckState(StrEnum):
    """How a health check ended."""

    UNSPECIFIED = _UNSPECIFIED
    OK = "ok"
    WAITING = "waiting"
    FAILING = "failing"


class SecureBoot(StrEnum):
    """What the firmware says of Secure Boot."""

    UNSPECIFIED = _UNSPECIFIED
    UNSUPPORTED = "unsupported"
    DISABLED = "disabled"
    SETUP = "setup"
    ENABLED = "enabled"


class Verity(StrEnum):
    """What dm-verity says of the usr image."""

    UNSPECIFIED = _UNSPECIFIED
    ABSENT = "absent"
    VERIFIED = "verified"
    CORRUPTED = "corrupted"


class Version(Struct, frozen=True):
    """What runs on a node."""

    adamant: str
    image: str
    image_version: str
    posture: Posture | None
    kernel: str
    arch: str
    machine_id: str
    systemd: str
    hostname: str


class HealthCheck(Struct, frozen=True):
    """One health check. `since_usec` counts from the Unix epoch."""

    name: str
    state: CheckState
    message: str
    since_usec: int


class Health(Struct, frozen=True):
    """Health of a node: the worst state, and every check."""

    overall: CheckState
    checks: tuple[HealthCheck, ...]


class BootPhase(Struct, frozen=True):
    """A phase of a boot. Times are microseconds after power-on."""

    name: str
    start_usec: int
    duration_usec: int
    parts: tuple["BootPhase", ...] = ()


class UnitTime(Struct, frozen=True):
    """How long a unit took to start, in microseconds."""

    unit: str
    start_usec: int
    duration_usec: int


class EventKind(StrEnum):
    """What an event is about."""

    UNSPECIFIED = _UNSPECIFIED
    AGENT = "agent"
    CALL = "call"
    HEALTH = "health"
    CONFIG = "config"
    SERVICE = "service"
    POWER = "power"
    KEYS = "keys"
    DEBUG = "debug"
    UPDATE = "update"


class Event(Struct, frozen=True):
    """Something that happened on a node. `time_usec` counts from the Unix epoch."""

    sequence: int
    time_usec: int
    kind: EventKind
    message: str
    fields: dict[str, str]
    agent_id: str
    missed: int


class SecureBootKey(Struct, frozen=True):
    """A certificate in a variable (PK, KEK, db or dbx) of a node's firmware; `sha256` is that of its DER."""

    variable: str
    name: str
    sha256: str


class Boot(Struct, frozen=True):
    """How the running system was booted."""

    slot: str
    root_hash: str
    uki: str
    secure_boot: SecureBoot
    verity: Verity
    disk: str
    boot_id: str
    total_usec: int
    phases: tuple[BootPhase, ...]
    slowest_units: tuple[UnitTime, ...]
    secure_boot_keys: tuple[SecureBootKey, ...] = ()
    secure_boot_revoked: int = 0
    secure_boot_waiting: tuple[str, ...] = ()


def to_json(value: Struct) -> bytes:
    """The documented JSON object of an answer, on one line."""
    return msgspec.json.encode(value)


def _name(enum: Any, number: int, prefix: str) -> str:
    """Name of an enum's value; a number that this version does not know is unspecified."""
    try:
        return str(enum.Name(number)).removeprefix(prefix).lower()
    except ValueError:
        return _UNSPECIFIED


def version_from(answer: pb.VersionResponse) -> Version:
    """The plain value of an answer to Version."""
    posture = _name(pb.Posture, answer.posture, "POSTURE_")
    return Version(
        adamant=answer.adamant,
        image=answer.image,
        image_version=answer.image_version,
        posture=None if posture == _UNSPECIFIED else Posture(posture),
        kernel=answer.kernel,
        arch=answer.arch,
        machine_id=answer.machine_id,
        systemd=answer.systemd,
        hostname=answer.hostname,
    )


def health_from(answer: pb.HealthResponse) -> Health:
    """The plain value of an answer to Health."""
    return Health(
        overall=CheckState(_name(pb.CheckState, answer.overall, "CHECK_STATE_")),
        checks=tuple(
            HealthCheck(c.name, CheckState(_name(pb.CheckState, c.state, "CHECK_STATE_")), c.message, c.since_usec)
            for c in answer.checks
        ),
    )


def _phase(phase: pb.BootPhase) -> BootPhase:
    return BootPhase(phase.name, phase.start_usec, phase.duration_usec, tuple(_phase(p) for p in phase.parts))


def boot_from(answer: pb.BootResponse) -> Boot:
    """The plain value of an answer to Boot."""
    return Boot(
        slot=answer.slot,
        root_hash=answer.root_hash,
        uki=answer.uki,
        secure_boot=SecureBoot(_name(pb.SecureBoot, answer.secure_boot, "SECURE_BOOT_")),
        verity=Verity(_name(pb.Verity, answer.verity, "VERITY_")),
        disk=answer.disk,
        boot_id=answer.boot_id,
        total_usec=answer.total_usec,
        phases=tuple(_phase(p) for p in answer.phases),
        slowest_units=tuple(UnitTime(u.unit, u.start_usec, u.duration_usec) for u in answer.slowest_units),
        secure_boot_keys=tuple(SecureBootKey(k.variable, k.name, k.sha256) for k in answer.secure_boot_keys),
        secure_boot_revoked=answer.secure_boot_revoked,
        secure_boot_waiting=tuple(answer.secure_boot_waiting),
    )


def event_from(answer: events.Event) -> Event:
    """The plain value of an event."""
    return Event(
        sequence=answer.sequence,
        time_usec=answer.time_usec,
        kind=EventKind(_name(events.EventKind, answer.kind, "EVENT_KIND_")),
        message=answer.message,
        fields=dict(answer.fields),
        agent_id=answer.agent_id,
        missed=answer.missed,
    )


def event_kind(kind: EventKind) -> events.EventKind:
    """The number of a kind of events."""
    return cast("events.EventKind", events.EventKind.Value(f"EVENT_KIND_{kind.name}"))
