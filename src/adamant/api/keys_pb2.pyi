"""Types of the messages of keys.proto. Made by scripts/generate from keys.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from adamant.api import attest_pb2

DESCRIPTOR: FileDescriptor

class IdentifyRequest(Message):
    def __init__(self) -> None: ...

class IdentifyResponse(Message):
    request: bytes
    machine_id: str
    hostname: str
    adamant: str
    image: str
    image_version: str
    def __init__(self, *, request: bytes | None = ..., machine_id: str | None = ..., hostname: str | None = ..., adamant: str | None = ..., image: str | None = ..., image_version: str | None = ...) -> None: ...

class EnrollRequest(Message):
    certificate: bytes
    ca: bytes
    def __init__(self, *, certificate: bytes | None = ..., ca: bytes | None = ...) -> None: ...

class EnrollResponse(Message):
    def __init__(self) -> None: ...

class NewKeyRequest(Message):
    def __init__(self) -> None: ...

class NewKeyResponse(Message):
    request: bytes
    certificate: bytes
    names: RepeatedScalarFieldContainer[str]
    def __init__(self, *, request: bytes | None = ..., certificate: bytes | None = ..., names: Iterable[str] | None = ...) -> None: ...

class TakeCertificateRequest(Message):
    certificate: bytes
    def __init__(self, *, certificate: bytes | None = ...) -> None: ...

class TakeCertificateResponse(Message):
    seconds: int
    def __init__(self, *, seconds: int | None = ...) -> None: ...

class KeepCertificateRequest(Message):
    fingerprint: str
    def __init__(self, *, fingerprint: str | None = ...) -> None: ...

class KeepCertificateResponse(Message):
    ends_usec: int
    def __init__(self, *, ends_usec: int | None = ...) -> None: ...
