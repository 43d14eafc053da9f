"""A machine config as canonical JSON: what is sent, stored and hashed. Keys are sorted, defaults are left out.

Equal configs are equal bytes. A machine reads this form alone; YAML is for people, and stays on their side.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from adamant.model.errors import InputError
from adamant.model.machine.check import check
from adamant.model.machine.document import Machine
from adamant.model.posture import Posture

SIZE = 512 << 10
"""Bytes of a config, at most."""
_DEPTH = 16


def to_wire(machine: Machine) -> bytes:
    """The canonical JSON of a config."""
    return msgspec.json.encode(plain(machine), order="sorted")


def plain(value: Any) -> Any:
    """A config, or a part of one, as maps, lists and values; what is as by default is left out."""
    if isinstance(value, Struct):
        found = {} if not isinstance(value, Machine) else {"kind": "Machine"}
        for field in fields(value):
            held = getattr(value, field.name)
            if held != field.default:
                found[field.encode_name] = plain(held)
        return found
    if isinstance(value, Mapping):
        return {name: plain(held) for name, held in value.items()}
    if isinstance(value, tuple):
        return [plain(held) for held in value]
    return value.value if isinstance(value, Enum) else value


def from_wire(data: bytes, posture: Posture | None = None) -> Machine:
    """The config that `data` holds, checked. Raises InputError, whose context is the path in the document."""
    if len(data) > SIZE:
        raise InputError("config-too-large", f"the config has {len(data)} bytes, and may have {SIZE}")
    if _deep(data):
        raise InputError("config-malformed", f"the config is nested more than {_DEPTH} deep")
    try:
        machine = msgspec.json.decode(data, type=Machine, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what, _, path = str(error).partition(" - at `")
        raise InputError("config-malformed", f"the config cannot be read: {what}", context=path.rstrip("`")) from error
    check(machine, posture)
    return machine


def _deep(data: bytes) -> bool:
    """Whether brackets outside of texts nest deeper than any config does."""
    depth, quoted, escaped = 0, False, False
    for byte in data:
        if quoted:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                quoted = False
        elif byte == 0x22:
            quoted = True
        elif byte in b"[{":
            depth += 1
            if depth > _DEPTH:
                return True
        elif byte in b"]}":
            depth -= 1
    return False
