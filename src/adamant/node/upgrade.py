"""Upgrade: has the program that updates started, and tells how far it is. It runs on when the client goes away."""

import time
from collections.abc import Iterator
from pathlib import Path

from adamant.api import update_pb2 as pb
from adamant.api.events_pb2 import EVENT_KIND_UPDATE
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.systemd import Systemd
from adamant.node.update import state

UNIT = "adamant-update.service"
_POLL_SECONDS = 0.5
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
    with Systemd() as systemd:
        if systemd.units(["active", "activating"], [UNIT]):
            raise BusyError("update-running", "an update is under way already", hint="wait until it has ended")
        state.ask(
            root,
            state.Request(
                action=action,  # type: ignore[arg-type]  # the table above has no other
                repository=request.repository,
                channel=request.channel or "stable",
                version=request.version,
                force=request.force,
                ignore_waves=request.ignore_waves,
                bandwidth=request.bandwidth,
            ),
        )
        systemd.act("start", UNIT)
    return _watch(call, root, events, action)


def _watch(call: Call, root: Path, events: Events, action: str) -> Iterator[pb.UpgradeProgress]:
    last = None
    while call.alive():
        seen = state.progress(root)
        if seen.state == "failed":
            events.publish(EVENT_KIND_UPDATE, f"the update failed: {seen.message}", {"action": action})
            kind = BusyError if seen.reference in _STATES else AdamantError
            raise kind(seen.reference or "update-failed", seen.message, hint=seen.hint)
        if seen != last:
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
            last = seen
        if seen.state == "done":
            if action != "estimate":
                events.publish(EVENT_KIND_UPDATE, seen.message, {"action": action, "version": seen.version})
            return
        if not _runs(root):
            raise AdamantError("update-failed", "the update ended without a word", hint=f"adamant node logs {UNIT}")
        time.sleep(_POLL_SECONDS)


_STATES = frozenset(
    {"no-update", "version-not-newer", "boot-on-trial", "config-on-trial", "esp-full", "release-failed-here"}
    | {"release-withdrawn", "boot-entry-missing", "rollback-nothing", "locked", "clock-behind"}
)
"""References of errors that say that the state of things forbids it now."""


def _runs(root: Path) -> bool:
    """Whether the program still runs, or has said its last word."""
    with Systemd() as systemd:
        if systemd.units(["active", "activating"], [UNIT]):
            return True
    return state.progress(root).state != "running"
