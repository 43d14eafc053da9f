"""Types of the messages of config.proto. Made by scripts/generate from config.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class ConfigMode(int, metaclass=EnumTypeWrapper): ...

CONFIG_MODE_UNSPECIFIED: ConfigMode
CONFIG_MODE_NOW: ConfigMode
CONFIG_MODE_TRY: ConfigMode
CONFIG_MODE_BOOT: ConfigMode

class ConfigRequest(Message):
    generation: int
    def __init__(self, *, generation: int | None = ...) -> None: ...

class ConfigResponse(Message):
    generation: Generation
    document: str
    def __init__(self, *, generation: Generation | None = ..., document: str | None = ...) -> None: ...

class Generation(Message):
    number: int
    created_usec: int
    by: str
    why: str
    sha256: str
    of: int
    def __init__(self, *, number: int | None = ..., created_usec: int | None = ..., by: str | None = ..., why: str | None = ..., sha256: str | None = ..., of: int | None = ...) -> None: ...

class ConfigHistoryRequest(Message):
    last: int
    def __init__(self, *, last: int | None = ...) -> None: ...

class ConfigHistoryResponse(Message):
    generations: RepeatedCompositeFieldContainer[Generation]
    running: int
    good: int
    next: int
    trial: int
    trial_left_usec: int
    under_way: int
    def __init__(self, *, generations: Iterable[Generation] | None = ..., running: int | None = ..., good: int | None = ..., next: int | None = ..., trial: int | None = ..., trial_left_usec: int | None = ..., under_way: int | None = ...) -> None: ...

class ConfigChange(Message):
    document: str
    unset: ConfigKeys
    revert: int
    def __init__(self, *, document: str | None = ..., unset: ConfigKeys | None = ..., revert: int | None = ...) -> None: ...

class ConfigKeys(Message):
    paths: RepeatedScalarFieldContainer[str]
    def __init__(self, *, paths: Iterable[str] | None = ...) -> None: ...

class ConfigPlanRequest(Message):
    change: ConfigChange
    def __init__(self, *, change: ConfigChange | None = ...) -> None: ...

class ConfigPlanResponse(Message):
    running: int
    keys: RepeatedCompositeFieldContainer[ConfigKeyChange]
    files: RepeatedCompositeFieldContainer[ConfigFileChange]
    actions: RepeatedScalarFieldContainer[str]
    reboot: RepeatedScalarFieldContainer[str]
    def __init__(self, *, running: int | None = ..., keys: Iterable[ConfigKeyChange] | None = ..., files: Iterable[ConfigFileChange] | None = ..., actions: Iterable[str] | None = ..., reboot: Iterable[str] | None = ...) -> None: ...

class ConfigKeyChange(Message):
    path: str
    before: str
    after: str
    def __init__(self, *, path: str | None = ..., before: str | None = ..., after: str | None = ...) -> None: ...

class ConfigFileChange(Message):
    path: str
    change: str
    def __init__(self, *, path: str | None = ..., change: str | None = ...) -> None: ...

class ConfigApplyRequest(Message):
    change: ConfigChange
    mode: ConfigMode
    trial_usec: int
    base: int
    def __init__(self, *, change: ConfigChange | None = ..., mode: ConfigMode | None = ..., trial_usec: int | None = ..., base: int | None = ...) -> None: ...

class ConfigApplyResponse(Message):
    generation: int
    state: str
    reboot: RepeatedScalarFieldContainer[str]
    def __init__(self, *, generation: int | None = ..., state: str | None = ..., reboot: Iterable[str] | None = ...) -> None: ...

class ConfigConfirmRequest(Message):
    cancel: bool
    def __init__(self, *, cancel: bool | None = ...) -> None: ...

class ConfigConfirmResponse(Message):
    generation: int
    def __init__(self, *, generation: int | None = ...) -> None: ...

class ConfigStatusRequest(Message):
    def __init__(self) -> None: ...

class ConfigStatusResponse(Message):
    generation: int
    statuses: RepeatedCompositeFieldContainer[ConfigStatus]
    def __init__(self, *, generation: int | None = ..., statuses: Iterable[ConfigStatus] | None = ...) -> None: ...

class ConfigStatus(Message):
    kind: str
    name: str
    desired: str
    actual: str
    equal: bool
    reason: str
    def __init__(self, *, kind: str | None = ..., name: str | None = ..., desired: str | None = ..., actual: str | None = ..., equal: bool | None = ..., reason: str | None = ...) -> None: ...
