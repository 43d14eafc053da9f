"""Types of the messages of node.proto. Made by scripts/generate from node.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from adamant.api import attest_pb2
from adamant.api import capture_pb2
from adamant.api import config_pb2
from adamant.api import crashes_pb2
from adamant.api import debug_pb2
from adamant.api import drift_pb2
from adamant.api import encryption_pb2
from adamant.api import events_pb2
from adamant.api import keys_pb2
from adamant.api import logs_pb2
from adamant.api import power_pb2
from adamant.api import resources_pb2
from adamant.api import services_pb2
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

class Format(int, metaclass=EnumTypeWrapper): ...

FORMAT_UNSPECIFIED: Format
FORMAT_BYTES: Format
FORMAT_TIME: Format
FORMAT_DURATION: Format
FORMAT_PERCENT: Format
FORMAT_DIGEST: Format
FORMAT_ID: Format

class Change(int, metaclass=EnumTypeWrapper): ...

CHANGE_UNSPECIFIED: Change
CHANGE_ADDED: Change
CHANGE_CHANGED: Change
CHANGE_REMOVED: Change
CHANGE_READY: Change

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
    secure_boot_keys: RepeatedCompositeFieldContainer[SecureBootKey]
    secure_boot_revoked: int
    secure_boot_waiting: RepeatedScalarFieldContainer[str]
    def __init__(self, *, slot: str | None = ..., root_hash: str | None = ..., uki: str | None = ..., secure_boot: SecureBoot | None = ..., verity: Verity | None = ..., disk: str | None = ..., boot_id: str | None = ..., total_usec: int | None = ..., phases: Iterable[BootPhase] | None = ..., slowest_units: Iterable[UnitTime] | None = ..., secure_boot_keys: Iterable[SecureBootKey] | None = ..., secure_boot_revoked: int | None = ..., secure_boot_waiting: Iterable[str] | None = ...) -> None: ...

class SecureBootKey(Message):
    variable: str
    name: str
    sha256: str
    def __init__(self, *, variable: str | None = ..., name: str | None = ..., sha256: str | None = ...) -> None: ...

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

class Spec(Message):
    boot: BootResponse
    health: HealthCheck
    slot: resources_pb2.Slot
    service: resources_pb2.Service
    mount: resources_pb2.Mount
    disk: resources_pb2.Disk
    link: resources_pb2.Link
    address: resources_pb2.Address
    route: resources_pb2.Route
    resolver: resources_pb2.Resolver
    clock: resources_pb2.Clock
    container: resources_pb2.Container
    image: resources_pb2.Image
    extension: resources_pb2.Extension
    package: resources_pb2.Package
    kernel_argument: resources_pb2.KernelArgument
    module: resources_pb2.Module
    sysctl: resources_pb2.Sysctl
    certificate: resources_pb2.Certificate
    config_generation: resources_pb2.ConfigGeneration
    process: resources_pb2.Process
    memory: resources_pb2.Memory
    cpu: resources_pb2.Cpu
    cgroup: resources_pb2.Cgroup
    pressure: resources_pb2.Pressure
    disk_usage: resources_pb2.DiskUsage
    socket: resources_pb2.Socket
    update: resources_pb2.Update
    protection: resources_pb2.Protection
    def __init__(self, *, boot: BootResponse | None = ..., health: HealthCheck | None = ..., slot: resources_pb2.Slot | None = ..., service: resources_pb2.Service | None = ..., mount: resources_pb2.Mount | None = ..., disk: resources_pb2.Disk | None = ..., link: resources_pb2.Link | None = ..., address: resources_pb2.Address | None = ..., route: resources_pb2.Route | None = ..., resolver: resources_pb2.Resolver | None = ..., clock: resources_pb2.Clock | None = ..., container: resources_pb2.Container | None = ..., image: resources_pb2.Image | None = ..., extension: resources_pb2.Extension | None = ..., package: resources_pb2.Package | None = ..., kernel_argument: resources_pb2.KernelArgument | None = ..., module: resources_pb2.Module | None = ..., sysctl: resources_pb2.Sysctl | None = ..., certificate: resources_pb2.Certificate | None = ..., config_generation: resources_pb2.ConfigGeneration | None = ..., process: resources_pb2.Process | None = ..., memory: resources_pb2.Memory | None = ..., cpu: resources_pb2.Cpu | None = ..., cgroup: resources_pb2.Cgroup | None = ..., pressure: resources_pb2.Pressure | None = ..., disk_usage: resources_pb2.DiskUsage | None = ..., socket: resources_pb2.Socket | None = ..., update: resources_pb2.Update | None = ..., protection: resources_pb2.Protection | None = ...) -> None: ...

class Resource(Message):
    name: str
    actual: Spec
    desired: Spec
    reason: str
    def __init__(self, *, name: str | None = ..., actual: Spec | None = ..., desired: Spec | None = ..., reason: str | None = ...) -> None: ...

class Column(Message):
    title: str
    field: str
    format: Format
    def __init__(self, *, title: str | None = ..., field: str | None = ..., format: Format | None = ...) -> None: ...

class Kind(Message):
    name: str
    description: str
    columns: RepeatedCompositeFieldContainer[Column]
    def __init__(self, *, name: str | None = ..., description: str | None = ..., columns: Iterable[Column] | None = ...) -> None: ...

class KindsRequest(Message):
    def __init__(self) -> None: ...

class KindsResponse(Message):
    kinds: RepeatedCompositeFieldContainer[Kind]
    def __init__(self, *, kinds: Iterable[Kind] | None = ...) -> None: ...

class GetRequest(Message):
    kind: str
    names: RepeatedScalarFieldContainer[str]
    def __init__(self, *, kind: str | None = ..., names: Iterable[str] | None = ...) -> None: ...

class GetResponse(Message):
    kind: Kind
    resources: RepeatedCompositeFieldContainer[Resource]
    def __init__(self, *, kind: Kind | None = ..., resources: Iterable[Resource] | None = ...) -> None: ...

class WatchRequest(Message):
    kind: str
    names: RepeatedScalarFieldContainer[str]
    def __init__(self, *, kind: str | None = ..., names: Iterable[str] | None = ...) -> None: ...

class WatchResponse(Message):
    change: Change
    resource: Resource
    kind: Kind
    def __init__(self, *, change: Change | None = ..., resource: Resource | None = ..., kind: Kind | None = ...) -> None: ...
