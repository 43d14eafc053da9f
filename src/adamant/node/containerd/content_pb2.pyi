"""Types of the messages of content.proto. Made by scripts/generate from content.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from adamant.node.containerd import types_pb2

DESCRIPTOR: FileDescriptor

class WriteAction(int, metaclass=EnumTypeWrapper): ...

WRITE_ACTION_STAT: WriteAction
WRITE_ACTION_WRITE: WriteAction
WRITE_ACTION_COMMIT: WriteAction

class Info(Message):
    digest: str
    size: int
    labels: MutableMapping[str, str]
    def __init__(self, *, digest: str | None = ..., size: int | None = ..., labels: Mapping[str, str] | None = ...) -> None: ...

class InfoRequest(Message):
    digest: str
    def __init__(self, *, digest: str | None = ...) -> None: ...

class InfoResponse(Message):
    info: Info
    def __init__(self, *, info: Info | None = ...) -> None: ...

class UpdateRequest(Message):
    info: Info
    update_mask: types_pb2.FieldMask
    def __init__(self, *, info: Info | None = ..., update_mask: types_pb2.FieldMask | None = ...) -> None: ...

class UpdateResponse(Message):
    info: Info
    def __init__(self, *, info: Info | None = ...) -> None: ...

class ReadContentRequest(Message):
    digest: str
    offset: int
    size: int
    def __init__(self, *, digest: str | None = ..., offset: int | None = ..., size: int | None = ...) -> None: ...

class ReadContentResponse(Message):
    offset: int
    data: bytes
    def __init__(self, *, offset: int | None = ..., data: bytes | None = ...) -> None: ...

class WriteContentRequest(Message):
    action: WriteAction
    ref: str
    total: int
    expected: str
    offset: int
    data: bytes
    labels: MutableMapping[str, str]
    def __init__(self, *, action: WriteAction | None = ..., ref: str | None = ..., total: int | None = ..., expected: str | None = ..., offset: int | None = ..., data: bytes | None = ..., labels: Mapping[str, str] | None = ...) -> None: ...

class WriteContentResponse(Message):
    action: WriteAction
    offset: int
    total: int
    digest: str
    def __init__(self, *, action: WriteAction | None = ..., offset: int | None = ..., total: int | None = ..., digest: str | None = ...) -> None: ...

class AbortRequest(Message):
    ref: str
    def __init__(self, *, ref: str | None = ...) -> None: ...
