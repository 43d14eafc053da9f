"""What the types of a machine config cannot say: values that must fit together, and what the posture allows.

`check` is run where the config is written and again on the machine. Its errors hold the path in the document.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from adamant.model.errors import InputError
from adamant.model.machine import accounts, allowed, secret
from adamant.model.machine.document import AnyContainer, HealthCheck, Interface, Kernel, Machine, Network, Unit
from adamant.model.machine.measures import bytes_of
from adamant.model.posture import RULES, Posture

_LINES = frozenset({"ca", "command", "content", "dropIn", "environment", "password", "secret", "trusted"})
"""Keys below which a text may have several lines."""
_UNITS = frozenset({"host-containerd.service"})
"""Units of Adamant's own whose names do not say so."""
LEAST_HOST_MEMORY = "128M"
"""Of host containers: their containerd alone needs a third of it."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_VARIABLE = re.compile(r'(?P<quote>"?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)=[^"\'\\\s]*(?P=quote)')


def check(machine: Machine, posture: Posture | None = None) -> None:
    """Raises InputError for a config that cannot be. Without a posture, only what holds in every one is checked."""
    _texts(machine, "$")
    _network(machine.network)
    _once("users", (user.name for user in machine.users))
    accounts.check(machine.users)
    _once("registries", (registry.host for registry in machine.registries))
    _once("volumes", (volume.name for volume in machine.volumes))
    _once("files", (file.path for file in machine.files))
    _once("units", (unit.name for unit in machine.units))
    _once("health", (check.name for check in machine.health))
    named = [*_containers(machine)]
    _once("", (container.name for _, container in named), [path for path, _ in named])
    for index, volume in enumerate(machine.volumes):
        disk = volume.disk
        if not (disk.id or disk.label or disk.serial):
            raise InputError(
                "volume-disk",
                "the disk is not named",
                context=f"$.volumes[{index}].disk",
                hint="give id, label or serial",
            )
    for index, registry in enumerate(machine.registries):
        if registry.auth is not None:
            secret.check(registry.auth.password, f"$.registries[{index}].auth.password")
    places = {file.path for file in machine.files}
    for index, file in enumerate(machine.files):
        above = next((up for up in _above(file.path) if up in places), None)
        if above is not None:
            raise InputError(
                "file-below-file", f"{above} is a file, and holds no other", context=f"$.files[{index}].path"
            )
        _file(machine, index)
        secret.check(file.secret, f"$.files[{index}].secret")
    for index, unit in enumerate(machine.units):
        _unit(unit, f"$.units[{index}]")
    for index, one in enumerate(machine.health):
        _health(machine, one, f"$.health[{index}]")
    for path, container in named:
        _container(container, path)
    if bytes_of(machine.host_containers.limits.memory) < bytes_of(LEAST_HOST_MEMORY):
        raise InputError(
            "host-memory",
            f"host containers and their containerd need {LEAST_HOST_MEMORY} or more",
            context="$.hostContainers.limits.memory",
            hint="all of them share it",
        )
    if posture is not None:
        _posture(machine, posture)


def _texts(value: Any, path: str, lines: bool = False) -> None:
    """No text holds what ends a line of a file that is made from it, or a C string.

    Patterns cannot say so: in Python, `$` fits before a newline at the end too.
    """
    match value:
        case str():
            if (_NOT_LINES if lines else _CONTROL).search(value):
                raise InputError("text-control", "a text holds a character that cannot be printed", context=path)
        case Struct():
            for field in fields(value):
                key = field.encode_name
                _texts(getattr(value, field.name), f"{path}.{key}", lines or key in _LINES)
        case tuple():
            for index, item in enumerate(value):
                _texts(item, f"{path}[{index}]", lines)
        case dict():
            for key, item in value.items():
                _texts(key, path)
                _texts(item, f"{path}.{key}", lines)


def _containers(machine: Machine) -> Iterator[tuple[str, AnyContainer]]:
    """The containers of both kinds, each with its path."""
    for index, container in enumerate(machine.containers):
        yield f"$.containers[{index}]", container
    for index, host in enumerate(machine.host_containers.containers):
        yield f"$.hostContainers.containers[{index}]", host


def _container(container: AnyContainer, path: str) -> None:
    for name, value in container.environment.items():
        secret.check(value, f"{path}.environment.{name}")
    for number, mount in enumerate(container.mounts):
        for key, place in (("source", mount.source), ("target", mount.target)):
            _plain_path(place, f"{path}.mounts[{number}].{key}")
    _once(f"{path.removeprefix('$.')}.mounts", (mount.target for mount in container.mounts))


def _plain_path(place: str, path: str) -> None:
    if any(part in {"", ".", ".."} for part in place.split("/")[1:]):
        raise InputError("path-not-plain", f"not a plain path: {place}", context=path)


def _above(place: str) -> Iterable[str]:
    """The folders that hold `place`."""
    parts = place.split("/")
    return ("/".join(parts[:length]) for length in range(2, len(parts)))


def _once(field: str, names: Iterable[str], paths: Sequence[str] = ()) -> None:
    """Each of `names` is there once. They stand in the list `field`, or at `paths`."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            path = paths[index] if paths else f"$.{field}[{index}]"
            raise InputError("listed-twice", f"{name} is listed twice", context=path)
        seen.add(name)


