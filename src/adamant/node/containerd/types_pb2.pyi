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

class Descriptor(Message):
    media_type: str
    digest: str
    size: int
    def __init__(self, *, media_type: str | None = ..., digest: str | None = ..., size: int | None = ...) -> None: ...
