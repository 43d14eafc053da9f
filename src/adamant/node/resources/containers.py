"""Containers and images, as a machine's containerds have them in all of their namespaces, and those of the config.

A containerd that is not there has none. One that is there and does not answer is an error, unless nobody asks for it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from adamant.api import resources_pb2 as pb
from adamant.model.errors import AdamantError
from adamant.model.machine.document import AnyContainer, Machine, Restart
from adamant.node.containerd import containers_pb2, images_pb2, namespaces_pb2, tasks_pb2
from adamant.node.containerd.connection import Containerd
from adamant.node.containers import spec
from adamant.node.containers.runtime import HOST, WORKLOAD, Runtime
from adamant.node.resources import masking
from adamant.node.resources.desired import Wanted, beside, config
from adamant.node.resources.found import Found, Sources
from adamant.node.systemd import Systemd, Unit

_NAMESPACE = re.compile(r"[A-Za-z0-9._-]{1,76}")


def _usec(when: Any) -> int:
    """Microseconds since the Unix epoch of a timestamp; 0 for what fits no clock."""
    value = when.seconds * 1_000_000 + when.nanos // 1000
    return value if 0 < value < 1 << 62 else 0


def _state(status: int) -> str:
    try:
        return str(tasks_pb2.Status.Name(status)).removeprefix("STATUS_").lower()
    except ValueError:
        return str(status)


def containers(
    runtime: Runtime, namespace: str, made: Iterable[containers_pb2.Container], tasks: Iterable[tasks_pb2.Process]
) -> list[Found]:
    """The containers of a namespace of `runtime` with the states of their tasks."""
    running = {task.container_id or task.id: task for task in tasks}
    found = []
    for container in made:
        task = running.get(container.id)
        message = pb.Container(
            namespace=namespace,
            image=container.image,
            state=_state(task.status) if task else "none",
            pid=task.pid if task else 0,
            exit_code=task.exit_status if task else 0,
            runtime=container.runtime.name,
            created_usec=_usec(container.created_at),
            labels=masking.labels(container.labels),
            containerd=runtime.name,
        )
        found.append(Found(f"{namespace}/{container.id}", message))
    return found


def images(runtime: Runtime, namespace: str, made: Iterable[images_pb2.Image]) -> list[Found]:
    """The images of a namespace of `runtime`."""
    return [
        Found(
            f"{namespace}/{image.name}",
            pb.Image(
                namespace=namespace,
                digest=image.target.digest,
                media_type=image.target.media_type,
                size_bytes=max(0, image.target.size),
                created_usec=_usec(image.created_at),
                labels=masking.labels(image.labels),
                containerd=runtime.name,
            ),
        )
        for image in made
    ]


def _of_config(machine: Machine) -> Iterator[tuple[Runtime, AnyContainer]]:
    yield from ((WORKLOAD, container) for container in machine.containers)
    yield from ((HOST, container) for container in machine.host_containers.containers)


def wanted_containers(machine: Machine, ended: Collection[str] = ()) -> dict[str, Wanted]:
    """The containers of the config, but for those whose units have `ended` and were meant to."""
    made = {}
    for runtime, one in _of_config(machine):
        unit = spec.unit(one.name)
        if one.restart is Restart.ALWAYS or unit not in ended:
            message = pb.Container(
                namespace=runtime.namespace, image=one.image, state="running", containerd=runtime.name
            )
            made[f"{runtime.namespace}/{one.name}"] = Wanted(message, f"it does not run: adamant node logs {unit}")
    return made


def wanted_images(machine: Machine) -> dict[str, Wanted]:
    """The images of the containers of the config, with their digest where the config says it."""
    made = {}
    for runtime, one in _of_config(machine):
        digest = one.image.partition("@")[2]
        message = pb.Image(namespace=runtime.namespace, digest=digest, containerd=runtime.name)
        made[f"{runtime.namespace}/{one.image}"] = Wanted(message, "it was not pulled")
    return made


def ended(names: Collection[str], units: Sequence[Unit]) -> set[str]:
    """Which of the units `names` have come to a good end: `units` are those that systemd has not forgotten."""
    return set(names) - {unit.name for unit in units if unit.active != "inactive"}


def _ended(machine: Machine) -> set[str]:
    """Units of containers that may end, and did; all of these when systemd does not say."""
    names = [spec.unit(one.name) for _, one in _of_config(machine) if one.restart is not Restart.ALWAYS]
    if not names:
        return set()
    try:
        with Systemd() as systemd:
            return ended(names, systemd.units([], names))
    except AdamantError:
        return set(names)


def _namespaces(containerd: Containerd) -> Iterator[str]:
    if not containerd.there():
        return
    request, response = namespaces_pb2.ListNamespacesRequest(), namespaces_pb2.ListNamespacesResponse
    for namespace in containerd.call("namespaces.v1.Namespaces/List", request, response).namespaces:
        if _NAMESPACE.fullmatch(namespace.name):
            yield namespace.name


def _asked(sources: Sources) -> Iterator[tuple[Runtime, Containerd, str]]:
    """Each containerd that the names of `sources` may be of, with a connection, and each of its namespaces."""
    of_host = {name.startswith(f"{HOST.namespace}/") for name in sources.names} or {True, False}
    for runtime in (WORKLOAD, HOST):
        if (runtime is HOST) in of_host:
            with Containerd(sources.root, runtime) as containerd:
                for name in _namespaces(containerd):
                    yield runtime, containerd, name


def collect_containers(sources: Sources) -> list[Found]:
    """Every container, and those that the config wants."""
    found = []
    for runtime, containerd, name in _asked(sources):
        request, response = containers_pb2.ListContainersRequest(), containers_pb2.ListContainersResponse
        made = containerd.call("containers.v1.Containers/List", request, response, name).containers
        asked = tasks_pb2.ListTasksRequest()
        tasks = containerd.call("tasks.v1.Tasks/List", asked, tasks_pb2.ListTasksResponse, name).tasks
        found += containers(runtime, name, made, tasks)
    machine = config(sources.root)
    return beside(found, wanted_containers(machine, _ended(machine)))


def collect_images(sources: Sources) -> list[Found]:
    """Every image, and those that the config wants."""
    found = []
    for runtime, containerd, name in _asked(sources):
        request, response = images_pb2.ListImagesRequest(), images_pb2.ListImagesResponse
        found += images(runtime, name, containerd.call("images.v1.Images/List", request, response, name).images)
    return beside(found, wanted_images(config(sources.root)))
