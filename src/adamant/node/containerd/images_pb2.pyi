"""Types of the messages of images.proto. Made by scripts/generate from images.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from adamant.node.containerd import types_pb2

DESCRIPTOR: FileDescriptor

class Image(Message):
    name: str
    labels: MutableMapping[str, str]
    target: types_pb2.Descriptor
    created_at: types_pb2.Timestamp
    def __init__(self, *, name: str | None = ..., labels: Mapping[str, str] | None = ..., target: types_pb2.Descriptor | None = ..., created_at: types_pb2.Timestamp | None = ...) -> None: ...

class ListImagesRequest(Message):
    filters: RepeatedScalarFieldContainer[str]
    def __init__(self, *, filters: Iterable[str] | None = ...) -> None: ...

class ListImagesResponse(Message):
    images: RepeatedCompositeFieldContainer[Image]
    def __init__(self, *, images: Iterable[Image] | None = ...) -> None: ...

class CreateImageRequest(Message):
    image: Image
    def __init__(self, *, image: Image | None = ...) -> None: ...

class CreateImageResponse(Message):
    image: Image
    def __init__(self, *, image: Image | None = ...) -> None: ...

class GetImageRequest(Message):
    name: str
    def __init__(self, *, name: str | None = ...) -> None: ...

class GetImageResponse(Message):
    image: Image
    def __init__(self, *, image: Image | None = ...) -> None: ...

class UpdateImageRequest(Message):
    image: Image
    def __init__(self, *, image: Image | None = ...) -> None: ...

class UpdateImageResponse(Message):
    image: Image
    def __init__(self, *, image: Image | None = ...) -> None: ...

class DeleteImageRequest(Message):
    name: str
    sync: bool
    def __init__(self, *, name: str | None = ..., sync: bool | None = ...) -> None: ...
