"""The config's side of the API, and the thread that looks after the config while the agent runs.

The state partition is mounted after the agent has begun, so the store is opened when there is one. Whoever calls before
is told to come back. A machine that has no config pays one look at a file now and then, and loads none of this room.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from adamant.api import config_pb2 as pb
from adamant.api.events_pb2 import EVENT_KIND_CONFIG
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.model.machine.document import Machine
from adamant.model.machine.wire import from_wire
from adamant.node import health
from adamant.node.calls import Call
from adamant.node.config import gateway, plan, rendering, status
from adamant.node.config import journal as journals
from adamant.node.config.applier import Applier, this_boot
from adamant.node.config.generations import FOLDER, Generation, Store, Why
from adamant.node.config.host import Host
from adamant.node.config.journal import NONE, Mode
from adamant.node.events import Events
from adamant.node.systemd import Systemd

_MODES = {
    pb.CONFIG_MODE_UNSPECIFIED: Mode.NOW,
    pb.CONFIG_MODE_NOW: Mode.NOW,
    pb.CONFIG_MODE_TRY: Mode.TRY,
    pb.CONFIG_MODE_BOOT: Mode.BOOT,
}


def failing(root: Path) -> Mapping[str, str]:
    """What is not well on this machine: its health checks, and whether it can be reached."""
    found = {check.name: check.message for check in health.judge(health.look(root)) if check.state != health.OK}
    return {**found, **gateway.missing(root)}


def _manager() -> Systemd:
    """A connection to PID 1 that waits for an answer as long as for a job: a silent one makes a config go back."""
    return Systemd(seconds=limits.UNIT_SECONDS)


class Service:
    """Handlers over the applier of this machine. `wake` is called when something is due sooner than before."""

    def __init__(self, root: Path, events: Events, wake: Callable[[], None]) -> None:
        def tell(message: str, fields: Mapping[str, str]) -> None:
            events.publish(EVENT_KIND_CONFIG, message, fields)

        self._tell = tell
        self._wake = wake
        self._trouble = ""
        self._applier = Applier(
            Store(root / FOLDER),
            Host(root, _manager),
            rendering.renderer(root),
            lambda: failing(root),
            tell,
            this_boot(root),
        )

    def resume(self) -> None:
        """Bring the machine to what its journal says. Until then nothing can be applied."""
        try:
            self._applier.resume()
        except AdamantError as error:
            self._tell(f"the config cannot be brought up: {error}", {"reference": error.reference})

    def generation(self) -> int:
        """The generation that belongs on the machine now."""
        return journals.wanted(self._applier.journal)

    def machine(self) -> Machine:
        """The config that belongs on the machine now; an empty one when it has none."""
        number = self.generation()
        return Machine() if number == NONE else from_wire(self._applier.store.document(number))

    def handler(self, name: str) -> Callable[[Any, Call], Any]:
        """What answers the method `name`."""
        made: Mapping[str, Callable[[Any, Call], Any]] = {
            "Config": self.config,
            "ConfigHistory": self.history,
            "ConfigStatus": self.status,
            "ConfigPlan": self.plan,
            "ConfigApply": self.apply,
            "ConfigConfirm": self.confirm,
        }
        return made[name]

    def config(self, request: pb.ConfigRequest, _call: Call) -> pb.ConfigResponse:
        """The answer to Config."""
        number = request.generation or self._applier.journal.running
        if self._applier.journal.trial and not request.generation:
            number = journals.wanted(self._applier.journal)
        if number == NONE:
            return pb.ConfigResponse()
        found = self._applier.store.read(number)
        return pb.ConfigResponse(generation=_head(found), document=rendering.masked(found.document.encode()).decode())

    def history(self, request: pb.ConfigHistoryRequest, _call: Call) -> pb.ConfigHistoryResponse:
        """The answer to ConfigHistory."""
        journal, left = self._applier.journal, self._applier.remaining()
        return pb.ConfigHistoryResponse(
            generations=[_head(found) for found in self._applier.store.history(request.last)],
            running=journal.running,
            good=journal.good,
            next=journal.next,
            trial=journal.trial.generation if journal.trial else NONE,
            trial_left_usec=int(max(0.0, left or 0.0) * 1_000_000),
            under_way=journal.under_way.generation if journal.under_way else NONE,
        )

    def status(self, _request: pb.ConfigStatusRequest, _call: Call) -> pb.ConfigStatusResponse:
        """The answer to ConfigStatus."""
        number = journals.wanted(self._applier.journal)
        wanted = self._applier.rendered(number)
        units = []
        if wanted.started:
            with Systemd() as systemd:
                units = systemd.units([], sorted(wanted.started))
        return pb.ConfigStatusResponse(
            generation=number,
            statuses=[
                pb.ConfigStatus(
                    kind=found.kind,
                    name=found.name,
                    desired=found.desired,
                    actual=found.actual,
                    equal=not found.reason,
                    reason=found.reason,
                )
                for found in status.look(self._applier.host, wanted, units)
            ],
        )

    def _changed(self, change: pb.ConfigChange) -> tuple[bytes, Why, int]:
        """The document that a change asks for, why, and the generation that it brings back."""
        match change.WhichOneof("change"):
            case "document":
                return rendering.canonical(change.document.encode()), Why.APPLY, NONE
            case "unset":
                running = self._applier.store.document(self._applier.journal.running)
                return rendering.unset(running, list(change.unset.paths)), Why.UNSET, NONE
            case "revert":
                # A generation may be of another version of Adamant: it is checked as a new one.
                return rendering.canonical(self._applier.store.document(change.revert)), Why.REVERT, change.revert
            case _:
                raise InputError("config-change-missing", "the request names no change of the config")

    def plan(self, request: pb.ConfigPlanRequest, _call: Call) -> pb.ConfigPlanResponse:
        """The answer to ConfigPlan."""
        document, _why, _of = self._changed(request.change)
        number = self._applier.journal.running
        before = self._applier.store.document(number)
        made = plan.make(
            rendering.differences(before, document), self._applier.rendered(number), self._applier.render(document)
        )
        kinds = (("added", made.files.added), ("changed", made.files.changed), ("removed", made.files.removed))
        return pb.ConfigPlanResponse(
            running=number,
            keys=[pb.ConfigKeyChange(path=key.path, before=_json(key.old), after=_json(key.new)) for key in made.keys],
            files=[pb.ConfigFileChange(path=f"/{path}", change=kind) for kind, paths in kinds for path in paths],
            actions=[str(action) for action in made.actions],
            reboot=made.reboot,
        )

    def apply(self, request: pb.ConfigApplyRequest, call: Call) -> pb.ConfigApplyResponse:
        """The answer to ConfigApply."""
        mode = _MODES.get(request.mode)
        if mode is None:
            raise InputError("config-mode", f"this node knows no mode {request.mode}")
        self._applier.await_resume(limits.CONFIG_RESUME_SECONDS)
        document, why, of = self._changed(request.change)
        try:
            done = self._applier.apply(
                document,
                call.who.name,
                why=why,
                mode=mode,
                seconds=request.trial_usec / 1_000_000,
                base=request.base if request.HasField("base") else None,
                of=of,
            )
        finally:
            self._wake()
        return pb.ConfigApplyResponse(generation=done.generation, state=done.state.value, reboot=done.reboot)

    def confirm(self, request: pb.ConfigConfirmRequest, call: Call) -> pb.ConfigConfirmResponse:
        """The answer to ConfigConfirm."""
        end = self._applier.cancel if request.cancel else self._applier.confirm
        return pb.ConfigConfirmResponse(generation=end(call.who.name))

    def tend(self) -> float:
        """Do what is due. Returns the seconds until something is due again."""
        try:
            self._applier.tend()
            self._trouble = ""
        except AdamantError as error:
            if str(error) != self._trouble:  # the same every half minute is one event
                self._trouble = str(error)
                self._tell(f"the config cannot be looked after: {error.message}", {"reference": error.reference})
        left = self._applier.remaining()
        return limits.CONFIG_TEND_SECONDS if left is None else max(0.1, min(limits.CONFIG_TEND_SECONDS, left))


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _head(found: Generation) -> pb.Generation:
    return pb.Generation(
        number=found.number,
        created_usec=found.created_usec,
        by=found.by,
        why=found.why.value,
        sha256=found.sha256,
        of=found.of,
    )
