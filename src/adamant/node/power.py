"""Reboot and shutdown: recorded, answered, and then left to systemd, which stops services in their order."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from adamant.api import power_pb2 as pb
from adamant.api.events_pb2 import EVENT_KIND_POWER
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.reading import boot_id
from adamant.node.systemd import Systemd

Target = Literal["reboot.target", "poweroff.target"]


def check_reason(reason: str) -> str:
    """The reason as it stands in events. Raises InputError `reason-malformed`."""
    if len(reason) > limits.REASON_LENGTH or not reason.isprintable():
        raise InputError(
            "reason-malformed", f"a reason is one line of at most {limits.REASON_LENGTH} characters, all printable"
        )
    return reason


def reboot(root: Path, events: Events, request: pb.RebootRequest, call: Call) -> pb.RebootResponse:
    """Answer Reboot."""
    go_down("reboot.target", events, call.who.name, check_reason(request.reason), "reboots")
    return pb.RebootResponse(boot_id=boot_id(root))


def shutdown(root: Path, events: Events, request: pb.ShutdownRequest, call: Call) -> pb.ShutdownResponse:
    """Answer Shutdown."""
    go_down("poweroff.target", events, call.who.name, check_reason(request.reason), "shuts down")
    return pb.ShutdownResponse(boot_id=boot_id(root))


def after_recovery(events: Events, by: str) -> None:
    """Reboot a node whose disks were bound to its TPM by recovery keys, so that it opens them."""
    go_down("reboot.target", events, by, "its disks were bound to the TPM by their recovery keys", "reboots")


def go_down(
    target: Target, events: Events, by: str, reason: str, what: str, connect: Callable[[], Systemd] = Systemd
) -> None:
    """Record it, and begin with it a moment later, after the call's answer. Raises AdamantError `systemd-silent`.

    `by` is who wants it, by name. systemd is asked for nothing but its state first: a node that cannot go down says so
    in the answer.
    """
    with connect() as systemd:
        systemd.manager("SystemState")
    events.publish(EVENT_KIND_POWER, f"the node {what}", {"client": by, "reason": reason})

    def begin() -> None:
        try:
            with connect() as systemd:
                systemd.enqueue("start", target, "replace-irreversibly")
        except AdamantError as error:
            events.publish(EVENT_KIND_POWER, f"the node could not be made to go down: {error.message}", {})

    timer = threading.Timer(limits.POWER_PAUSE_SECONDS, begin)
    timer.daemon = True
    timer.start()
