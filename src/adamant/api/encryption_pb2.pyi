"""Types of the messages of encryption.proto. Made by scripts/generate from encryption.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from adamant.api import attest_pb2

DESCRIPTOR: FileDescriptor

class EncryptionRequest(Message):
    def __init__(self) -> None: ...

class EncryptionResponse(Message):
    volumes: RepeatedCompositeFieldContainer[EncryptedVolume]
    def __init__(self, *, volumes: Iterable[EncryptedVolume] | None = ...) -> None: ...

class EncryptedVolume(Message):
    name: str
    cipher: str
    tpm_keys: RepeatedCompositeFieldContainer[TpmKey]
    recovery_keys: int
    other_keys: int
    opened_by: str
    def __init__(self, *, name: str | None = ..., cipher: str | None = ..., tpm_keys: Iterable[TpmKey] | None = ..., recovery_keys: int | None = ..., other_keys: int | None = ..., opened_by: str | None = ...) -> None: ...

class TpmKey(Message):
    public_key: str
    signed_registers: RepeatedScalarFieldContainer[int]
    literal_registers: RepeatedScalarFieldContainer[int]
    def __init__(self, *, public_key: str | None = ..., signed_registers: Iterable[int] | None = ..., literal_registers: Iterable[int] | None = ...) -> None: ...

class RecoveryKeyRequest(Message):
    replace: bool
    keep: MutableMapping[str, int]
    def __init__(self, *, replace: bool | None = ..., keep: Mapping[str, int] | None = ...) -> None: ...

class RecoveryKeyResponse(Message):
    keys: RepeatedCompositeFieldContainer[RecoveryKey]
    def __init__(self, *, keys: Iterable[RecoveryKey] | None = ...) -> None: ...

class RecoveryKey(Message):
    volume: str
    key: str
    slot: int
    def __init__(self, *, volume: str | None = ..., key: str | None = ..., slot: int | None = ...) -> None: ...

class ResealRequest(Message):
    public_key: bytes
    def __init__(self, *, public_key: bytes | None = ...) -> None: ...

class ResealResponse(Message):
    def __init__(self) -> None: ...

class RecoverRequest(Message):
    keys: RepeatedCompositeFieldContainer[RecoveryKey]
    def __init__(self, *, keys: Iterable[RecoveryKey] | None = ...) -> None: ...

class RecoverResponse(Message):
    volumes: RepeatedScalarFieldContainer[str]
    def __init__(self, *, volumes: Iterable[str] | None = ...) -> None: ...
