"""Types of the messages of leases.proto. Made by scripts/generate from leases.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class CreateRequest(Message):
    id: str
    labels: MutableMapping[str, str]
    def __init__(self, *, id: str | None = ..., labels: Mapping[str, str] | None = ...) -> None: ...

class CreateResponse(Message):
    def __init__(self) -> None: ...

class DeleteRequest(Message):
    id: str
    sync: bool
    def __init__(self, *, id: str | None = ..., sync: bool | None = ...) -> None: ...
