"""Types of the messages of snapshots.proto. Made by scripts/generate from snapshots.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from adamant.node.containerd import types_pb2

DESCRIPTOR: FileDescriptor

class PrepareSnapshotRequest(Message):
    snapshotter: str
    key: str
    parent: str
    labels: MutableMapping[str, str]
    def __init__(self, *, snapshotter: str | None = ..., key: str | None = ..., parent: str | None = ..., labels: Mapping[str, str] | None = ...) -> None: ...

class PrepareSnapshotResponse(Message):
    mounts: RepeatedCompositeFieldContainer[types_pb2.Mount]
    def __init__(self, *, mounts: Iterable[types_pb2.Mount] | None = ...) -> None: ...

class CommitSnapshotRequest(Message):
    snapshotter: str
    name: str
    key: str
    labels: MutableMapping[str, str]
    def __init__(self, *, snapshotter: str | None = ..., name: str | None = ..., key: str | None = ..., labels: Mapping[str, str] | None = ...) -> None: ...

class RemoveSnapshotRequest(Message):
    snapshotter: str
    key: str
    def __init__(self, *, snapshotter: str | None = ..., key: str | None = ...) -> None: ...

class StatSnapshotRequest(Message):
    snapshotter: str
    key: str
    def __init__(self, *, snapshotter: str | None = ..., key: str | None = ...) -> None: ...

class StatSnapshotResponse(Message):
    def __init__(self) -> None: ...
