"""Types of the messages of power.proto. Made by scripts/generate from power.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class ResetPart(int, metaclass=EnumTypeWrapper): ...

RESET_PART_UNSPECIFIED: ResetPart
RESET_PART_CONFIG: ResetPart
RESET_PART_IDENTITY: ResetPart
RESET_PART_LOGS: ResetPart
RESET_PART_CONTAINERS: ResetPart
RESET_PART_VAR: ResetPart
RESET_PART_ALL: ResetPart
RESET_PART_ROOT: ResetPart

class RebootRequest(Message):
    reason: str
    def __init__(self, *, reason: str | None = ...) -> None: ...

class RebootResponse(Message):
    boot_id: str
    def __init__(self, *, boot_id: str | None = ...) -> None: ...

class ShutdownRequest(Message):
    reason: str
    def __init__(self, *, reason: str | None = ...) -> None: ...

class ShutdownResponse(Message):
    boot_id: str
    def __init__(self, *, boot_id: str | None = ...) -> None: ...

class ResetPreviewRequest(Message):
    parts: RepeatedScalarFieldContainer[ResetPart]
    keep: RepeatedScalarFieldContainer[str]
    def __init__(self, *, parts: Iterable[ResetPart] | None = ..., keep: Iterable[str] | None = ...) -> None: ...

class ResetItem(Message):
    part: ResetPart
    path: str
    size: int
    more: bool
    description: str
    def __init__(self, *, part: ResetPart | None = ..., path: str | None = ..., size: int | None = ..., more: bool | None = ..., description: str | None = ...) -> None: ...

class ResetPreviewResponse(Message):
    items: RepeatedCompositeFieldContainer[ResetItem]
    token: str
    unenrolled: bool
    kept: RepeatedScalarFieldContainer[str]
    more: bool
    def __init__(self, *, items: Iterable[ResetItem] | None = ..., token: str | None = ..., unenrolled: bool | None = ..., kept: Iterable[str] | None = ..., more: bool | None = ...) -> None: ...

class ResetRequest(Message):
    token: str
    reason: str
    def __init__(self, *, token: str | None = ..., reason: str | None = ...) -> None: ...

class ResetResponse(Message):
    boot_id: str
    def __init__(self, *, boot_id: str | None = ...) -> None: ...
