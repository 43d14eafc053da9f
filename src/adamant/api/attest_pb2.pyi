"""Types of the messages of attest.proto. Made by scripts/generate from attest.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class AttestRequest(Message):
    nonce: bytes
    def __init__(self, *, nonce: bytes | None = ...) -> None: ...

class AttestResponse(Message):
    quote: bytes
    signature: bytes
    ak: bytes
    ek: bytes
    ek_certificate: bytes
    registers: RepeatedCompositeFieldContainer[RegisterValue]
    event_log: bytes
    system_log: bytes
    def __init__(self, *, quote: bytes | None = ..., signature: bytes | None = ..., ak: bytes | None = ..., ek: bytes | None = ..., ek_certificate: bytes | None = ..., registers: Iterable[RegisterValue] | None = ..., event_log: bytes | None = ..., system_log: bytes | None = ...) -> None: ...

class RegisterValue(Message):
    index: int
    value: bytes
    def __init__(self, *, index: int | None = ..., value: bytes | None = ...) -> None: ...

class ActivateRequest(Message):
    blob: bytes
    secret: bytes
    def __init__(self, *, blob: bytes | None = ..., secret: bytes | None = ...) -> None: ...

class ActivateResponse(Message):
    credential: bytes
    def __init__(self, *, credential: bytes | None = ...) -> None: ...
