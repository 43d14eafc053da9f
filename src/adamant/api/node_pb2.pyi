from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

CHECK_STATE_FAILING: CheckState
CHECK_STATE_OK: CheckState
CHECK_STATE_UNSPECIFIED: CheckState
CHECK_STATE_WAITING: CheckState
DESCRIPTOR: _descriptor.FileDescriptor
POSTURE_GUARDED: Posture
POSTURE_OPEN: Posture
POSTURE_SEALED: Posture
POSTURE_UNSPECIFIED: Posture
SECURE_BOOT_DISABLED: SecureBoot
SECURE_BOOT_ENABLED: SecureBoot
SECURE_BOOT_SETUP: SecureBoot
SECURE_BOOT_UNSPECIFIED: SecureBoot
SECURE_BOOT_UNSUPPORTED: SecureBoot
VERITY_ABSENT: Verity
VERITY_CORRUPTED: Verity
VERITY_UNSPECIFIED: Verity
VERITY_VERIFIED: Verity

class BootPhase(_message.Message):
    __slots__ = ["duration_usec", "name", "parts", "start_usec"]
    DURATION_USEC_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    START_USEC_FIELD_NUMBER: _ClassVar[int]
    duration_usec: int
    name: str
    parts: _containers.RepeatedCompositeFieldContainer[BootPhase]
    start_usec: int
    def __init__(self, name: _Optional[str] = ..., start_usec: _Optional[int] = ..., duration_usec: _Optional[int] = ..., parts: _Optional[_Iterable[_Union[BootPhase, _Mapping[str, object]]]] = ...) -> None: ...

class BootRequest(_message.Message):
    __slots__: list[str] = []
    def __init__(self) -> None: ...

class BootResponse(_message.Message):
    __slots__ = ["boot_id", "disk", "phases", "root_hash", "secure_boot", "slot", "slowest_units", "total_usec", "uki", "verity"]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    DISK_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    ROOT_HASH_FIELD_NUMBER: _ClassVar[int]
    SECURE_BOOT_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_UNITS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_USEC_FIELD_NUMBER: _ClassVar[int]
    UKI_FIELD_NUMBER: _ClassVar[int]
    VERITY_FIELD_NUMBER: _ClassVar[int]
    boot_id: str
    disk: str
    phases: _containers.RepeatedCompositeFieldContainer[BootPhase]
    root_hash: str
    secure_boot: SecureBoot
    slot: str
    slowest_units: _containers.RepeatedCompositeFieldContainer[UnitTime]
    total_usec: int
    uki: str
    verity: Verity
    def __init__(self, slot: _Optional[str] = ..., root_hash: _Optional[str] = ..., uki: _Optional[str] = ..., secure_boot: _Optional[_Union[SecureBoot, str]] = ..., verity: _Optional[_Union[Verity, str]] = ..., disk: _Optional[str] = ..., boot_id: _Optional[str] = ..., total_usec: _Optional[int] = ..., phases: _Optional[_Iterable[_Union[BootPhase, _Mapping[str, object]]]] = ..., slowest_units: _Optional[_Iterable[_Union[UnitTime, _Mapping[str, object]]]] = ...) -> None: ...

class HealthCheck(_message.Message):
    __slots__ = ["message", "name", "since_usec", "state"]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SINCE_USEC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    message: str
    name: str
    since_usec: int
    state: CheckState
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[CheckState, str]] = ..., message: _Optional[str] = ..., since_usec: _Optional[int] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__: list[str] = []
    def __init__(self) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ["checks", "overall"]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    OVERALL_FIELD_NUMBER: _ClassVar[int]
    checks: _containers.RepeatedCompositeFieldContainer[HealthCheck]
    overall: CheckState
    def __init__(self, overall: _Optional[_Union[CheckState, str]] = ..., checks: _Optional[_Iterable[_Union[HealthCheck, _Mapping[str, object]]]] = ...) -> None: ...

class UnitTime(_message.Message):
    __slots__ = ["duration_usec", "start_usec", "unit"]
    DURATION_USEC_FIELD_NUMBER: _ClassVar[int]
    START_USEC_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    duration_usec: int
    start_usec: int
    unit: str
    def __init__(self, unit: _Optional[str] = ..., start_usec: _Optional[int] = ..., duration_usec: _Optional[int] = ...) -> None: ...

class VersionRequest(_message.Message):
    __slots__: list[str] = []
    def __init__(self) -> None: ...

class VersionResponse(_message.Message):
    __slots__ = ["adamant", "arch", "hostname", "image", "image_version", "kernel", "machine_id", "posture", "systemd"]
    ADAMANT_FIELD_NUMBER: _ClassVar[int]
    ARCH_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    MACHINE_ID_FIELD_NUMBER: _ClassVar[int]
    POSTURE_FIELD_NUMBER: _ClassVar[int]
    SYSTEMD_FIELD_NUMBER: _ClassVar[int]
    adamant: str
    arch: str
    hostname: str
    image: str
    image_version: str
    kernel: str
    machine_id: str
    posture: Posture
    systemd: str
    def __init__(self, adamant: _Optional[str] = ..., image: _Optional[str] = ..., image_version: _Optional[str] = ..., posture: _Optional[_Union[Posture, str]] = ..., kernel: _Optional[str] = ..., arch: _Optional[str] = ..., machine_id: _Optional[str] = ..., systemd: _Optional[str] = ..., hostname: _Optional[str] = ...) -> None: ...

class Posture(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__: list[str] = []

class CheckState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__: list[str] = []

class SecureBoot(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__: list[str] = []

class Verity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__: list[str] = []