def _network(network: Network) -> None:
    _once("network.interfaces", (one.name or one.mac or "" for one in network.interfaces))
    made = {one.name for one in network.interfaces if one.bond or one.bridge}
    taken: set[str] = set()
    for index, one in enumerate(network.interfaces):
        path = f"$.network.interfaces[{index}]"
        _interface(one, path)
        for kind, links in (
            ("bond", one.bond.links if one.bond else ()),
            ("bridge", one.bridge.links if one.bridge else ()),
        ):
            for number, link in enumerate(links):
                if link in taken or link == one.name:
                    raise InputError(
                        "link-twice", f"{link} belongs to two links", context=f"{path}.{kind}.links[{number}]"
                    )
                taken.add(link)
    for index, one in enumerate(network.interfaces):
        if one.name in taken and (one.addresses or one.routes or one.dhcp):
            raise InputError(
                "link-in-another",
                f"{one.name} is part of a bond or bridge and has no addresses of its own",
                context=f"$.network.interfaces[{index}]",
                hint=f"give them to {', '.join(sorted(name for name in made if name)) or 'the bond or bridge'}",
            )


def _interface(one: Interface, path: str) -> None:
    if (one.name is None) == (one.mac is None):
        raise InputError("interface-name", "exactly one of name and mac must be given", context=path)
    kinds = [kind for kind in ("vlan", "bond", "bridge") if getattr(one, kind) is not None]
    if len(kinds) > 1:
        raise InputError("interface-kind", f"a link cannot be {' and '.join(kinds)} at once", context=path)
    if kinds and one.name is None:
        raise InputError("interface-name", f"a {kinds[0]} needs a name", context=path)
    for index, address in enumerate(one.addresses):
        _parse(ipaddress.ip_interface, address, f"{path}.addresses[{index}]")
    for index, route in enumerate(one.routes):
        if route.to is not None:
            _parse(ipaddress.ip_network, route.to, f"{path}.routes[{index}].to")
        if route.via is not None:
            _parse(ipaddress.ip_address, route.via, f"{path}.routes[{index}].via")
        if route.to is None and route.via is None:
            raise InputError("route-empty", "a route needs to or via", context=f"{path}.routes[{index}]")


def _parse(parser: object, text: str, path: str) -> None:
    assert callable(parser)
    try:
        parser(text)
    except ValueError as error:
        raise InputError("address-invalid", str(error), context=path) from error


def _file(machine: Machine, index: int) -> None:
    file, path = machine.files[index], f"$.files[{index}]"
    if (file.content is None) == (file.secret is None):
        raise InputError("content-or-secret", "exactly one of content and secret must be given", context=path)
    _plain_path(file.path, f"{path}.path")
    why = allowed.owner(file.path)
    if why:
        raise InputError("file-owned", f"{file.path} cannot be set by a config: {why}", context=f"{path}.path")
    if file.secret is not None and int(file.mode, 8) & 0o077:
        raise InputError(
            "secret-mode", "a secret file can be read by root alone", context=f"{path}.mode", hint="write 0600 or 0400"
        )


