"""Start, stop, restart and reload of services, and which of them nobody may touch.

What is refused is what would end the machine's own work: the API's only way in, the disks, and units that mean
something else (reboot, rescue). Only services, sockets and timers are touched at all.
"""

import fnmatch
import re
from typing import Any

from adamant.api import services_pb2 as pb
from adamant.api.events_pb2 import EVENT_KIND_SERVICE
from adamant.model.errors import BusyError, InputError
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.systemd import Systemd, Unit, Verb

AGENT = "adamant-agent.service"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.\\@-]{0,250}")
_ENDINGS = (".service", ".socket", ".timer")
_OTHERS = (".mount", ".automount", ".swap", ".target", ".path", ".slice", ".scope", ".device")
_VERBS: dict[int, Verb] = {
    pb.SERVICE_ACTION_START: "start",
    pb.SERVICE_ACTION_STOP: "stop",
    pb.SERVICE_ACTION_RESTART: "restart",
    pb.SERVICE_ACTION_RELOAD: "reload",
}
_ANY = frozenset(_VERBS.values())
_STOP = frozenset[Verb]({"stop"})

REFUSED: tuple[tuple[str, frozenset[Verb], str], ...] = (
    (AGENT, frozenset({"start", "stop", "reload"}), "it answers this call: it can be restarted, and nothing else"),
    ("adamant-container@*", frozenset({"stop", "reload"}), "the config says whether it runs: it can be restarted"),
    ("adamant-*", _ANY, "it belongs to Adamant, which starts it when it is needed"),
    ("dbus*", _ANY, "others lose their connections; a reboot starts it anew"),
    ("systemd-fsck*", _ANY, "it works on disks in use"),
    ("systemd-repart*", _ANY, "it works on disks in use"),
    ("systemd-growfs*", _ANY, "it works on disks in use"),
    ("systemd-*shutdown*", _ANY, "adamant node shutdown does that"),
    ("systemd-poweroff*", _ANY, "adamant node shutdown does that"),
    ("systemd-halt*", _ANY, "adamant node shutdown does that"),
    ("systemd-reboot*", _ANY, "adamant node reboot does that"),
    ("systemd-soft-reboot*", _ANY, "adamant node reboot does that"),
    ("systemd-kexec*", _ANY, "adamant node reboot does that"),
    ("systemd-suspend*", _ANY, "a node does not sleep"),
    ("systemd-hibernate*", _ANY, "a node does not sleep"),
    ("systemd-hybrid-sleep*", _ANY, "a node does not sleep"),
    ("emergency.service", _ANY, "it ends the running system"),
    ("rescue.service", _ANY, "it ends the running system"),
    ("debug-shell.service", _ANY, "there is no shell on a node"),
    ("initrd-*", _ANY, "it belongs to another stage of the boot"),
    ("systemd-journald*", _STOP, "logs would be lost: it can be restarted"),
    ("systemd-udevd*", _STOP, "devices would not be found: it can be restarted"),
    ("systemd-networkd*", _STOP, "nobody could reach the node: it can be restarted"),
)
"""Names (as in a shell) with what may not be done, and why. The first that fits counts."""


def whole_name(name: str) -> str:
    """The unit's name with its ending. Raises InputError `unit-malformed` or `unit-type`."""
    if not _NAME.fullmatch(name):
        raise InputError("unit-malformed", f"not a unit's name: {name[:80]!r}", hint="write one such as containerd")
    if name.endswith(_OTHERS):
        raise InputError("unit-type", f"{name} is no service", hint="services, sockets and timers can be acted on")
    return name if name.endswith(_ENDINGS) else f"{name}.service"


def check(verb: Verb, unit: str) -> None:
    """Raise BusyError `unit-protected` when nobody may do that."""
    for pattern, verbs, reason in REFUSED:
        if fnmatch.fnmatchcase(unit, pattern):
            if verb in verbs:
                raise BusyError("unit-protected", f"{unit} cannot be told to {verb}", context=reason)
            return


def act(events: Events, request: pb.ServiceRequest, call: Call) -> pb.ServiceResponse:
    """Answer Service. Raises also what Systemd.act raises."""
    verb = _VERBS.get(request.action)
    if verb is None:
        raise InputError("service-action", "no action is named", hint="name start, stop, restart or reload")
    unit = whole_name(request.unit)
    check(verb, unit)
    with Systemd() as systemd:
        before = _main_pid(systemd, _find(systemd, unit))
        if unit == AGENT:
            systemd.enqueue("restart", unit, "replace")
        else:
            systemd.act(verb, unit)
        found = _find(systemd, unit)
        answer = pb.ServiceResponse(
            unit=unit,
            active=found.active if found else "inactive",
            sub=found.sub if found else "dead",
            main_pid=_main_pid(systemd, found),
            main_pid_before=before,
        )
    fields = {"unit": unit, "state": answer.active, "client": call.who.name}
    events.publish(EVENT_KIND_SERVICE, f"{unit} was told to {verb}", fields)
    return answer


def _find(systemd: Systemd, unit: str) -> Unit | None:
    return next((found for found in systemd.units([], [unit]) if found.load == "loaded"), None)


def _main_pid(systemd: Systemd, unit: Unit | None) -> int:
    value: Any = systemd.get([(unit.path, "Service", "MainPID")])[0] if unit else None
    return value if isinstance(value, int) else 0
