"""What a rule is, and what it can find. No I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from adamant.audit.facts import ImageFacts, NodeFacts
from adamant.model.posture import Posture


class Severity(StrEnum):
    """How bad a breach is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Section(StrEnum):
    """The parts of a report, in its order."""

    BOOT = "boot chain"
    FILES = "files and mounts"
    PROGRAMS = "programs"
    ACCESS = "access"
    KERNEL = "kernel"
    SETTINGS = "kernel settings"
    RUNNING = "services, processes and network"
    ORIGIN = "origin and drift"


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """One thing that breaks a rule: where, and what is wrong there."""

    where: str
    message: str


OfImage = Callable[[ImageFacts], Iterable[Breach]]
OfNode = Callable[[NodeFacts], Iterable[Breach]]
"""Pure; may raise facts.Untold."""

EVERY = frozenset(Posture)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: `image` and `node` judge facts of the one and the other; a rule has at least one of them.

    `postures` are those that promise it. `reason` says what it is good for, `source` who else asks for it.
    """

    id: str
    title: str
    section: Section
    severity: Severity
    postures: frozenset[Posture]
    reason: str
    source: str
    image: OfImage | None = None
    node: OfNode | None = None
