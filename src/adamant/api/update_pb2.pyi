"""Types of the messages of update.proto. Made by scripts/generate from update.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class UpgradeAction(int, metaclass=EnumTypeWrapper): ...

UPGRADE_ACTION_UNSPECIFIED: UpgradeAction
UPGRADE_ACTION_ESTIMATE: UpgradeAction
UPGRADE_ACTION_STAGE: UpgradeAction
UPGRADE_ACTION_ROLLBACK: UpgradeAction

class UpgradeRequest(Message):
    action: UpgradeAction
    repository: str
    channel: str
    version: str
    force: bool
    ignore_waves: bool
    bandwidth: int
    def __init__(self, *, action: UpgradeAction | None = ..., repository: str | None = ..., channel: str | None = ..., version: str | None = ..., force: bool | None = ..., ignore_waves: bool | None = ..., bandwidth: int | None = ...) -> None: ...

class UpgradeRead(Message):
    number: int
    path: str
    offset: int
    length: int
    whole: bool
    def __init__(self, *, number: int | None = ..., path: str | None = ..., offset: int | None = ..., length: int | None = ..., whole: bool | None = ...) -> None: ...

class UpgradePiece(Message):
    number: int
    data: bytes
    last: bool
    missing: bool
    failed: str
    def __init__(self, *, number: int | None = ..., data: bytes | None = ..., last: bool | None = ..., missing: bool | None = ..., failed: str | None = ...) -> None: ...

class UpgradeFromRequest(Message):
    start: UpgradeRequest
    piece: UpgradePiece
    def __init__(self, *, start: UpgradeRequest | None = ..., piece: UpgradePiece | None = ...) -> None: ...

class UpgradeFromResponse(Message):
    progress: UpgradeProgress
    read: UpgradeRead
    def __init__(self, *, progress: UpgradeProgress | None = ..., read: UpgradeRead | None = ...) -> None: ...

class UpgradeProgress(Message):
    step: str
    done: int
    total: int
    version: str
    finished: bool
    message: str
    fetched: int
    requests: int
    def __init__(self, *, step: str | None = ..., done: int | None = ..., total: int | None = ..., version: str | None = ..., finished: bool | None = ..., message: str | None = ..., fetched: int | None = ..., requests: int | None = ...) -> None: ...
