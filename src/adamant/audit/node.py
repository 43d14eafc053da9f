"""Facts of a node, by its API: nothing is changed, and the role reader is enough."""

import re
from collections.abc import Callable, Collection
from typing import Any, TypeVar

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

T = TypeVar("T")

_ADDRESS = re.compile(r"\[?([0-9A-Fa-f:.%a-z]*?)\]?:([0-9]{1,5})")
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
        protections = self._kind("protections", lambda found: {r.name: _actual(r).get("state", "") for r in found})
        listed_sysctls = self._get("sysctls")
        services = self._get("services")
        packages = self._kind("packages", len)
        return NodeFacts(
            name=version.hostname or self._node.address,
            posture=version.posture,
            arch=Arch(version.arch) if version.arch in set(Arch) else None,
            now_usec=now_usec,
            untold=self._untold,
            root_hash=boot.root_hash,
            verity=boot.verity.value,
            secure_boot=boot.secure_boot.value,
            arguments=self._kind("kernel-arguments", _arguments),
            protections=protections,
            kernel_config=dict(
                pair for word in (protections or {}).get("kernel-config", "").split() if len(pair := _pair(word)) == 2
            ),
            mounts=self._kind("mounts", lambda found: tuple(_mount(r) for r in found if r.actual is not None)),
            listening=self._kind("sockets", lambda found: tuple(s for r in found if (s := _socket(_actual(r))))),
            processes=self._kind("processes", lambda found: tuple(_process(r) for r in found if not _of_kernel(r))),
            units=None if services is None else tuple(_unit(r) for r in services),
            sysctls=self._sysctls([setting.name for setting in hardening.SETTINGS]),
            modules=self._kind("modules", lambda found: tuple(_module(r) for r in found)),
            certificates=self._kind("certificates", lambda found: tuple(_certificate(r) for r in found)),
            failing=self._kind("health", _failing),
            drift=self._drift(services, listed_sysctls),
            packages=packages or 0,
        )

    def _get(self, kind: str, names: Collection[str] = ()) -> tuple[Resource, ...] | None:
        try:
            return self._node.get(kind, names).resources
        except UnreachableError:
            raise
        except AdamantError as error:
            self._untold[kind] = f"{error.message} [{error.reference}]"
            return None

    def _kind(self, kind: str, make: Callable[[tuple[Resource, ...]], T]) -> T | None:
        found = self._get(kind)
        return None if found is None else make(found)

    def _sysctls(self, names: list[str]) -> dict[str, str] | None:
        """Values of the settings that the kernel has. One that it has not makes the node refuse all: so halves."""
        found = self._get_sysctls(names)
        return {name: value for name, value in found.items() if value is not None} if found is not None else None

    def _get_sysctls(self, names: list[str]) -> dict[str, str | None] | None:
        try:
            return {r.name: _actual(r).get("value") for r in self._node.get("sysctls", names).resources}
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

    def _drift(
        self, services: tuple[Resource, ...] | None, sysctls: tuple[Resource, ...] | None
    ) -> tuple[Differing, ...] | None:
        """What differs from image and config, but for what rules of their own speak of: mounts, hardening, failures."""
        generations = self._get("config-generations")
        try:
            statuses = self._node.config_status().statuses
        except UnreachableError:
            raise
        except AdamantError as error:
            self._untold["drift"] = f"{error.message} [{error.reference}]"
            return None
        for kind, found in (("services", services), ("sysctls", sysctls), ("config-generations", generations)):
            if found is None:
                self._untold["drift"] = self._untold[kind]
                return None
        hardened = {setting.name for setting in hardening.SETTINGS}
        differing = [
            Differing(f"{kind} {r.name}", r.reason)
            for kind, found in (("service", services), ("sysctl", sysctls), ("config", generations))
            for r in found or ()
            if r.reason and r.name not in hardened and _actual(r).get("active") not in ("failed", "activating")
        ]
        differing += [
            Differing(f"{s.kind} {s.name}", s.reason or f"it is {s.actual or 'not there'}, not {s.desired}")
            for s in statuses
            if not s.equal
        ]
        return tuple({found.what: found for found in differing}.values())


def _actual(resource: Resource) -> dict[str, Any]:
    return resource.actual or {}


def _pair(word: str) -> list[str]:
    return word.split("=", 1)


def _arguments(found: tuple[Resource, ...]) -> dict[str, tuple[str, ...]]:
    ordered = sorted(found, key=lambda r: int(_actual(r).get("position", 0)))
    named = [(r.name.partition("#")[0], _actual(r).get("value", "")) for r in ordered]
    return dict(kernel_line.by_name(f"{name}={value}" if value else name for name, value in named))


def _mount(resource: Resource) -> Mounted:
    actual = _actual(resource)
    return Mounted(resource.name, actual["type"], actual["access"] == "writable", frozenset(actual["options"]))


def unit_of(cgroup: str) -> str:
    """The unit that a control group belongs to; empty when to none."""
    return next((part for part in cgroup.split("/") if part.endswith(_UNIT_SUFFIXES)), "")


def _socket(actual: dict[str, Any]) -> Listening | None:
    kind, state = actual.get("type", ""), actual.get("state", "")
    is_open = state == "listen" if kind.startswith("tcp") else state == "open" and not actual.get("remote")
    match = _ADDRESS.fullmatch(actual.get("local", ""))
    if not kind.startswith(("tcp", "udp")) or not is_open or match is None:
        return None
    return Listening(kind[:3], match[1], int(match[2]), unit_of(actual.get("cgroup", "")))


def _of_kernel(resource: Resource) -> bool:
    return resource.name == "2" or _actual(resource).get("parent") == 2


def _process(resource: Resource) -> Running:
    actual = _actual(resource)
    return Running(
        int(resource.name), actual["name"], actual["user"], unit_of(actual["cgroup"]), frozenset(actual["capabilities"])
    )


def _unit(resource: Resource) -> UnitState:
    wanted = (resource.desired or {}).get("active") == "active"
    return UnitState(resource.name, _actual(resource).get("active", ""), wanted, resource.reason)


def _module(resource: Resource) -> LoadedModule:
    actual = _actual(resource)
    return LoadedModule(resource.name, actual["signed"], actual["file"])


def _certificate(resource: Resource) -> Held:
    actual = _actual(resource)
    return Held(resource.name, actual["not_before_usec"], actual["not_after_usec"], actual["authority"])


def _failing(found: tuple[Resource, ...]) -> tuple[Differing, ...]:
    checks = [(r.name, _actual(r)) for r in found]
    return tuple(Differing(name, actual.get("message", "")) for name, actual in checks if actual.get("state") != "ok")
