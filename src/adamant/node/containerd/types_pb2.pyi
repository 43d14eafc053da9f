"""Types of the messages of types.proto. Made by scripts/generate from types.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class Timestamp(Message):
    seconds: int
    nanos: int
    def __init__(self, *, seconds: int | None = ..., nanos: int | None = ...) -> None: ...

class Any(Message):
    type_url: str
    value: bytes
    def __init__(self, *, type_url: str | None = ..., value: bytes | None = ...) -> None: ...

class FieldMask(Message):
    paths: RepeatedScalarFieldContainer[str]
    def __init__(self, *, paths: Iterable[str] | None = ...) -> None: ...

class Empty(Message):
    def __init__(self) -> None: ...

class Descriptor(Message):
    media_type: str
    digest: str
    size: int
    def __init__(self, *, media_type: str | None = ..., digest: str | None = ..., size: int | None = ...) -> None: ...

class Mount(Message):
    type: str
    source: str
    target: str
    options: RepeatedScalarFieldContainer[str]
    def __init__(self, *, type: str | None = ..., source: str | None = ..., target: str | None = ..., options: Iterable[str] | None = ...) -> None: ...
