"""Containers of a namespace of containerd, and the tasks that run in them."""

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from adamant.model.errors import AdamantError
from adamant.node.containerd import containers_pb2, images, tasks_pb2, types_pb2
from adamant.node.containerd.connection import Containerd, Refused

_RUNTIME = "io.containerd.runc.v2"
_SPEC = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
_OPTIONS = "containerd.runc.v1.Options"


class Wanted(NamedTuple):
    """A container to be made. `bundle` is what it is to runc; `snapshot` is what its own file system lies on."""

    name: str
    image: str
    snapshot: str
    runc_root: Path
    of_systemd: bool


class Tasks:
    """The containers of the namespace that `containerd` is for, each with a file system of `snapshotter`."""

    def __init__(self, containerd: Containerd, snapshotter: str = "overlayfs") -> None:
        self._containerd = containerd
        self._snapshotter = snapshotter

    def prepare(self, wanted: Wanted) -> Sequence[types_pb2.Mount]:
        """Make its file system. Returns how it is mounted."""
        return images.prepare(self._containerd, self._snapshotter, wanted.name, wanted.snapshot)

    def create(
        self, wanted: Wanted, bundle: dict[str, Any], mounts: Sequence[types_pb2.Mount], out: Path, err: Path
    ) -> int:
        """Make the container and its task, which waits to be started and writes to the pipes. Returns its process."""
        options = containers_pb2.RuncOptions(root=str(wanted.runc_root), systemd_cgroup=wanted.of_systemd)
        container = containers_pb2.Container(
            id=wanted.name,
            image=wanted.image,
            runtime=containers_pb2.Runtime(
                name=_RUNTIME, options=types_pb2.Any(type_url=_OPTIONS, value=options.SerializeToString())
            ),
            spec=types_pb2.Any(type_url=_SPEC, value=json.dumps(bundle).encode()),
            snapshotter=self._snapshotter,
            snapshot_key=wanted.name,
        )
        made = containers_pb2.CreateContainerRequest(container=container)
        self._containerd.call("containers.v1.Containers/Create", made, containers_pb2.CreateContainerResponse)
        task = tasks_pb2.CreateTaskRequest(container_id=wanted.name, rootfs=mounts, stdout=str(out), stderr=str(err))
        answer = self._call("Create", task, tasks_pb2.CreateTaskResponse)
        return int(answer.pid)

    def start(self, name: str) -> None:
        """Start the task of a container. Raises AdamantError when its program cannot be started."""
        self._call("Start", tasks_pb2.StartRequest(container_id=name), tasks_pb2.StartResponse)

    def kill(self, name: str, number: int, *, every: bool = False) -> None:
        """Send a signal to the program of a container, or to every process in it; to one that has ended, nothing."""
        self._containerd.drop("tasks.v1.Tasks/Kill", tasks_pb2.KillRequest(container_id=name, signal=number, all=every))

    def delete(self, name: str) -> int:
        """Wait for the end of a container's program, and remove its task. Returns the exit code, 128 and more for a
        signal.
        """
        self._call("Wait", tasks_pb2.WaitRequest(container_id=name), tasks_pb2.WaitResponse)
        answer = self._call("Delete", tasks_pb2.DeleteTaskRequest(container_id=name), tasks_pb2.DeleteResponse)
        return int(answer.exit_status)

    def remove(self, name: str) -> None:
        """End a container and remove what is left of it, if it is there."""
        try:
            self.kill(name, signal.SIGKILL, every=True)
            self.delete(name)
        except Refused as error:
            if not error.missing:
                raise
        self.forget(name)

    def forget(self, name: str) -> None:
        """Remove a container without a task, and its file system, if they are there."""
        self._containerd.drop("containers.v1.Containers/Delete", containers_pb2.DeleteContainerRequest(id=name))
        images.remove_snapshot(self._containerd, self._snapshotter, name)

    def _call(self, method: str, request: Any, response: type[Any]) -> Any:
        return self._containerd.call(f"tasks.v1.Tasks/{method}", request, response)


def failed_start(name: str, error: Exception) -> AdamantError:
    """The error of a container whose program could not be started."""
    return AdamantError("container-start", f"the container {name} cannot be started: {error}"[:600])
