"""Types of the messages of logs.proto. Made by scripts/generate from logs.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class FileType(int, metaclass=EnumTypeWrapper): ...

FILE_TYPE_UNSPECIFIED: FileType
FILE_TYPE_FILE: FileType
FILE_TYPE_FOLDER: FileType
FILE_TYPE_LINK: FileType
FILE_TYPE_SPECIAL: FileType

class LogsRequest(Message):
    units: RepeatedScalarFieldContainer[str]
    kernel: bool
    boot: int
    all_boots: bool
    since_usec: int
    until_usec: int
    lines: int
    priority: int
    contains: str
    after_cursor: str
    follow: bool
    def __init__(self, *, units: Iterable[str] | None = ..., kernel: bool | None = ..., boot: int | None = ..., all_boots: bool | None = ..., since_usec: int | None = ..., until_usec: int | None = ..., lines: int | None = ..., priority: int | None = ..., contains: str | None = ..., after_cursor: str | None = ..., follow: bool | None = ...) -> None: ...

class LogEntry(Message):
    time_usec: int
    monotonic_usec: int
    boot_id: str
    unit: str
    identifier: str
    priority: int
    pid: int
    message: str
    cursor: str
    def __init__(self, *, time_usec: int | None = ..., monotonic_usec: int | None = ..., boot_id: str | None = ..., unit: str | None = ..., identifier: str | None = ..., priority: int | None = ..., pid: int | None = ..., message: str | None = ..., cursor: str | None = ...) -> None: ...

class ListRequest(Message):
    path: str
    depth: int
    def __init__(self, *, path: str | None = ..., depth: int | None = ...) -> None: ...

class FileEntry(Message):
    path: str
    type: FileType
    mode: int
    uid: int
    gid: int
    size: int
    modified_usec: int
    target: str
    refused: str
    def __init__(self, *, path: str | None = ..., type: FileType | None = ..., mode: int | None = ..., uid: int | None = ..., gid: int | None = ..., size: int | None = ..., modified_usec: int | None = ..., target: str | None = ..., refused: str | None = ...) -> None: ...

class ReadRequest(Message):
    path: str
    offset: int
    length: int
    def __init__(self, *, path: str | None = ..., offset: int | None = ..., length: int | None = ...) -> None: ...

class Chunk(Message):
    data: bytes
    def __init__(self, *, data: bytes | None = ...) -> None: ...
