"""The config of a node as plain values: the messages of config.proto, whose comments say what each field means."""

from collections.abc import Sequence
from typing import cast

from msgspec import Struct

from adamant.api import config_pb2 as pb


class Generation(Struct, frozen=True):
    """One generation. `created_usec` counts from the Unix epoch."""

    number: int
    created_usec: int
    by: str
    why: str
    sha256: str
    of: int


class Config(Struct, frozen=True):
    """A config as JSON, with secrets masked, and its generation; None and empty when the node has none."""

    generation: Generation | None
    document: str


class History(Struct, frozen=True):
    """The generations that are kept, newest first, and what is which."""

    generations: tuple[Generation, ...]
    running: int
    good: int
    next: int
    trial: int
    trial_left_usec: int
    under_way: int


class KeyChange(Struct, frozen=True):
    """A key that changes, its values as JSON."""

    path: str
    before: str
    after: str


class FileChange(Struct, frozen=True):
    """A file that is added, changed or removed."""

    path: str
    change: str


class Plan(Struct, frozen=True):
    """What a change would do."""

    running: int
    keys: tuple[KeyChange, ...]
    files: tuple[FileChange, ...]
    actions: tuple[str, ...]
    reboot: tuple[str, ...]


class Applied(Struct, frozen=True):
    """What was done: `state` is unchanged, good, staged or on-trial."""

    generation: int
    state: str
    reboot: tuple[str, ...]


class Confirmed(Struct, frozen=True):
    """The generation that runs after a trial."""

    generation: int


class Status(Struct, frozen=True):
    """One thing that the config makes, as it is to be and as it is."""

    kind: str
    name: str
    desired: str
    actual: str
    equal: bool
    reason: str


class Statuses(Struct, frozen=True):
    """How the machine is compared with its config."""

    generation: int
    statuses: tuple[Status, ...]


def document_change(document: str) -> pb.ConfigChange:
    """Another document, as JSON."""
    return pb.ConfigChange(document=document)


def unset_change(paths: Sequence[str]) -> pb.ConfigChange:
    """The config that runs without some keys."""
    return pb.ConfigChange(unset=pb.ConfigKeys(paths=paths))


def revert_change(generation: int) -> pb.ConfigChange:
    """The config of a generation that is kept."""
    return pb.ConfigChange(revert=generation)


def mode(name: str) -> pb.ConfigMode:
    """The mode `now`, `try` or `boot`."""
    return cast("pb.ConfigMode", pb.ConfigMode.Value(f"CONFIG_MODE_{name.upper()}"))


def _generation(found: pb.Generation) -> Generation:
    return Generation(found.number, found.created_usec, found.by, found.why, found.sha256, found.of)


def config_from(answer: pb.ConfigResponse) -> Config:
    """The plain value of an answer to Config."""
    return Config(_generation(answer.generation) if answer.generation.number else None, answer.document)


def history_from(answer: pb.ConfigHistoryResponse) -> History:
    """The plain value of an answer to ConfigHistory."""
    return History(
        tuple(_generation(found) for found in answer.generations),
        answer.running,
        answer.good,
        answer.next,
        answer.trial,
        answer.trial_left_usec,
        answer.under_way,
    )


def plan_from(answer: pb.ConfigPlanResponse) -> Plan:
    """The plain value of an answer to ConfigPlan."""
    return Plan(
        answer.running,
        tuple(KeyChange(key.path, key.before, key.after) for key in answer.keys),
        tuple(FileChange(file.path, file.change) for file in answer.files),
        tuple(answer.actions),
        tuple(answer.reboot),
    )


def applied_from(answer: pb.ConfigApplyResponse) -> Applied:
    """The plain value of an answer to ConfigApply."""
    return Applied(answer.generation, answer.state, tuple(answer.reboot))


def statuses_from(answer: pb.ConfigStatusResponse) -> Statuses:
    """The plain value of an answer to ConfigStatus."""
    return Statuses(
        answer.generation,
        tuple(Status(s.kind, s.name, s.desired, s.actual, s.equal, s.reason) for s in answer.statuses),
    )
