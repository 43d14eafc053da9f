"""The API's side of drift."""

import os
from pathlib import Path
from typing import Any

from adamant.api import drift_pb2 as pb
from adamant.node import posture
from adamant.node.config import placing
from adamant.node.drift import compare

_CHANGES: dict[str, Any] = {
    name: pb.DriftChange.Value(f"DRIFT_CHANGE_{name.upper()}") for name in ("added", "changed", "removed")
}


def answer(root: Path) -> pb.DriftResponse:
    """The answer to Drift."""
    if not posture.rules(root).persistent_root:
        return pb.DriftResponse(none=f"the posture {posture.read(root).value} makes /etc anew at each boot, read-only")
    found = compare.compare(root, placing.read(root))
    return pb.DriftResponse(
        entries=[
            pb.DriftEntry(
                path=os.fsencode(f"/{compare.ETC}/{one.path}").decode("utf-8", "replace"),
                change=_CHANGES[one.change],
                reason=one.reason,
            )
            for one in found.found
        ],
        more=found.more,
    )
