"""Upgrade and UpgradeFrom: have the program that updates started, and tell how far it is.

An update from a repository runs on when the client goes away. One from a client's files needs the client: what is sent
passes through here to the program piece by piece, and nothing of it is kept.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from adamant.api import update_pb2 as pb
from adamant.api.events_pb2 import EVENT_KIND_UPDATE
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.systemd import Systemd
from adamant.node.update import asking, sent, state
from adamant.node.update.relay import Relay

_ACTIONS = {
    pb.UPGRADE_ACTION_ESTIMATE: "estimate",
    pb.UPGRADE_ACTION_STAGE: "stage",
    pb.UPGRADE_ACTION_ROLLBACK: "rollback",
}


def answer(request: pb.UpgradeRequest, call: Call, root: Path, events: Events) -> Iterator[pb.UpgradeProgress]:
    """The answer to Upgrade."""
    asked = _asked(request)
    asking.begin(root, asked)
    return _watch(call, root, events, asked)


def answer_from(
    requests: Iterator[pb.UpgradeFromRequest],
    call: Call,
    root: Path,
    events: Events,
    connect: Callable[[], Systemd] = Systemd,
) -> Iterator[pb.UpgradeFromResponse]:
    """The answers to UpgradeFrom."""
    first = next(requests, pb.UpgradeFromRequest())
    if first.WhichOneof("message") != "start":
        raise InputError("upgrade-action", "an update begins with what is to be done")
    asked = _asked(first.start, sent=True)
    if asked.action == "rollback" or asked.repository:
        raise InputError("upgrade-action", "what a client sends is for estimating or staging, and from no repository")
    with closing(Relay(root)) as relay:
        asking.begin(root, asked, connect, ready=relay.listen)
        call.on_end(relay.hang_up)
        threading.Thread(target=_pass_on, args=(requests, relay), name="update", daemon=True).start()
        yield from _converse(call, asking.Following(root, connect), events, asked, relay)


def _asked(request: pb.UpgradeRequest, *, sent: bool = False) -> state.Request:
    action = _ACTIONS.get(request.action)
    if action is None:
        raise InputError("upgrade-action", "the request does not say what is to be done")
    if len(request.repository) > limits.PATH_LENGTH:
        raise InputError("origin-address", "the address of the repository is too long")
    return state.Request(
        action=action,  # type: ignore[arg-type]  # the table above has no other
        repository=request.repository,
        channel=request.channel or "stable",
        version=request.version,
        force=request.force,
        ignore_waves=request.ignore_waves,
        bandwidth=request.bandwidth,
        sent=sent,
    )


def _watch(call: Call, root: Path, events: Events, asked: state.Request) -> Iterator[pb.UpgradeProgress]:
    try:
        for seen in asking.follow(root, call.alive):
            yield _progress(seen, events, asked)
    except AdamantError as error:
        _tell_failure(events, asked, error.message)
        raise


def _converse(
    call: Call, following: asking.Following, events: Events, asked: state.Request, relay: Relay
) -> Iterator[pb.UpgradeFromResponse]:
    """Progress and questions, as they come, until the update is done or the client has gone."""
    next_look = 0.0
    alone = True
    try:
        while call.alive():
            if time.monotonic() >= next_look:
                seen = following.look()
                next_look = time.monotonic() + asking.POLL_SECONDS
                if seen is not None:
                    alone = seen.state != "done"
                    yield pb.UpgradeFromResponse(progress=_progress(seen, events, asked))
                    if not alone:
                        return
            read = relay.question(max(0.0, next_look - time.monotonic()))
            if read is not None:
                wanted = pb.UpgradeRead(
                    number=read.number, path=read.path, offset=read.first, length=read.size, whole=read.whole
                )
                yield pb.UpgradeFromResponse(read=wanted)
    except AdamantError as error:
        alone = False
        _tell_failure(events, asked, error.message)
        raise
    finally:
        if alone:  # nobody hears that the update fails
            _tell_failure(events, asked, "the client that sends it went away")


def _pass_on(requests: Iterator[pb.UpgradeFromRequest], relay: Relay) -> None:
    """Give the program what the client sends. gRPC ends the iterator by an exception of its own when the call ends."""
    try:
        for message in requests:
            if message.WhichOneof("message") != "piece" or not relay.give(_piece(message.piece)):
                break
    except Exception:  # whatever it is: the call is over, and its end is told elsewhere
        return
    finally:
        relay.hang_up()


def _piece(piece: pb.UpgradePiece) -> sent.Piece:
    if piece.missing:
        return sent.Piece(piece.number, sent.MISSING)
    if piece.failed:
        return sent.Piece(piece.number, sent.FAILED, piece.failed[: limits.REASON_LENGTH].encode())
    return sent.Piece(piece.number, sent.LAST if piece.last else sent.DATA, piece.data)


def _progress(seen: state.Progress, events: Events, asked: state.Request) -> pb.UpgradeProgress:
    """What the client is told; what was done is an event."""
    if seen.state == "done" and asked.action != "estimate":
        events.publish(EVENT_KIND_UPDATE, seen.message, {"action": asked.action, "version": seen.version})
    return pb.UpgradeProgress(
        step=seen.step,
        done=seen.done,
        total=seen.total,
        version=seen.version,
        finished=seen.state == "done",
        message=seen.message,
        fetched=seen.fetched,
        requests=seen.requests,
    )


def _tell_failure(events: Events, asked: state.Request, why: str) -> None:
    events.publish(EVENT_KIND_UPDATE, f"the update failed: {why}", {"action": asked.action})