def _unit(unit: Unit, path: str) -> None:
    if (unit.content is None) == (unit.drop_in is None):
        raise InputError("content-or-drop-in", "exactly one of content and dropIn must be given", context=path)
    if unit.name.startswith("adamant-") or unit.name in _UNITS:
        raise InputError("unit-owned", f"{unit.name} is Adamant's own", context=f"{path}.name")


def _health(machine: Machine, one: HealthCheck, path: str) -> None:
    given = [kind for kind in ("unit", "http", "tcp", "container") if getattr(one, kind) is not None]
    if len(given) != 1:
        raise InputError("health-kind", "exactly one of unit, http, tcp and container must be given", context=path)
    if one.container is not None and one.container not in {c.name for _, c in _containers(machine)}:
        raise InputError("health-container", f"there is no container {one.container}", context=f"{path}.container")


def _posture(machine: Machine, posture: Posture) -> None:
    rules = RULES[posture]
    if machine.users and not rules.host_shell:
        raise _not_in(posture, "there is no login", "$.users")
    if machine.files and not rules.config_files:
        raise _not_in(posture, "files below /etc are those of the release", "$.files")
    if machine.host_containers.containers and not rules.host_containers:
        raise _not_in(posture, "there are no host containers", "$.hostContainers.containers")
    for path, container in _containers(machine):
        if container.privileged and not rules.privileged_containers:
            raise _not_in(posture, "no container has all rights", f"{path}.privileged")
    if rules.any_config:
        return
    for path, container in _containers(machine):
        for number, mount in enumerate(container.mounts):
            why = allowed.mount_refused(mount.source)
            if why:
                where = f"{path}.mounts[{number}].source"
                raise _not_in(posture, f"no container gets {mount.source}: it {why}", where)
    for index, unit in enumerate(machine.units):
        path = f"$.units[{index}]"
        if unit.content is not None:
            raise _not_in(posture, "units are those of the release", f"{path}.content", "run a container instead")
        if unit.drop_in is not None and not allowed.matches(unit.name, allowed.DROP_INS):
            known = ", ".join(allowed.DROP_INS)
            raise _not_in(posture, f"{unit.name} takes no lines", f"{path}.name", f"allowed: {known}")
        if unit.drop_in is not None:
            _drop_in(unit.drop_in, posture, f"{path}.dropIn")
    _kernel(machine.kernel, posture)


def _drop_in(text: str, posture: Posture, path: str) -> None:
    """Lines for a unit where units are the release's: such as no line can run a program (systemd.syntax(7))."""
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip()
        if words.endswith("\\"):
            raise _not_in(posture, f"line {number} goes on in the next", path, "write each line whole")
        if not words or words[0] in "#;" or words in {"[Unit]", "[Service]"}:
            continue
        key, _, value = (part.strip() for part in words.partition("="))
        if key == "Environment":
            match = _VARIABLE.fullmatch(value)
            if match is None or match["name"] not in allowed.VARIABLES:
                known = ", ".join(allowed.VARIABLES)
                raise _not_in(posture, f"line {number} sets another variable", path, f"allowed, one a line: {known}")
        elif not allowed.matches(key, allowed.DIRECTIVES):
            known = ", ".join(["Environment", *allowed.DIRECTIVES])
            raise _not_in(posture, f"line {number}: {key[:80]} may not be set", path, f"allowed: {known}")


def _kernel(kernel: Kernel, posture: Posture) -> None:
    for name in kernel.sysctls:
        path = f"$.kernel.sysctls.{name}"
        if name in allowed.SYSCTLS_REFUSED:
            raise _not_in(posture, f"{name} {allowed.SYSCTLS_REFUSED[name]}", path)
        if not allowed.matches(name, allowed.SYSCTLS):
            raise _not_in(posture, f"{name} may not be set", path, f"allowed: {', '.join(allowed.SYSCTLS)}")
    for index, word in enumerate(kernel.arguments):
        if not allowed.matches(word, allowed.ARGUMENTS):
            path = f"$.kernel.arguments[{index}]"
            raise _not_in(posture, f"{word} may not be added", path, f"allowed: {', '.join(allowed.ARGUMENTS)}")


def _not_in(posture: Posture, why: str, path: str, hint: str = "") -> InputError:
    return InputError("not-in-posture", f"not in the posture {posture.value}: {why}", context=path, hint=hint)
