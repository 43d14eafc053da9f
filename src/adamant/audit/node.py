"""Facts of a node, by its API: nothing is changed, and the role reader is enough."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from adamant.api.client import Node
from adamant.api.resources import Resource
from adamant.audit.facts import (
    Differing,
    Held,
    Listening,
    LoadedModule,
    Mounted,
    NodeFacts,
    Running,
    UnitState,
)
from adamant.model import hardening, kernel_line
from adamant.model.arch import Arch
from adamant.model.errors import AdamantError, UnreachableError

_ADDRESS = re.compile(r"\[?([0-9A-Fa-f:.%a-z]*?)\]?:([0-9]{1,5})")
_KERNEL_THREADS = 2
"""The process that all threads of the kernel come from (proc(5))."""
_NO_DRIFT = ("activating", "failed")
"""States of units that are under way, or that a rule of its own speaks of."""
_UNIT_SUFFIXES = (".service", ".scope", ".socket", ".mount")


def read(node: Node, now_usec: int) -> NodeFacts:
    """What the node tells. `now_usec` is the time, in microseconds since the Unix epoch.

    Raises UnreachableError, and what the node says when it refuses. A kind that it does not know or cannot tell is
    noted and stays None.
    """
    return _Asking(node).facts(now_usec)


class _Asking:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._untold: dict[str, str] = {}

    def facts(self, now_usec: int) -> NodeFacts:
        version, boot = self._node.version(), self._node.boot()
        got = {kind: self._get(kind) for kind in (*MAKERS, "sysctls", "config-generations")}
        made: dict[str, Any] = {
            kind: None if (found := got[kind]) is None else make(found) for kind, make in MAKERS.items()
        }
        config = (made["protections"] or {}).get("kernel-config", "").split()
        return NodeFacts(
            name=version.hostname or self._node.address,
            posture=version.posture,
            arch=Arch(version.arch) if version.arch in set(Arch) else None,
            now_usec=now_usec,
            untold=self._untold,
            root_hash=boot.root_hash,
            verity=boot.verity.value,
            secure_boot=boot.secure_boot.value,
            arguments=made["kernel-arguments"],
            protections=made["protections"],
            kernel_config=dict(pair for word in config if len(pair := _pair(word)) == 2),
            mounts=made["mounts"],
            listening=made["sockets"],
            processes=made["processes"],
            units=made["services"],
            sysctls=self._sysctls([setting.name for setting in hardening.SETTINGS]),
            modules=made["modules"],
            certificates=made["certificates"],
            failing=made["health"],
            drift=self._drift({kind: got[kind] for kind in ("services", "sysctls", "config-generations")}),
            packages=made["packages"],
        )

    def _get(self, kind: str, names: Collection[str] = ()) -> tuple[Resource, ...] | None:
        try:
            return self._node.get(kind, names).resources
        except UnreachableError:
            raise
        except AdamantError as error:
            self._untold[kind] = f"{error.message} [{error.reference}]"
            return None

    def _sysctls(self, names: list[str]) -> dict[str, str] | None:
        """Values of the settings that the kernel has. One that it has not makes the node refuse all: so halves."""
        found = self._get_sysctls(names)
        return {name: value for name, value in found.items() if value is not None} if found is not None else None

    def _get_sysctls(self, names: list[str]) -> dict[str, str | None] | None:
        try:
            return {
                r.name: _text(_actual(r), "value") if r.actual is not None else None
                for r in self._node.get("sysctls", names).resources
            }
        except UnreachableError:
            raise
        except AdamantError as error:
            if error.reference != "resource-unknown":
                self._untold["sysctls"] = f"{error.message} [{error.reference}]"
                return None
        if len(names) == 1:
            return {}
        half = len(names) // 2
        parts = [self._get_sysctls(names[:half]), self._get_sysctls(names[half:])]
        return None if None in parts else {name: value for part in parts if part for name, value in part.items()}

    def _drift(self, got: Mapping[str, tuple[Resource, ...] | None]) -> tuple[Differing, ...] | None:
        """What differs from image and config, but for what rules of their own speak of: mounts, hardening, failures."""
        try:
            statuses = self._node.config_status().statuses
        except UnreachableError:
            raise
        except AdamantError as error:
            self._untold["drift"] = f"{error.message} [{error.reference}]"
            return None
        hardened = {setting.name for setting in hardening.SETTINGS}
        differing = []
        for kind, found in got.items():
            if found is None:
                self._untold["drift"] = self._untold[kind]
                return None
            differing += [
                Differing(f"{kind} {r.name}", r.reason)
                for r in found
                if r.reason and r.desired and r.name not in hardened and _text(_actual(r), "active") not in _NO_DRIFT
            ]
        differing += [
            Differing(f"{s.kind} {s.name}", s.reason or f"it is {s.actual or 'not there'}, not {s.desired}")
            for s in statuses
            if not s.equal
        ]
        return tuple({found.what: found for found in differing}.values())


def _actual(resource: Resource) -> dict[str, Any]:
    return resource.actual or {}


def _text(actual: dict[str, Any], field: str) -> str:
    """A field of a resource, which may be of another kind than was asked for: a node is believed no form."""
    found = actual.get(field, "")
    return found if isinstance(found, str) else ""


def _number(actual: dict[str, Any], field: str) -> int:
    found = actual.get(field, 0)
    return found if isinstance(found, int) else 0


def _texts(actual: dict[str, Any], field: str) -> frozenset[str]:
    found = actual.get(field, ())
    return frozenset(word for word in found if isinstance(word, str)) if isinstance(found, list) else frozenset()


def _pair(word: str) -> list[str]:
    return word.split("=", 1)


def _arguments(found: tuple[Resource, ...]) -> dict[str, tuple[str, ...]]:
    # One without actual waits for a reboot.
    ordered = sorted((r for r in found if r.actual is not None), key=lambda r: _number(_actual(r), "position"))
    named = [(r.name.partition("#")[0], _text(_actual(r), "value")) for r in ordered]
    return dict(kernel_line.by_name(f"{name}={value}" if value else name for name, value in named))


def _mount(resource: Resource) -> Mounted:
    actual = _actual(resource)
    # What is not said to be read-only counts as writable.
    writable = _text(actual, "access") != "read-only"
    return Mounted(resource.name, _text(actual, "type"), writable, _texts(actual, "options"))


def unit_of(cgroup: str) -> str:
    """The unit that a control group belongs to; empty when to none."""
    return next((part for part in cgroup.split("/") if part.endswith(_UNIT_SUFFIXES)), "")


def _socket(resource: Resource) -> Listening | None:
    actual = _actual(resource)
    kind, state = _text(actual, "type"), _text(actual, "state")
    is_open = state == "listen" if kind.startswith("tcp") else state == "open" and not _text(actual, "remote")
    match = _ADDRESS.fullmatch(_text(actual, "local"))
    if not kind.startswith(("tcp", "udp")) or not is_open or match is None:
        return None
    return Listening(kind[:3], match[1], int(match[2]), unit_of(_text(actual, "cgroup")))


def _of_kernel(resource: Resource) -> bool:
    return resource.name == "2" or _number(_actual(resource), "parent") == _KERNEL_THREADS


def _process(resource: Resource) -> Running:
    actual = _actual(resource)
    pid = int(resource.name) if resource.name.isascii() and resource.name.isdigit() and len(resource.name) < 20 else 0
    unit = unit_of(_text(actual, "cgroup"))
    return Running(pid, _text(actual, "name"), _text(actual, "user"), unit, _texts(actual, "capabilities"))


def _unit(resource: Resource) -> UnitState:
    wanted = (resource.desired or {}).get("active") == "active"
    return UnitState(resource.name, _text(_actual(resource), "active"), wanted, resource.reason)


def _module(resource: Resource) -> LoadedModule:
    actual = _actual(resource)
    return LoadedModule(
        resource.name, actual.get("signed") is True, _text(actual, "file"), foreign=actual.get("foreign") is True
    )


def _certificate(resource: Resource) -> Held:
    actual = _actual(resource)
    begins, ends = _number(actual, "not_before_usec"), _number(actual, "not_after_usec")
    return Held(resource.name, begins, ends, actual.get("authority") is True)


def _failing(found: tuple[Resource, ...]) -> tuple[Differing, ...]:
    checks = [(r.name, _actual(r)) for r in found]
    return tuple(Differing(name, _text(actual, "message")) for name, actual in checks if actual.get("state") != "ok")


MAKERS: Mapping[str, Callable[[tuple[Resource, ...]], Any]] = {
    "certificates": lambda found: tuple(map(_certificate, found)),
    "health": _failing,
    "kernel-arguments": _arguments,
    "modules": lambda found: tuple(_module(r) for r in found if r.actual is not None),
    "mounts": lambda found: tuple(_mount(r) for r in found if r.actual is not None),
    "packages": len,
    "processes": lambda found: tuple(_process(r) for r in found if not _of_kernel(r)),
    "protections": lambda found: {r.name: _text(_actual(r), "state") for r in found},
    "services": lambda found: tuple(map(_unit, found)),
    "sockets": lambda found: tuple(s for r in found if (s := _socket(r))),
}
"""What makes facts of the resources of a kind."""
