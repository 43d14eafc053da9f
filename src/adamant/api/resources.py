"""Resources of a node as plain values: any message of the contract as a dict, and the columns that show it to a person.

`plain` needs no table of messages: it goes by the descriptors, so that a new kind needs nothing here.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from google.protobuf.message import Message
from msgspec import Struct

from adamant.api import node_pb2 as pb


class Format(StrEnum):
    """How a value is to be shown to a person."""

    UNSPECIFIED = "unspecified"
    BYTES = "bytes"
    TIME = "time"
    DURATION = "duration"
    PERCENT = "percent"
    DIGEST = "digest"
    ID = "id"


class Change(StrEnum):
    """What happened to a resource."""

    UNSPECIFIED = "unspecified"
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    READY = "ready"


class Column(Struct, frozen=True):
    """A column of the table of a kind: its heading, the field of the kind's message, with dots, and its format."""

    title: str
    field: str
    format: Format


class Kind(Struct, frozen=True):
    """A kind of resources."""

    name: str
    description: str
    columns: tuple[Column, ...]


class Resource(Struct, frozen=True):
    """A resource. `actual` and `desired` are the kind's message as `plain` makes it; of what is desired, set fields."""

    name: str
    actual: dict[str, Any] | None
    desired: dict[str, Any] | None
    reason: str


class Resources(Struct, frozen=True):
    """Resources of a kind, by name."""

    kind: Kind
    resources: tuple[Resource, ...]


class Watched(Struct, frozen=True):
    """A resource, or a change of one; without a resource when the first set is complete. `kind` stands in the first."""

    change: Change
    resource: Resource | None
    kind: Kind | None


def plain(message: Message, *, whole: bool = True) -> dict[str, Any]:
    """A message as a dict: enumerations by their names in lower case, bytes in hexadecimal, unset messages left out.

    With `whole` fields without a value have their default, else they are left out.
    """
    present = {field.name for field, _ in message.ListFields()}
    made = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.name not in present and (not whole or isinstance(value, Message)):
            continue
        made[field.name] = _value(value, field.enum_type, whole)
    return made


def _value(value: Any, enum: Any, whole: bool) -> Any:
    if isinstance(value, Message):
        return plain(value, whole=whole)
    if isinstance(value, str | bool | float):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int):
        return _enum_name(enum, value) if enum else value
    if hasattr(value, "items"):
        return {str(key): _value(inner, None, whole) for key, inner in sorted(value.items())}
    return [_value(inner, enum, whole) for inner in value]


def _enum_name(enum: Any, number: int) -> str:
    """The name of an enumeration's value without the enumeration's; a number that is not known here is unspecified."""
    found = enum.values_by_number.get(number)
    if found is None:
        return "unspecified"
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED") if 0 in enum.values_by_number else ""
    return str(found.name).removeprefix(prefix).lower().replace("_", "-")


def spec(message: pb.Spec, *, whole: bool = True) -> dict[str, Any] | None:
    """What a Spec holds; an empty dict when it is of a kind that this version does not know."""
    name = message.WhichOneof("kind")
    return plain(getattr(message, name), whole=whole) if name else {}


def resource_from(message: pb.Resource) -> Resource:
    """The plain value of a resource."""
    return Resource(
        name=message.name,
        actual=spec(message.actual) if message.HasField("actual") else None,
        desired=spec(message.desired, whole=False) if message.HasField("desired") else None,
        reason=message.reason,
    )


def kind_from(message: pb.Kind) -> Kind:
    """The plain value of a kind."""
    return Kind(
        name=message.name,
        description=message.description,
        columns=tuple(
            Column(c.title, c.field, Format(_enum_name(pb.DESCRIPTOR.enum_types_by_name["Format"], c.format)))
            for c in message.columns
        ),
    )


def resources_from(answer: pb.GetResponse) -> Resources:
    """The plain value of an answer to Get."""
    return Resources(kind_from(answer.kind), tuple(resource_from(item) for item in answer.resources))


def watched_from(answer: pb.WatchResponse) -> Watched:
    """The plain value of an answer to Watch."""
    return Watched(
        change=Change(_enum_name(pb.DESCRIPTOR.enum_types_by_name["Change"], answer.change)),
        resource=resource_from(answer.resource) if answer.HasField("resource") else None,
        kind=kind_from(answer.kind) if answer.HasField("kind") else None,
    )


def at(value: Mapping[str, Any] | None, path: str) -> Any:
    """What lies at a path with dots; in a list, that of each of its members. None when there is nothing."""
    found: Any = value
    for name in path.split("."):
        if isinstance(found, Sequence) and not isinstance(found, str):
            found = [inner.get(name) for inner in found if isinstance(inner, Mapping)]
        elif isinstance(found, Mapping):
            found = found.get(name)
        else:
            return None
    return found
