"""Containers of a machine config, of either kind: for each the spec, its variables, and lines for its unit.

Everybody may read the lines. So they hold nothing that is made of the variables: a digest of a short secret is the
secret.
"""

from collections.abc import Callable, Sequence

from adamant.model.errors import InputError
from adamant.model.machine.document import AnyContainer, Container, ContainerNetwork, HostContainer, Restart, Sight
from adamant.model.machine.measures import bytes_of
from adamant.model.machine.secret import Secret
from adamant.node.config import volumes
from adamant.node.config.rendered import UNITS, File
from adamant.node.containers import spec
from adamant.node.containers.runtime import HOST, WORKLOAD, Runtime

_RESTART = {Restart.ALWAYS: "always", Restart.ON_FAILURE: "on-failure", Restart.NEVER: "no"}


def files(containers: Sequence[AnyContainer], reveal: Callable[[Secret], str], where: str) -> dict[str, File]:
    """The files of the containers, which stand at `where` in the document. Raises InputError `variable-lines`.

    `reveal` gives the text of a secret.
    """
    made: dict[str, File] = {}
    for index, container in enumerate(containers):
        runtime = runtime_of(container)
        variables = "".join(
            f"{name}={_line(reveal(value), f'$.{where}[{index}].environment.{name}')}\n"
            for name, value in sorted(container.environment.items())
        ).encode()
        made[runtime.spec(container.name)] = File(spec.encode(_spec(container, variables=bool(variables))), 0o600)
        if variables:
            made[runtime.variables(container.name)] = File(variables, 0o600)
        made[f"{UNITS}/{spec.unit(container.name)}.d/50-adamant-config.conf"] = File(_unit(container, runtime).encode())
    return made


def runtime_of(container: AnyContainer) -> Runtime:
    """The containerd that has it."""
    return HOST if isinstance(container, HostContainer) else WORKLOAD


def units(containers: Sequence[AnyContainer]) -> set[str]:
    """The units that run them."""
    return {spec.unit(container.name) for container in containers}


def ending(containers: Sequence[AnyContainer]) -> frozenset[str]:
    """Those of their units that are not started again once they have ended well."""
    return frozenset(spec.unit(each.name) for each in containers if each.restart is not Restart.ALWAYS)


def _spec(container: AnyContainer, *, variables: bool) -> spec.Spec:
    sees = container.sees if isinstance(container, HostContainer) else ()
    if isinstance(container, Container):
        network = container.network
    else:
        network = ContainerNetwork.HOST if Sight.NETWORK in sees else ContainerNetwork.NONE
    return spec.Spec(
        container.name,
        container.image,
        container.command,
        container.mounts,
        network,
        bytes_of(container.memory) if container.memory else 0,
        container.cpus or 0,
        container.privileged,
        variables,
        sees,
    )


def _line(value: str, path: str) -> str:
    if "\n" in value or "\r" in value:
        raise InputError("variable-lines", "the value has several lines, which a variable cannot have", context=path)
    return value


def _unit(container: AnyContainer, runtime: Runtime) -> str:
    lines = ["[Unit]", f"Description=Container {container.name}"]
    of_mounts = {unit for mount in container.mounts if (unit := volumes.unit_of(mount.source))}
    for unit in (runtime.unit, *sorted(of_mounts)):
        lines += [f"Requires={unit}", f"After={unit}"]
    lines += ["[Service]", f"Environment=CONTAINERD={runtime.name}", f"Slice={runtime.slice}"]
    lines += [f"Restart={_RESTART[container.restart]}", f"SyslogIdentifier={container.name}"]
    return "\n".join(lines) + "\n"
