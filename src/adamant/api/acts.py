"""What a person can have a node do: services, reboot, shutdown, reset. Plain values of the answers, and the waiting."""

import time
from collections.abc import Callable, Collection
from typing import Any

from msgspec import Struct

from adamant.api import power_pb2 as power
from adamant.api import services_pb2 as services
from adamant.api.client import Node
from adamant.api.types import CheckState
from adamant.core import limits
from adamant.model.errors import AdamantError, UnreachableError

PARTS = ("config", "identity", "logs", "containers", "var", "root", "all")
_LOOK_SECONDS = 1.0


class Service(Struct, frozen=True):
    """A service after something was done with it. Process ids are 0 where there is no main process."""

    unit: str
    active: str
    sub: str
    main_pid: int
    main_pid_before: int


class Down(Struct, frozen=True):
    """A node that goes down. `boot_id` is that of the boot that ends."""

    boot_id: str
    back: bool
    """Whether it was seen to be back and healthy: False where nobody waited."""
    new_boot_id: str = ""
    seconds: float = 0.0
    """From the answer until it was back."""


class ResetItem(Struct, frozen=True):
    """Something that a reset wipes: `size` bytes, or `more`."""

    part: str
    path: str
    size: int
    more: bool
    description: str


class ResetPreview(Struct, frozen=True):
    """What a reset would wipe, and what it keeps on the disk of `/`.

    `unenrolled` says that the node loses its keys by it, `more` that there is more of either than is listed.
    """

    items: tuple[ResetItem, ...]
    token: str
    unenrolled: bool
    kept: tuple[str, ...] = ()
    more: bool = False


def service(node: Node, action: str, unit: str) -> Service:
    """Do `action` (start, stop, restart, reload) with a unit, and wait until it is done."""
    number: Any = services.ServiceAction.Value(f"SERVICE_ACTION_{action.upper()}")
    request = services.ServiceRequest(unit=unit, action=number)
    answer = node.call("Service", request, seconds=limits.UNIT_SECONDS + limits.RPC_SECONDS)
    return Service(answer.unit, answer.active, answer.sub, answer.main_pid, answer.main_pid_before)


def reboot(node: Node, reason: str) -> Down:
    """Reboot. It returns before the node goes down."""
    return Down(node.call("Reboot", power.RebootRequest(reason=reason)).boot_id, back=False)


def shutdown(node: Node, reason: str) -> Down:
    """Shut down. It returns before the node goes down."""
    return Down(node.call("Shutdown", power.ShutdownRequest(reason=reason)).boot_id, back=False)


def preview_reset(node: Node, parts: Collection[str], keep: Collection[str] = ()) -> ResetPreview:
    """What a reset of `parts` would wipe; `keep` are expressions of paths that stay."""
    numbers: list[Any] = [power.ResetPart.Value(f"RESET_PART_{part.upper()}") for part in parts]
    answer = node.call("ResetPreview", power.ResetPreviewRequest(parts=numbers, keep=keep), seconds=limits.UNIT_SECONDS)
    items = tuple(
        ResetItem(_part(item.part), item.path, item.size, item.more, item.description) for item in answer.items
    )
    return ResetPreview(items, answer.token, answer.unenrolled, tuple(answer.kept), answer.more)


def _part(number: int) -> str:
    return str(power.ResetPart.Name(number)).removeprefix("RESET_PART_").lower()


def reset(node: Node, token: str, reason: str) -> Down:
    """Wipe what the preview with `token` has shown. It returns before the node goes down."""
    return Down(node.call("Reset", power.ResetRequest(token=token, reason=reason)).boot_id, back=False)


def await_down(node: Node, seconds: float = limits.REBOOT_SECONDS) -> None:
    """Wait until the node answers no more. Raises AdamantError `node-still-up`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            node.boot()
        except UnreachableError:
            return
        time.sleep(_LOOK_SECONDS)
    raise AdamantError(
        "node-still-up",
        f"the node still answers after {seconds:.0f} s",
        hint="adamant node events says what holds it up",
    )


def await_back(node: Node, down: Down, seconds: float, tell: Callable[[str], None]) -> Down:
    """Wait until the node has booted anew and is healthy; `tell` hears in words how far it is.

    Raises UnreachableError `node-not-back` when it is not there within `seconds`, and AdamantError `node-unhealthy`
    when it is there and not well.
    """
    begin = time.monotonic()
    said, new, reasons = "", "", ""
    while time.monotonic() - begin < seconds:
        try:
            new = new or _new_boot(node, down.boot_id)
            if not new:
                words = "going down"
            else:
                health = node.health()
                if health.overall is CheckState.OK:
                    return Down(down.boot_id, back=True, new_boot_id=new, seconds=round(time.monotonic() - begin, 1))
                reasons = ", ".join(c.name for c in health.checks if c.state is not CheckState.OK)
                words = f"back, not healthy yet: {reasons}"
        except UnreachableError:
            words = "away" if not new else "back, not answering"
        if words != said:
            tell(words)
            said = words
        time.sleep(_LOOK_SECONDS)
    if new:
        raise AdamantError(
            "node-unhealthy",
            f"the node is back, but not healthy within {seconds:.0f} s: {reasons}",
            hint="adamant node health says why",
        )
    raise UnreachableError(
        "node-not-back", f"the node was not back within {seconds:.0f} s", hint="look at the machine's console"
    )


def _new_boot(node: Node, old: str) -> str:
    """The id of the boot that answers, unless it is `old`."""
    found = node.boot().boot_id
    return "" if found == old else found
