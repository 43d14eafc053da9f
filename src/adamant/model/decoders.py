"""Decoders of JSON, one for each type, made by one thread at a time.

msgspec looks at a type when it is first decoded. Its version 0.19, which Debian 13 has, lets other threads use what is
half done: two that decode a type for the first time end the process by a segmentation fault (seen on a slow machine,
whose agent started anew). What the agent decodes, it decodes by these.
"""

import threading
from typing import Any, TypeVar

import msgspec
from msgspec.json import Decoder

T = TypeVar("T")

_MAKING = threading.Lock()
_MADE: dict[Any, Any] = {}


def of(kind: type[T]) -> Decoder[T]:
    """The decoder of a type: strict, as msgspec.json.decode is. Any thread may use it."""
    with _MAKING:
        if kind not in _MADE:
            _MADE[kind] = Decoder(kind)
        made: Decoder[T] = _MADE[kind]
        return made


def convert(value: object, kind: type[T]) -> T:
    """The value as msgspec.convert makes it, strictly, once the type was looked at."""
    of(kind)
    return msgspec.convert(value, kind)
