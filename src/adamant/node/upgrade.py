"""Upgrade: has the program that updates started, and tells how far it is. It runs on when the client goes away."""

from collections.abc import Iterator
from pathlib import Path

from adamant.api import update_pb2 as pb
from adamant.api.events_pb2 import EVENT_KIND_UPDATE
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.update import asking, state

_ACTIONS = {
    pb.UPGRADE_ACTION_ESTIMATE: "estimate",
    pb.UPGRADE_ACTION_STAGE: "stage",
    pb.UPGRADE_ACTION_ROLLBACK: "rollback",
}


def answer(request: pb.UpgradeRequest, call: Call, root: Path, events: Events) -> Iterator[pb.UpgradeProgress]:
    """The answer to Upgrade."""
    action = _ACTIONS.get(request.action)
    if action is None:
        raise InputError("upgrade-action", "the request does not say what is to be done")
    if len(request.repository) > limits.PATH_LENGTH:
        raise InputError("origin-address", "the address of the repository is too long")
    asked = state.Request(
        action=action,  # type: ignore[arg-type]  # the table above has no other
        repository=request.repository,
        channel=request.channel or "stable",
        version=request.version,
        force=request.force,
        ignore_waves=request.ignore_waves,
        bandwidth=request.bandwidth,
    )
    asking.begin(root, asked)
    return _watch(call, root, events, action)


def _watch(call: Call, root: Path, events: Events, action: str) -> Iterator[pb.UpgradeProgress]:
    try:
        for seen in asking.follow(root, call.alive):
            if seen.state == "done" and action != "estimate":
                events.publish(EVENT_KIND_UPDATE, seen.message, {"action": action, "version": seen.version})
            yield pb.UpgradeProgress(
                step=seen.step,
                done=seen.done,
                total=seen.total,
                version=seen.version,
                finished=seen.state == "done",
                message=seen.message,
                fetched=seen.fetched,
                requests=seen.requests,
            )
    except AdamantError as error:
        events.publish(EVENT_KIND_UPDATE, f"the update failed: {error.message}", {"action": action})
        raise
