"""What a program or library of Linux asks the dynamic loader for. A reader of foreign bytes.

Formats: the System V ABI's ELF of 64 bits, little-endian, with its dynamic section, and systemd's notes about libraries
that a program opens by itself (ELF dlopen() metadata, systemd.io/ELF_DLOPEN_METADATA). Imports model only.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from adamant.model.errors import VerificationError

MAGIC = b"\x7fELF\x02\x01"
"""How each file begins that `read` reads."""

_PT_LOAD, _PT_DYNAMIC, _PT_NOTE = 1, 2, 4
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_SONAME = 0, 1, 5, 14
_DLOPEN = (b"FDO\0", 0x407C0C0A)
_NOTE = struct.Struct("<III")


@dataclass(frozen=True, slots=True)
class Asked:
    """The names of libraries in a file: its own, those that it needs to start, and those that it may open later."""

    soname: str | None = None
    needed: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()


def read(data: bytes) -> Asked:
    """What the file `data` asks for: nothing when it is no ELF file of this form, or is linked with nothing.

    Raises VerificationError (`elf-malformed`) when the file contradicts itself or needs bytes beyond `data`.
    """
    if data[:6] != MAGIC:
        return Asked()
    try:
        loads: list[tuple[int, int, int]] = []
        dynamic: tuple[int, int] | None = None
        opened: list[str] = []
        for kind, offset, address, size, align in _segments(data):
            if kind == _PT_LOAD:
                loads.append((address, offset, size))
            elif kind == _PT_DYNAMIC:
                dynamic = (offset, size)
            elif kind == _PT_NOTE:
                opened += _opened(data, offset, size, 8 if align == 8 else 4)
        if dynamic is None:
            return Asked()
        tags = list(_tags(data, *dynamic))
        names = [(tag, value) for tag, value in tags if tag in (_DT_SONAME, _DT_NEEDED)]
        table = next((value for tag, value in tags if tag == _DT_STRTAB), None)
        if not names or table is None:
            return Asked(opened=tuple(opened))
        start = _place(loads, table)
        found = [(tag, _text(data, start + value)) for tag, value in names]
    except (struct.error, ValueError, OverflowError) as error:
        raise VerificationError("elf-malformed", f"not a sound ELF file: {error}") from error
    return Asked(
        next((name for tag, name in found if tag == _DT_SONAME), None),
        tuple(name for tag, name in found if tag == _DT_NEEDED),
        tuple(opened),
    )


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Type, offset, address, size in the file and alignment of each segment."""
    (table,) = struct.unpack_from("<Q", data, 32)
    entry_size, count = struct.unpack_from("<HH", data, 54)
    if count and entry_size < 56:
        raise ValueError("program headers are too small")
    for index in range(count):
        kind, _flags, offset, address, _physical, size, _memory, align = struct.unpack_from(
            "<IIQQQQQQ", data, table + index * entry_size
        )
        yield kind, offset, address, size, align


def _tags(data: bytes, offset: int, size: int) -> Iterator[tuple[int, int]]:
    for index in range(size // 16):
        tag, value = struct.unpack_from("<qQ", data, offset + 16 * index)
        if tag == _DT_NULL:
            return
        yield tag, value


def _place(loads: list[tuple[int, int, int]], address: int) -> int:
    """Where in the file lies what is loaded to `address`."""
    for start, offset, size in loads:
        if start <= address < start + size:
            return offset + address - start
    raise ValueError("the string table of the dynamic section is not mapped")


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode(errors="surrogateescape")


def _opened(data: bytes, offset: int, size: int, align: int) -> Iterator[str]:
    """Names in the notes of a segment, at multiples of `align`, that say what a program opens by itself."""
    end = offset + size
    if end > len(data):
        raise ValueError("a segment of notes is cut short")
    while offset + _NOTE.size <= end:
        name_size, size, kind = _NOTE.unpack_from(data, offset)
        name = offset + _NOTE.size
        text = offset + _padded(_NOTE.size + name_size, align)
        if text + size > end:
            raise ValueError("a note is cut short")
        if (data[name : name + name_size], kind) == _DLOPEN:
            yield from _sonames(data[text : text + size])
        offset = text + _padded(size, align)


def _padded(size: int, align: int) -> int:
    return -(-size // align) * align


def _sonames(note: bytes) -> Iterator[str]:
    try:
        rows = json.loads(note.rstrip(b"\0"))
    except RecursionError as error:
        raise ValueError("a note about libraries is too deep") from error
    for row in rows if isinstance(rows, list) else []:
        names = row.get("soname") if isinstance(row, dict) else None
        yield from (name for name in names if isinstance(name, str)) if isinstance(names, list) else ()
