"""Types of the messages of tasks.proto. Made by scripts/generate from tasks.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from adamant.node.containerd import types_pb2

DESCRIPTOR: FileDescriptor

class Status(int, metaclass=EnumTypeWrapper): ...

STATUS_UNKNOWN: Status
STATUS_CREATED: Status
STATUS_RUNNING: Status
STATUS_STOPPED: Status
STATUS_PAUSED: Status
STATUS_PAUSING: Status

class Process(Message):
    container_id: str
    id: str
    pid: int
    status: Status
    exit_status: int
    def __init__(self, *, container_id: str | None = ..., id: str | None = ..., pid: int | None = ..., status: Status | None = ..., exit_status: int | None = ...) -> None: ...

class ListTasksRequest(Message):
    filter: str
    def __init__(self, *, filter: str | None = ...) -> None: ...

class ListTasksResponse(Message):
    tasks: RepeatedCompositeFieldContainer[Process]
    def __init__(self, *, tasks: Iterable[Process] | None = ...) -> None: ...

class CreateTaskRequest(Message):
    container_id: str
    rootfs: RepeatedCompositeFieldContainer[types_pb2.Mount]
    stdin: str
    stdout: str
    stderr: str
    def __init__(self, *, container_id: str | None = ..., rootfs: Iterable[types_pb2.Mount] | None = ..., stdin: str | None = ..., stdout: str | None = ..., stderr: str | None = ...) -> None: ...

class CreateTaskResponse(Message):
    container_id: str
    pid: int
    def __init__(self, *, container_id: str | None = ..., pid: int | None = ...) -> None: ...

class StartRequest(Message):
    container_id: str
    def __init__(self, *, container_id: str | None = ...) -> None: ...

class StartResponse(Message):
    pid: int
    def __init__(self, *, pid: int | None = ...) -> None: ...

class KillRequest(Message):
    container_id: str
    signal: int
    all: bool
    def __init__(self, *, container_id: str | None = ..., signal: int | None = ..., all: bool | None = ...) -> None: ...

class WaitRequest(Message):
    container_id: str
    def __init__(self, *, container_id: str | None = ...) -> None: ...

class WaitResponse(Message):
    exit_status: int
    def __init__(self, *, exit_status: int | None = ...) -> None: ...

class DeleteTaskRequest(Message):
    container_id: str
    def __init__(self, *, container_id: str | None = ...) -> None: ...

class DeleteResponse(Message):
    id: str
    exit_status: int
    def __init__(self, *, id: str | None = ..., exit_status: int | None = ...) -> None: ...
