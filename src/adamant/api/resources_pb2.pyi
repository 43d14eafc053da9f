"""Types of the messages of resources.proto. Made by scripts/generate from resources.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class Slot(Message):
    device: str
    verity_device: str
    size_bytes: int
    running: bool
    content: str
    root_hash: str
    version: str
    def __init__(self, *, device: str | None = ..., verity_device: str | None = ..., size_bytes: int | None = ..., running: bool | None = ..., content: str | None = ..., root_hash: str | None = ..., version: str | None = ...) -> None: ...

class Service(Message):
    description: str
    load: str
    active: str
    sub: str
    since_usec: int
    main_pid: int
    memory_bytes: int
    cpu_usec: int
    restarts: int
    result: str
    cgroup: str
    def __init__(self, *, description: str | None = ..., load: str | None = ..., active: str | None = ..., sub: str | None = ..., since_usec: int | None = ..., main_pid: int | None = ..., memory_bytes: int | None = ..., cpu_usec: int | None = ..., restarts: int | None = ..., result: str | None = ..., cgroup: str | None = ...) -> None: ...

class Mount(Message):
    type: str
    source: str
    access: str
    options: RepeatedScalarFieldContainer[str]
    def __init__(self, *, type: str | None = ..., source: str | None = ..., access: str | None = ..., options: Iterable[str] | None = ...) -> None: ...

class Disk(Message):
    size_bytes: int
    model: str
    serial: str
    read_only: bool
    rotational: bool
    transport: str
    partitions: RepeatedCompositeFieldContainer[Partition]
    file_system: str
    mounted_at: str
    def __init__(self, *, size_bytes: int | None = ..., model: str | None = ..., serial: str | None = ..., read_only: bool | None = ..., rotational: bool | None = ..., transport: str | None = ..., partitions: Iterable[Partition] | None = ..., file_system: str | None = ..., mounted_at: str | None = ...) -> None: ...

class Partition(Message):
    name: str
    number: int
    size_bytes: int
    label: str
    type: str
    uuid: str
    file_system: str
    file_system_label: str
    file_system_uuid: str
    mounted_at: str
    used_bytes: int
    def __init__(self, *, name: str | None = ..., number: int | None = ..., size_bytes: int | None = ..., label: str | None = ..., type: str | None = ..., uuid: str | None = ..., file_system: str | None = ..., file_system_label: str | None = ..., file_system_uuid: str | None = ..., mounted_at: str | None = ..., used_bytes: int | None = ...) -> None: ...

class Link(Message):
    index: int
    type: str
    kind: str
    address: str
    state: str
    carrier: bool
    mtu_bytes: int
    master: str
    received_bytes: int
    sent_bytes: int
    received_packets: int
    sent_packets: int
    errors: int
    dropped: int
    vlan: int
    below: str
    def __init__(self, *, index: int | None = ..., type: str | None = ..., kind: str | None = ..., address: str | None = ..., state: str | None = ..., carrier: bool | None = ..., mtu_bytes: int | None = ..., master: str | None = ..., received_bytes: int | None = ..., sent_bytes: int | None = ..., received_packets: int | None = ..., sent_packets: int | None = ..., errors: int | None = ..., dropped: int | None = ..., vlan: int | None = ..., below: str | None = ...) -> None: ...

class Address(Message):
    link: str
    address: str
    family: int
    scope: str
    valid_seconds: int
    dynamic: bool
    def __init__(self, *, link: str | None = ..., address: str | None = ..., family: int | None = ..., scope: str | None = ..., valid_seconds: int | None = ..., dynamic: bool | None = ...) -> None: ...

class Route(Message):
    destination: str
    gateway: str
    link: str
    source: str
    metric: int
    protocol: str
    scope: str
    family: int
    table: int
    def __init__(self, *, destination: str | None = ..., gateway: str | None = ..., link: str | None = ..., source: str | None = ..., metric: int | None = ..., protocol: str | None = ..., scope: str | None = ..., family: int | None = ..., table: int | None = ...) -> None: ...

class Resolver(Message):
    servers: RepeatedScalarFieldContainer[str]
    domains: RepeatedScalarFieldContainer[str]
    link: str
    def __init__(self, *, servers: Iterable[str] | None = ..., domains: Iterable[str] | None = ..., link: str | None = ...) -> None: ...

class Clock(Message):
    time_usec: int
    zone: str
    synchronized: bool
    synchronized_usec: int
    server: str
    status: str
    boot_usec: int
    servers: RepeatedScalarFieldContainer[str]
    def __init__(self, *, time_usec: int | None = ..., zone: str | None = ..., synchronized: bool | None = ..., synchronized_usec: int | None = ..., server: str | None = ..., status: str | None = ..., boot_usec: int | None = ..., servers: Iterable[str] | None = ...) -> None: ...

class Container(Message):
    namespace: str
    image: str
    state: str
    pid: int
    exit_code: int
    runtime: str
    created_usec: int
    labels: MutableMapping[str, str]
    containerd: str
    def __init__(self, *, namespace: str | None = ..., image: str | None = ..., state: str | None = ..., pid: int | None = ..., exit_code: int | None = ..., runtime: str | None = ..., created_usec: int | None = ..., labels: Mapping[str, str] | None = ..., containerd: str | None = ...) -> None: ...

class Image(Message):
    namespace: str
    digest: str
    media_type: str
    size_bytes: int
    created_usec: int
    labels: MutableMapping[str, str]
    containerd: str
    def __init__(self, *, namespace: str | None = ..., digest: str | None = ..., media_type: str | None = ..., size_bytes: int | None = ..., created_usec: int | None = ..., labels: Mapping[str, str] | None = ..., containerd: str | None = ...) -> None: ...

class Extension(Message):
    id: str
    version: str
    level: str
    def __init__(self, *, id: str | None = ..., version: str | None = ..., level: str | None = ...) -> None: ...

class Package(Message):
    version: str
    arch: str
    source: str
    summary: str
    def __init__(self, *, version: str | None = ..., arch: str | None = ..., source: str | None = ..., summary: str | None = ...) -> None: ...

class KernelArgument(Message):
    value: str
    position: int
    def __init__(self, *, value: str | None = ..., position: int | None = ...) -> None: ...

class Module(Message):
    size_bytes: int
    uses: int
    used_by: RepeatedScalarFieldContainer[str]
    state: str
    signed: bool
    foreign: bool
    file: str
    def __init__(self, *, size_bytes: int | None = ..., uses: int | None = ..., used_by: Iterable[str] | None = ..., state: str | None = ..., signed: bool | None = ..., foreign: bool | None = ..., file: str | None = ...) -> None: ...

class Protection(Message):
    state: str
    def __init__(self, *, state: str | None = ...) -> None: ...

class Sysctl(Message):
    value: str
    file: str
    def __init__(self, *, value: str | None = ..., file: str | None = ...) -> None: ...

class Certificate(Message):
    subject: str
    issuer: str
    names: RepeatedScalarFieldContainer[str]
    not_before_usec: int
    not_after_usec: int
    authority: bool
    fingerprint: str
    serial: str
    def __init__(self, *, subject: str | None = ..., issuer: str | None = ..., names: Iterable[str] | None = ..., not_before_usec: int | None = ..., not_after_usec: int | None = ..., authority: bool | None = ..., fingerprint: str | None = ..., serial: str | None = ...) -> None: ...

class ConfigGeneration(Message):
    number: int
    created_usec: int
    by: str
    why: str
    sha256: str
    running: bool
    good: bool
    next: bool
    def __init__(self, *, number: int | None = ..., created_usec: int | None = ..., by: str | None = ..., why: str | None = ..., sha256: str | None = ..., running: bool | None = ..., good: bool | None = ..., next: bool | None = ...) -> None: ...

class Process(Message):
    parent: int
    user: str
    name: str
    command: str
    state: str
    memory_bytes: int
    cpu_usec: int
    threads: int
    cgroup: str
    started_usec: int
    capabilities: RepeatedScalarFieldContainer[str]
    no_new_privileges: bool
    filtered: bool
    def __init__(self, *, parent: int | None = ..., user: str | None = ..., name: str | None = ..., command: str | None = ..., state: str | None = ..., memory_bytes: int | None = ..., cpu_usec: int | None = ..., threads: int | None = ..., cgroup: str | None = ..., started_usec: int | None = ..., capabilities: Iterable[str] | None = ..., no_new_privileges: bool | None = ..., filtered: bool | None = ...) -> None: ...

class Memory(Message):
    total_bytes: int
    available_bytes: int
    free_bytes: int
    buffers_bytes: int
    cached_bytes: int
    slab_bytes: int
    shared_bytes: int
    dirty_bytes: int
    swap_total_bytes: int
    swap_free_bytes: int
    def __init__(self, *, total_bytes: int | None = ..., available_bytes: int | None = ..., free_bytes: int | None = ..., buffers_bytes: int | None = ..., cached_bytes: int | None = ..., slab_bytes: int | None = ..., shared_bytes: int | None = ..., dirty_bytes: int | None = ..., swap_total_bytes: int | None = ..., swap_free_bytes: int | None = ...) -> None: ...

class Cpu(Message):
    user_usec: int
    nice_usec: int
    system_usec: int
    idle_usec: int
    wait_usec: int
    interrupt_usec: int
    stolen_usec: int
    load_1: float
    load_5: float
    load_15: float
    model: str
    def __init__(self, *, user_usec: int | None = ..., nice_usec: int | None = ..., system_usec: int | None = ..., idle_usec: int | None = ..., wait_usec: int | None = ..., interrupt_usec: int | None = ..., stolen_usec: int | None = ..., load_1: float | None = ..., load_5: float | None = ..., load_15: float | None = ..., model: str | None = ...) -> None: ...

class Cgroup(Message):
    memory_bytes: int
    memory_max_bytes: int
    cpu_usec: int
    tasks: int
    read_bytes: int
    written_bytes: int
    killed: int
    def __init__(self, *, memory_bytes: int | None = ..., memory_max_bytes: int | None = ..., cpu_usec: int | None = ..., tasks: int | None = ..., read_bytes: int | None = ..., written_bytes: int | None = ..., killed: int | None = ...) -> None: ...

class Pressure(Message):
    some_10: float
    some_60: float
    some_300: float
    some_usec: int
    full_10: float
    full_60: float
    full_300: float
    full_usec: int
    def __init__(self, *, some_10: float | None = ..., some_60: float | None = ..., some_300: float | None = ..., some_usec: int | None = ..., full_10: float | None = ..., full_60: float | None = ..., full_300: float | None = ..., full_usec: int | None = ...) -> None: ...

class DiskUsage(Message):
    type: str
    source: str
    size_bytes: int
    used_bytes: int
    free_bytes: int
    files: int
    files_used: int
    def __init__(self, *, type: str | None = ..., source: str | None = ..., size_bytes: int | None = ..., used_bytes: int | None = ..., free_bytes: int | None = ..., files: int | None = ..., files_used: int | None = ...) -> None: ...

class Socket(Message):
    type: str
    state: str
    local: str
    remote: str
    user: str
    cgroup: str
    receive_queue_bytes: int
    send_queue_bytes: int
    def __init__(self, *, type: str | None = ..., state: str | None = ..., local: str | None = ..., remote: str | None = ..., user: str | None = ..., cgroup: str | None = ..., receive_queue_bytes: int | None = ..., send_queue_bytes: int | None = ...) -> None: ...

class Update(Message):
    repository: str
    channel: str
    automatic: bool
    window: str
    fleet_lock: str
    running: str
    staged: str
    failed: RepeatedScalarFieldContainer[str]
    looked_usec: int
    result: str
    message: str
    next_usec: int
    open: bool
    opens_usec: int
    def __init__(self, *, repository: str | None = ..., channel: str | None = ..., automatic: bool | None = ..., window: str | None = ..., fleet_lock: str | None = ..., running: str | None = ..., staged: str | None = ..., failed: Iterable[str] | None = ..., looked_usec: int | None = ..., result: str | None = ..., message: str | None = ..., next_usec: int | None = ..., open: bool | None = ..., opens_usec: int | None = ...) -> None: ...
