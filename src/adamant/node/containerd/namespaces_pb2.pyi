"""Types of the messages of namespaces.proto. Made by scripts/generate from namespaces.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class Namespace(Message):
    name: str
    def __init__(self, *, name: str | None = ...) -> None: ...

class ListNamespacesRequest(Message):
    filter: str
    def __init__(self, *, filter: str | None = ...) -> None: ...

class ListNamespacesResponse(Message):
    namespaces: RepeatedCompositeFieldContainer[Namespace]
    def __init__(self, *, namespaces: Iterable[Namespace] | None = ...) -> None: ...

class CreateNamespaceRequest(Message):
    namespace: Namespace
    def __init__(self, *, namespace: Namespace | None = ...) -> None: ...

class CreateNamespaceResponse(Message):
    namespace: Namespace
    def __init__(self, *, namespace: Namespace | None = ...) -> None: ...
