"""Types of the messages of capture.proto. Made by scripts/generate from capture.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class CaptureRequest(Message):
    interface: str
    snap_length: int
    seconds: float
    size: int
    packets: int
    hosts: RepeatedScalarFieldContainer[str]
    ports: RepeatedScalarFieldContainer[int]
    protocols: RepeatedScalarFieldContainer[str]
    def __init__(self, *, interface: str | None = ..., snap_length: int | None = ..., seconds: float | None = ..., size: int | None = ..., packets: int | None = ..., hosts: Iterable[str] | None = ..., ports: Iterable[int] | None = ..., protocols: Iterable[str] | None = ...) -> None: ...

class CaptureAnswer(Message):
    data: bytes
    end: CaptureEnd
    def __init__(self, *, data: bytes | None = ..., end: CaptureEnd | None = ...) -> None: ...

class CaptureEnd(Message):
    packets: int
    size: int
    dropped: int
    reason: str
    def __init__(self, *, packets: int | None = ..., size: int | None = ..., dropped: int | None = ..., reason: str | None = ...) -> None: ...
