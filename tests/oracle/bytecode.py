"""Byte code of Python 3.13 as nested values (marshal, version 4), so that two files can be compared by meaning.

Which strings are written as references depends on what else the interpreter that compiled had in memory, and the order
of constant sets on its hash seed; neither changes the code.
"""

import struct
from typing import Any

_CODE_NUMBERS = 5
"""argcount, posonlyargcount, kwonlyargcount, stacksize, flags."""
_CODE_OBJECTS = 8
"""code, consts, names, localsplusnames, localspluskinds, filename, name, qualname; then firstlineno and two tables."""

_CONSTANTS = {"0": "NULL", "N": None, "F": False, "T": True, ".": ...}
_SHORT_TEXT = set("zZ")
_LONG_TEXT = set("aAutSs")


def parse(pyc: bytes) -> Any:
    """The code of a .pyc file, without its header of 16 bytes. Raises ValueError for what is not marshal."""
    reader = _Reader(pyc[16:])
    found = reader.value()
    if reader.position != len(reader.data):
        raise ValueError("bytes are left over")
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.references: list[Any] = []

    def take(self, size: int) -> bytes:
        part = self.data[self.position : self.position + size]
        if len(part) != size:
            raise ValueError("the file ends early")
        self.position += size
        return part

    def number(self) -> int:
        return int(struct.unpack("<i", self.take(4))[0])

    def value(self) -> Any:
        byte = self.take(1)[0]
        kind, remembered = chr(byte & 0x7F), bool(byte & 0x80)
        if kind == "r":
            return self.references[self.number()]
        index = len(self.references)
        if remembered:
            self.references.append(None)
        found = self._read(kind)
        if remembered:
            self.references[index] = found
        return found

    def _read(self, kind: str) -> Any:
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind == "i":
            return self.number()
        if kind == "l":
            digits = self.number()
            return ("long", digits, self.take(2 * abs(digits)))
        if kind in "gy":
            return (kind, self.take(8 if kind == "g" else 16))
        if kind in _SHORT_TEXT:
            return ("text", self.take(self.take(1)[0]))
        if kind in _LONG_TEXT:
            return ("bytes" if kind == "s" else "text", self.take(self.number()))
        if kind in "()":
            size = self.take(1)[0] if kind == ")" else self.number()
            return ("tuple", tuple(self.value() for _ in range(size)))
        if kind in "<>":
            return ("set", frozenset(self.value() for _ in range(self.number())))
        if kind == "c":
            numbers = tuple(self.number() for _ in range(_CODE_NUMBERS))
            objects = tuple(self.value() for _ in range(_CODE_OBJECTS))
            return ("code", numbers, objects, self.number(), self.value(), self.value())
        raise ValueError(f"unknown type {kind!r}")
