"""Types of the messages of events.proto. Made by scripts/generate from events.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class EventKind(int, metaclass=EnumTypeWrapper): ...

EVENT_KIND_UNSPECIFIED: EventKind
EVENT_KIND_AGENT: EventKind
EVENT_KIND_CALL: EventKind
EVENT_KIND_HEALTH: EventKind
EVENT_KIND_CONFIG: EventKind
EVENT_KIND_SERVICE: EventKind
EVENT_KIND_POWER: EventKind
EVENT_KIND_KEYS: EventKind
EVENT_KIND_DEBUG: EventKind
EVENT_KIND_UPDATE: EventKind

class EventsRequest(Message):
    after: int
    kinds: RepeatedScalarFieldContainer[EventKind]
    follow: bool
    last: int
    def __init__(self, *, after: int | None = ..., kinds: Iterable[EventKind] | None = ..., follow: bool | None = ..., last: int | None = ...) -> None: ...

class Event(Message):
    sequence: int
    time_usec: int
    kind: EventKind
    message: str
    fields: MutableMapping[str, str]
    agent_id: str
    missed: int
    def __init__(self, *, sequence: int | None = ..., time_usec: int | None = ..., kind: EventKind | None = ..., message: str | None = ..., fields: Mapping[str, str] | None = ..., agent_id: str | None = ..., missed: int | None = ...) -> None: ...
