"""Paths into a machine config: what differs between two of them, what stands at a path, and taking something away.

A path is `network.interfaces[0].mtu`; what is in a list of things with names can be named too: `volumes[data].disk`.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from adamant.model.errors import InputError
from adamant.model.machine.document import Machine
from adamant.model.machine.secret import MASK, SecretAt, holds_secret
from adamant.model.machine.wire import default, from_wire, plain

_STEP = re.compile(r"(?:^|\.)([^.\[\]]+)|\[([^\]]+)\]")
_NAMES = ("name", "host", "path", "mac", "fingerprint", "target")
"""Fields that name a thing in a list, the first that it has."""


class Change(NamedTuple):
    """What differs at a path. A value is None where there is none; secrets are masked."""

    path: str
    old: Any
    new: Any

    @property
    def area(self) -> str:
        """The part of the config that it belongs to: the first step of the path."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]


def changes(old: Machine, new: Machine) -> list[Change]:
    """What differs, in the order of the document. Things in lists are compared by their names."""
    found = _differences("", named(old), named(new))
    return [Change(path, _shown(one), _shown(other)) for path, one, other in found]


def masked(value: Any) -> Any:
    """A config as maps, lists and values, without its secrets."""
    return _mask(value)


def get(machine: Machine, path: str) -> Any:
    """What stands at `path`, masked. Raises InputError `path-unknown`, naming the near ones."""
    value = _mask(machine)
    for step, where in _steps(path):
        value = value[_key(value, step, where)]
    return value


def unset(machine: Machine, *taken: str) -> Machine:
    """The config without what stands at the paths `taken`, so that their defaults hold. Raises InputError.

    It is checked when all are gone: one may be there for the other.
    """
    document: Any = plain(machine)
    for path in taken:
        steps = list(_steps(path))
        value = document
        for step, where in steps[:-1]:
            value = value[_key(value, step, where)]
        step, where = steps[-1]
        if where == "kind":
            raise InputError("path-unknown", "kind cannot be unset", context=path)
        del value[_key(value, step, where)]
    return from_wire(msgspec.json.encode(document))


def keys_of(document: Mapping[str, Any]) -> Iterator[str]:
    """The paths of all that a document in JSON says, as `unset` takes them: each section before what is in it.

    Things in lists go by their names, and by their numbers where they have none.
    """
    for key, value in document.items():
        if key != "kind":
            yield from _keys("", key, value)


def _keys(path: str, key: str, value: Any) -> Iterator[str]:
    here = _join(path, key)
    yield here
    if isinstance(value, Mapping):
        for inner, held in value.items():
            yield from _keys(here, inner, held)
    elif isinstance(value, list):
        for number, held in enumerate(value):
            yield from _keys(here, f"[{_name(held) or number}]", held)


def _steps(path: str) -> Iterator[tuple[str, str]]:
    """The steps of a path, each with the path up to it."""
    end = 0
    for match in _STEP.finditer(path):
        if match.start() != end:
            break
        end = match.end()
        yield match[1] or match[2], path[:end]
    if end != len(path) or not path:
        raise InputError("path-malformed", f"not a path: {path[:120]!r}", hint="such as network.interfaces[0].mtu")


def _key(value: Any, step: str, where: str) -> Any:
    """The key or index that a step means in `value`."""
    if isinstance(value, dict) and step in value:
        return step
    if isinstance(value, list):
        if step.isdigit() and int(step) < len(value):
            return int(step)
        names = [_name(item) for item in value]
        if step in names:
            return names.index(step)
        known = [name for name in names if name]
    else:
        known = list(value) if isinstance(value, dict) else []
    near = difflib.get_close_matches(step, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(known) or 'nothing'}"
    raise InputError("path-unknown", f"the config sets nothing at {where}", hint=hint)


def _name(item: Any) -> str:
    return next((item[key] for key in _NAMES if isinstance(item, dict) and isinstance(item.get(key), str)), "")


def named(value: Any) -> Any:
    """The value as maps, in which things of lists stand by their names and secrets keep their type."""
    if isinstance(value, SecretAt):
        return value
    if isinstance(value, Struct):
        held = {f.encode_name: (f, getattr(value, f.name)) for f in fields(value)}
        return {key: _secret_or(f.type, v) for key, (f, v) in held.items() if v != default(f)}
    if isinstance(value, Mapping):
        return {key: named(v) for key, v in value.items()}
    if isinstance(value, tuple):
        names = [_name(plain(item)) for item in value]
        if names and all(names) and len(set(names)) == len(names):
            return {f"[{name}]": named(item) for name, item in zip(names, value, strict=True)}
        return {f"[{index}]": named(item) for index, item in enumerate(value)}
    return plain(value)


class _Hidden(str):
    """The text of a secret: equal when equal, shown never."""

    __slots__ = ()


def _secret_or(kind: Any, value: Any) -> Any:
    """`named`, in which the texts of secrets are hidden."""
    if not holds_secret(kind):
        return named(value)
    if isinstance(value, Mapping):
        return {key: _Hidden(v) if isinstance(v, str) else v for key, v in value.items()}
    return _Hidden(value) if isinstance(value, str) else value


def _differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(_join(path, key), old.get(key), new.get(key))
    else:
        yield path, old, new


def _join(path: str, key: str) -> str:
    """The path of `key` below `path`, such that `get` and `unset` take it: `kernel.sysctls[vm.swappiness]`."""
    if key.startswith("["):
        return f"{path}{key}"
    if "." in key:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _shown(value: Any) -> Any:
    if isinstance(value, _Hidden):
        return MASK
    if isinstance(value, SecretAt):
        return plain(value)
    if isinstance(value, dict):
        return {key: _shown(held) for key, held in value.items()}
    return value


def _mask(value: Any) -> Any:
    """`plain`, without secrets."""
    if isinstance(value, Struct) and not isinstance(value, SecretAt):
        found: dict[str, Any] = {"kind": "Machine"} if isinstance(value, Machine) else {}
        for field in fields(value):
            held = getattr(value, field.name)
            if held != default(field):
                found[field.encode_name] = _masked_secret(held) if holds_secret(field.type) else _mask(held)
        return found
    if isinstance(value, Mapping):
        return {key: _mask(held) for key, held in value.items()}
    if isinstance(value, tuple):
        return [_mask(held) for held in value]
    return plain(value)


def _masked_secret(held: Any) -> Any:
    if isinstance(held, Mapping):
        return {key: _masked_secret(value) for key, value in held.items()}
    return MASK if isinstance(held, str) else plain(held)
