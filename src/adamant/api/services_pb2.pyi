"""Types of the messages of services.proto. Made by scripts/generate from services.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class ServiceAction(int, metaclass=EnumTypeWrapper): ...

SERVICE_ACTION_UNSPECIFIED: ServiceAction
SERVICE_ACTION_START: ServiceAction
SERVICE_ACTION_STOP: ServiceAction
SERVICE_ACTION_RESTART: ServiceAction
SERVICE_ACTION_RELOAD: ServiceAction

class ServiceRequest(Message):
    unit: str
    action: ServiceAction
    def __init__(self, *, unit: str | None = ..., action: ServiceAction | None = ...) -> None: ...

class ServiceResponse(Message):
    unit: str
    active: str
    sub: str
    main_pid: int
    main_pid_before: int
    def __init__(self, *, unit: str | None = ..., active: str | None = ..., sub: str | None = ..., main_pid: int | None = ..., main_pid_before: int | None = ...) -> None: ...
