"""What differs on a node from its release. `--json` prints the values as they are; drift.proto has the fields."""

from typing import TYPE_CHECKING

from msgspec import Struct

from adamant.api import drift_pb2 as pb
from adamant.core import limits

if TYPE_CHECKING:
    from adamant.api.client import Node

_CHANGES = ("unspecified", "added", "changed", "removed")


class Entry(Struct, frozen=True):
    """Something that differs: `change` is added, changed or removed.

    `diff` is the difference of its text, and `refused` why there is none; both are empty where nobody asked.
    """

    path: str
    change: str
    reason: str
    diff: str = ""
    refused: str = ""


class Drift(Struct, frozen=True):
    """All of it, by path; `more` when there is more than is listed. `none` says why nothing can differ."""

    entries: tuple[Entry, ...]
    more: bool
    none: str


def drift(node: "Node", *, texts: bool = False) -> Drift:
    """What differs on the node; with `texts` also how the texts of its files do."""
    answer = node.call("Drift", pb.DriftRequest(), seconds=limits.UNIT_SECONDS)
    entries = []
    for told in answer.entries:
        change = _CHANGES[told.change] if 0 <= told.change < len(_CHANGES) else _CHANGES[0]
        text = node.call("DriftText", pb.DriftTextRequest(path=told.path)) if texts else pb.DriftTextResponse()
        entries.append(Entry(told.path, change, told.reason, text.diff, text.refused))
    return Drift(tuple(entries), answer.more, answer.none)
