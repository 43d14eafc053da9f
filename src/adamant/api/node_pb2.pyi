"""Types of the messages of node.proto. Made by scripts/generate from node.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from adamant.api import events_pb2
from adamant.api import keys_pb2
from adamant.api import logs_pb2
from adamant.api import update_pb2

DESCRIPTOR: FileDescriptor

class Posture(int, metaclass=EnumTypeWrapper): ...

POSTURE_UNSPECIFIED: Posture
POSTURE_OPEN: Posture
POSTURE_GUARDED: Posture
POSTURE_SEALED: Posture

class CheckState(int, metaclass=EnumTypeWrapper): ...

CHECK_STATE_UNSPECIFIED: CheckState
CHECK_STATE_OK: CheckState
CHECK_STATE_WAITING: CheckState
CHECK_STATE_FAILING: CheckState

class SecureBoot(int, metaclass=EnumTypeWrapper): ...

SECURE_BOOT_UNSPECIFIED: SecureBoot
SECURE_BOOT_UNSUPPORTED: SecureBoot
SECURE_BOOT_DISABLED: SecureBoot
SECURE_BOOT_SETUP: SecureBoot
SECURE_BOOT_ENABLED: SecureBoot

class Verity(int, metaclass=EnumTypeWrapper): ...

VERITY_UNSPECIFIED: Verity
VERITY_ABSENT: Verity
VERITY_VERIFIED: Verity
VERITY_CORRUPTED: Verity

class VersionRequest(Message):
    def __init__(self) -> None: ...

class VersionResponse(Message):
    adamant: str
    image: str
    image_version: str
    posture: Posture
    kernel: str
    arch: str
    machine_id: str
    systemd: str
    hostname: str
    def __init__(self, *, adamant: str | None = ..., image: str | None = ..., image_version: str | None = ..., posture: Posture | None = ..., kernel: str | None = ..., arch: str | None = ..., machine_id: str | None = ..., systemd: str | None = ..., hostname: str | None = ...) -> None: ...

class HealthRequest(Message):
    def __init__(self) -> None: ...

class HealthResponse(Message):
    overall: CheckState
    checks: RepeatedCompositeFieldContainer[HealthCheck]
    def __init__(self, *, overall: CheckState | None = ..., checks: Iterable[HealthCheck] | None = ...) -> None: ...

class HealthCheck(Message):
    name: str
    state: CheckState
    message: str
    since_usec: int
    def __init__(self, *, name: str | None = ..., state: CheckState | None = ..., message: str | None = ..., since_usec: int | None = ...) -> None: ...

class BootRequest(Message):
    def __init__(self) -> None: ...

class BootResponse(Message):
    slot: str
    root_hash: str
    uki: str
    secure_boot: SecureBoot
    verity: Verity
    disk: str
    boot_id: str
    total_usec: int
    phases: RepeatedCompositeFieldContainer[BootPhase]
    slowest_units: RepeatedCompositeFieldContainer[UnitTime]
    def __init__(self, *, slot: str | None = ..., root_hash: str | None = ..., uki: str | None = ..., secure_boot: SecureBoot | None = ..., verity: Verity | None = ..., disk: str | None = ..., boot_id: str | None = ..., total_usec: int | None = ..., phases: Iterable[BootPhase] | None = ..., slowest_units: Iterable[UnitTime] | None = ...) -> None: ...

class BootPhase(Message):
    name: str
    start_usec: int
    duration_usec: int
    parts: RepeatedCompositeFieldContainer[BootPhase]
    def __init__(self, *, name: str | None = ..., start_usec: int | None = ..., duration_usec: int | None = ..., parts: Iterable[BootPhase] | None = ...) -> None: ...

class UnitTime(Message):
    unit: str
    start_usec: int
    duration_usec: int
    def __init__(self, *, unit: str | None = ..., start_usec: int | None = ..., duration_usec: int | None = ...) -> None: ...
