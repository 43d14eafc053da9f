"""Containers of a machine config: for each the spec, its variables, and lines for the unit that runs it.

The lines name the spec's digest, so that the unit is started again when the spec changes.
"""

from collections.abc import Callable, Sequence

from adamant.model.digest import sha256
from adamant.model.errors import InputError
from adamant.model.machine.document import Container, Restart
from adamant.model.machine.measures import bytes_of
from adamant.model.machine.secret import Secret
from adamant.node.config import volumes
from adamant.node.config.rendered import UNITS, File
from adamant.node.containers import spec

_RESTART = {Restart.ALWAYS: "always", Restart.ON_FAILURE: "on-failure", Restart.NEVER: "no"}


def files(containers: Sequence[Container], reveal: Callable[[Secret], str]) -> dict[str, File]:
    """The files of the containers. `reveal` gives the text of a secret. Raises InputError `variable-lines`."""
    made: dict[str, File] = {}
    for index, container in enumerate(containers):
        variables = "".join(
            f"{name}={_line(reveal(value), f'$.containers[{index}].environment.{name}')}\n"
            for name, value in sorted(container.environment.items())
        ).encode()
        data = spec.encode(
            spec.Spec(
                container.name,
                container.image,
                container.command,
                container.mounts,
                container.network,
                bytes_of(container.memory) if container.memory else 0,
                container.cpus or 0,
                container.privileged,
                bool(variables),
            )
        )
        made[spec.place(container.name)] = File(data, 0o600)
        if variables:
            made[spec.variables(container.name)] = File(variables, 0o600)
        lines = _unit(container, sha256(data + variables))
        made[f"{UNITS}/{spec.unit(container.name)}.d/50-adamant-config.conf"] = File(lines.encode())
    return made


def units(containers: Sequence[Container]) -> set[str]:
    """The units that run them."""
    return {spec.unit(container.name) for container in containers}


def ending(containers: Sequence[Container]) -> frozenset[str]:
    """Those of their units that are not started again once they have ended well."""
    return frozenset(spec.unit(each.name) for each in containers if each.restart is not Restart.ALWAYS)


def _line(value: str, path: str) -> str:
    if "\n" in value or "\r" in value:
        raise InputError("variable-lines", "the value has several lines, which a variable cannot have", context=path)
    return value


def _unit(container: Container, digest: str) -> str:
    lines = [f"# Of the spec {digest}", "[Unit]", f"Description=Container {container.name}"]
    for unit in sorted({unit for mount in container.mounts if (unit := volumes.unit_of(mount.source))}):
        lines += [f"Requires={unit}", f"After={unit}"]
    lines += ["[Service]", f"Restart={_RESTART[container.restart]}", f"SyslogIdentifier={container.name}"]
    if container.privileged:  # ctr gives it the rights that it has itself
        lines += ["CapabilityBoundingSet=~", "NoNewPrivileges=no", "SystemCallFilter="]
    return "\n".join(lines) + "\n"
