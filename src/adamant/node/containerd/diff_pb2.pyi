"""Types of the messages of diff.proto. Made by scripts/generate from diff.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from adamant.node.containerd import types_pb2

DESCRIPTOR: FileDescriptor

class ApplyRequest(Message):
    diff: types_pb2.Descriptor
    mounts: RepeatedCompositeFieldContainer[types_pb2.Mount]
    def __init__(self, *, diff: types_pb2.Descriptor | None = ..., mounts: Iterable[types_pb2.Mount] | None = ...) -> None: ...

class ApplyResponse(Message):
    applied: types_pb2.Descriptor
    def __init__(self, *, applied: types_pb2.Descriptor | None = ...) -> None: ...
