"""Types of the messages of crashes.proto. Made by scripts/generate from crashes.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class CrashCause(int, metaclass=EnumTypeWrapper): ...

CRASH_CAUSE_UNSPECIFIED: CrashCause
CRASH_CAUSE_PANIC: CrashCause
CRASH_CAUSE_UNKNOWN: CrashCause

class CrashesRequest(Message):
    def __init__(self) -> None: ...

class CrashesResponse(Message):
    crashes: RepeatedCompositeFieldContainer[Crash]
    def __init__(self, *, crashes: Iterable[Crash] | None = ...) -> None: ...

class CrashRequest(Message):
    boot_id: str
    def __init__(self, *, boot_id: str | None = ...) -> None: ...

class CrashResponse(Message):
    crash: Crash
    def __init__(self, *, crash: Crash | None = ...) -> None: ...

class Crash(Message):
    boot_id: str
    last_usec: int
    recorded_usec: int
    cause: CrashCause
    reason: str
    kernel: str
    journal: str
    pstore: bool
    def __init__(self, *, boot_id: str | None = ..., last_usec: int | None = ..., recorded_usec: int | None = ..., cause: CrashCause | None = ..., reason: str | None = ..., kernel: str | None = ..., journal: str | None = ..., pstore: bool | None = ...) -> None: ...
