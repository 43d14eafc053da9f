"""Types of the messages of containers.proto. Made by scripts/generate from containers.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from adamant.node.containerd import types_pb2

DESCRIPTOR: FileDescriptor

class Container(Message):
    id: str
    labels: MutableMapping[str, str]
    image: str
    runtime: Runtime
    spec: types_pb2.Any
    snapshotter: str
    snapshot_key: str
    created_at: types_pb2.Timestamp
    def __init__(self, *, id: str | None = ..., labels: Mapping[str, str] | None = ..., image: str | None = ..., runtime: Runtime | None = ..., spec: types_pb2.Any | None = ..., snapshotter: str | None = ..., snapshot_key: str | None = ..., created_at: types_pb2.Timestamp | None = ...) -> None: ...

class Runtime(Message):
    name: str
    options: types_pb2.Any
    def __init__(self, *, name: str | None = ..., options: types_pb2.Any | None = ...) -> None: ...

class RuncOptions(Message):
    root: str
    systemd_cgroup: bool
    def __init__(self, *, root: str | None = ..., systemd_cgroup: bool | None = ...) -> None: ...

class ListContainersRequest(Message):
    filters: RepeatedScalarFieldContainer[str]
    def __init__(self, *, filters: Iterable[str] | None = ...) -> None: ...

class ListContainersResponse(Message):
    containers: RepeatedCompositeFieldContainer[Container]
    def __init__(self, *, containers: Iterable[Container] | None = ...) -> None: ...

class CreateContainerRequest(Message):
    container: Container
    def __init__(self, *, container: Container | None = ...) -> None: ...

class CreateContainerResponse(Message):
    container: Container
    def __init__(self, *, container: Container | None = ...) -> None: ...

class DeleteContainerRequest(Message):
    id: str
    def __init__(self, *, id: str | None = ...) -> None: ...
