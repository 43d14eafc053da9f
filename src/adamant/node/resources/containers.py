"""Containers and images, as the containerds of a machine have them, in all of their namespaces.

A containerd that is not there has none. One that is there and does not answer is an error, unless nobody asks for it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from adamant.api import resources_pb2 as pb
from adamant.node.containerd import containers_pb2, images_pb2, namespaces_pb2, tasks_pb2
from adamant.node.containerd.connection import Containerd
from adamant.node.containers.runtime import HOST, WORKLOAD, Runtime
from adamant.node.resources import masking
from adamant.node.resources.found import Found, Sources

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
    """Every container."""
    found = []
    for runtime, containerd, name in _asked(sources):
        request, response = containers_pb2.ListContainersRequest(), containers_pb2.ListContainersResponse
        made = containerd.call("containers.v1.Containers/List", request, response, name).containers
        asked = tasks_pb2.ListTasksRequest()
        tasks = containerd.call("tasks.v1.Tasks/List", asked, tasks_pb2.ListTasksResponse, name).tasks
        found += containers(runtime, name, made, tasks)
    return found


def collect_images(sources: Sources) -> list[Found]:
    """Every image."""
    found = []
    for runtime, containerd, name in _asked(sources):
        request, response = images_pb2.ListImagesRequest(), images_pb2.ListImagesResponse
        found += images(runtime, name, containerd.call("images.v1.Images/List", request, response, name).images)
    return found
