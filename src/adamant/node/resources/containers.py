"""Containers and images, as containerd has them, in all of its namespaces. A machine without containerd has none."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from adamant.api import resources_pb2 as pb
from adamant.node.containerd import containers_pb2, images_pb2, namespaces_pb2, tasks_pb2
from adamant.node.containerd.connection import Containerd
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
    namespace: str, made: Iterable[containers_pb2.Container], tasks: Iterable[tasks_pb2.Process]
) -> list[Found]:
    """The containers of a namespace with the states of their tasks."""
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
        )
        found.append(Found(f"{namespace}/{container.id}", message))
    return found


def images(namespace: str, made: Iterable[images_pb2.Image]) -> list[Found]:
    """The images of a namespace."""
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


def collect_containers(sources: Sources) -> list[Found]:
    """Every container."""
    found = []
    with Containerd(sources.root) as containerd:
        for name in _namespaces(containerd):
            request, response = containers_pb2.ListContainersRequest(), containers_pb2.ListContainersResponse
            made = containerd.call("containers.v1.Containers/List", request, response, name).containers
            asked = tasks_pb2.ListTasksRequest()
            tasks = containerd.call("tasks.v1.Tasks/List", asked, tasks_pb2.ListTasksResponse, name).tasks
            found += containers(name, made, tasks)
    return found


def collect_images(sources: Sources) -> list[Found]:
    """Every image."""
    found = []
    with Containerd(sources.root) as containerd:
        for name in _namespaces(containerd):
            request, response = images_pb2.ListImagesRequest(), images_pb2.ListImagesResponse
            found += images(name, containerd.call("images.v1.Images/List", request, response, name).images)
    return found
