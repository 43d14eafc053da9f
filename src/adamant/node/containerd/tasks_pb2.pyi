"""Types of the messages of tasks.proto. Made by scripts/generate from tasks.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

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
