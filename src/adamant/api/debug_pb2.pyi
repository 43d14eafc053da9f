"""Types of the messages of debug.proto. Made by scripts/generate from debug.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class DebugRequest(Message):
    start: DebugStart
    archive: bytes
    input: bytes
    window: DebugWindow
    def __init__(self, *, start: DebugStart | None = ..., archive: bytes | None = ..., input: bytes | None = ..., window: DebugWindow | None = ...) -> None: ...

class DebugStart(Message):
    image: str
    command: RepeatedScalarFieldContainer[str]
    terminal: bool
    window: DebugWindow
    seconds: int
    def __init__(self, *, image: str | None = ..., command: Iterable[str] | None = ..., terminal: bool | None = ..., window: DebugWindow | None = ..., seconds: int | None = ...) -> None: ...

class DebugWindow(Message):
    columns: int
    rows: int
    def __init__(self, *, columns: int | None = ..., rows: int | None = ...) -> None: ...

class DebugResponse(Message):
    status: str
    started: DebugStarted
    output: bytes
    errors: bytes
    exit_code: int
    def __init__(self, *, status: str | None = ..., started: DebugStarted | None = ..., output: bytes | None = ..., errors: bytes | None = ..., exit_code: int | None = ...) -> None: ...

class DebugStarted(Message):
    container: str
    digest: str
    seconds: int
    def __init__(self, *, container: str | None = ..., digest: str | None = ..., seconds: int | None = ...) -> None: ...
