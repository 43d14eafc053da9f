"""Updates by the schedule of the config: what it asks for, what runs, and what came of the last look."""

import time

from adamant.api import resources_pb2 as pb
from adamant.model.machine.document import Update, Window
from adamant.node import timezone
from adamant.node.config import wanted
from adamant.node.reading import read_release
from adamant.node.resources.found import Found, Sources
from adamant.node.update import schedule, state

NAME = "updates"


def window(made: Window) -> str:
    """A window in one line, as in `sat,sun 03:00 2h`."""
    return f"{','.join(made.days) or 'daily'} {made.start} {made.length}"


def judge(update: Update, actual: pb.Update, look: state.Look) -> Found:
    """The resource: what was seen of the machine, to which the config and the last look are added."""
    desired = pb.Update(
        repository=update.repository or "",
        channel=update.channel,
        automatic=update.automatic,
        window=window(update.window),
        fleet_lock=update.fleet_lock.url if update.fleet_lock else "",
    )
    actual.MergeFrom(desired)
    actual.MergeFrom(pb.Update(looked_usec=look.when_usec, result=look.result, message=look.message))
    if update.repository is None:
        return Found(NAME, actual)
    reason = ""
    if actual.staged:
        waits = "for its moment in the window" if actual.open else "for the window"
        reason = f"{actual.staged} is staged and waits {waits if update.automatic else 'for somebody who reboots'}"
    elif look.result == "waits":
        reason = f"{look.version} waits for somebody who stages it"
    elif look.result in {"refused", "failed"}:
        reason = look.message
    return Found(NAME, actual, desired, reason)


def collect(sources: Sources) -> list[Found]:
    """One resource, `updates`."""
    root = sources.root
    update = wanted.read(root).update
    record, now = state.read(root), time.time()
    found = schedule.opening(update.window, timezone.read(root), now)
    actual = pb.Update(
        running=read_release(root).get("IMAGE_VERSION", ""),
        staged=state.waiting(root, record),
        failed=record.failed,
        next_usec=int(sources.next_look() * 1_000_000),
        open=found.begin <= now,
        opens_usec=int(found.begin * 1_000_000),
    )
    return [judge(update, actual, state.read_look(root))]
