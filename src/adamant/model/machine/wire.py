"""A machine config as canonical JSON: what is sent, stored and hashed. Keys are sorted, defaults are left out.

Equal configs are equal bytes. A machine reads this form alone; YAML is for people, and stays on their side.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from adamant.model import decoders
from adamant.model.errors import InputError
from adamant.model.machine.check import check
from adamant.model.machine.document import Machine
from adamant.model.posture import Posture

SIZE = 512 << 10
"""Bytes of a config, at most."""
_DEPTH = 16
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
"""A text of JSON, or what is left of one at the end: it always fits, so that reading stays linear."""
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def to_wire(machine: Machine) -> bytes:
    """The canonical JSON of a config. Raises InputError when no machine takes it, because it is too large."""
    data = msgspec.json.encode(plain(machine), order="sorted")
    _fits(data)
    return data


def _fits(data: bytes) -> None:
    if len(data) > SIZE:
        raise InputError("config-too-large", f"the config has {len(data)} bytes, and may have {SIZE}")


def plain(value: Any) -> Any:
    """A config, or a part of one, as maps, lists and values; what is as by default is left out."""
    if isinstance(value, Struct):
        found = {} if not isinstance(value, Machine) else {"kind": "Machine"}
        for field in fields(value):
            held = getattr(value, field.name)
            if held != default(field):
                found[field.encode_name] = plain(held)
        return found
    if isinstance(value, Mapping):
        return {name: plain(held) for name, held in value.items()}
    if isinstance(value, tuple):
        return [plain(held) for held in value]
    return value.value if isinstance(value, Enum) else value


def default(field: FieldInfo) -> Any:
    """What a field of a Struct holds when it is left out; NODEFAULT when it cannot be."""
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def from_wire(data: bytes, posture: Posture | None = None) -> Machine:
    """The config that `data` holds, checked. Raises InputError, whose context is the path in the document."""
    _fits(data)
    if _deep(data):
        raise InputError("config-malformed", f"the config is nested more than {_DEPTH} deep")
    try:
        machine = decoders.of(Machine).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what, _, path = str(error).partition(" - at `")
        raise InputError("config-malformed", f"the config cannot be read: {what}", context=path.rstrip("`")) from error
    check(machine, posture)
    return machine


def _deep(data: bytes) -> bool:
    """Whether brackets outside of texts nest deeper than any config does."""
    depth = 0
    for bracket in _TEXT.sub(b"", data).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > _DEPTH:
            return True
    return False
