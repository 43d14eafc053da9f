"""Crash records of a node, as plain values. `--json` prints them as they are; crashes.proto has the fields."""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from adamant.api import crashes_pb2 as pb

if TYPE_CHECKING:
    from adamant.api.client import Node

_CAUSES = ("unspecified", "panic", "unknown")


class Crash(Struct, frozen=True):
    """A boot that did not end by a shutdown. `cause` is panic or unknown."""

    boot_id: str
    last_usec: int
    recorded_usec: int
    cause: str
    reason: str
    kernel: str
    journal: str
    pstore: bool


class Crashes(Struct, frozen=True):
    """All of them, the newest first, without the last words."""

    crashes: tuple[Crash, ...]


def _crash(told: Any) -> Crash:
    return Crash(
        boot_id=told.boot_id,
        last_usec=told.last_usec,
        recorded_usec=told.recorded_usec,
        cause=_CAUSES[told.cause] if 0 <= told.cause < len(_CAUSES) else _CAUSES[0],
        reason=told.reason,
        kernel=told.kernel,
        journal=told.journal,
        pstore=told.pstore,
    )


def crashes(node: "Node") -> Crashes:
    """Every record of the node."""
    answer = node.call("Crashes", pb.CrashesRequest())
    return Crashes(tuple(_crash(told) for told in answer.crashes))


def crash(node: "Node", boot_id: str) -> Crash:
    """The record of a boot, by its id or the begin of it."""
    return _crash(node.call("Crash", pb.CrashRequest(boot_id=boot_id)).crash)
