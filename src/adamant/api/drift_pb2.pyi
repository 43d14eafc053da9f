"""Types of the messages of drift.proto. Made by scripts/generate from drift.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class DriftChange(int, metaclass=EnumTypeWrapper): ...

DRIFT_CHANGE_UNSPECIFIED: DriftChange
DRIFT_CHANGE_ADDED: DriftChange
DRIFT_CHANGE_CHANGED: DriftChange
DRIFT_CHANGE_REMOVED: DriftChange

class DriftRequest(Message):
    def __init__(self) -> None: ...

class DriftEntry(Message):
    path: str
    change: DriftChange
    reason: str
    def __init__(self, *, path: str | None = ..., change: DriftChange | None = ..., reason: str | None = ...) -> None: ...

class DriftResponse(Message):
    entries: RepeatedCompositeFieldContainer[DriftEntry]
    more: bool
    none: str
    def __init__(self, *, entries: Iterable[DriftEntry] | None = ..., more: bool | None = ..., none: str | None = ...) -> None: ...

class DriftTextRequest(Message):
    path: str
    def __init__(self, *, path: str | None = ...) -> None: ...

class DriftTextResponse(Message):
    diff: str
    refused: str
    def __init__(self, *, diff: str | None = ..., refused: str | None = ...) -> None: ...
