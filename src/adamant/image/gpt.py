"""The partition table: GUID Partition Table, written and read.

Format: UEFI Specification 2.10, section 5.3. Both copies and the protective MBR are written; the reader takes foreign
bytes, checks both copies against each other, and gives a VerificationError for whatever is not as specified. Offsets
and sizes are bytes. Imports model and core only.
"""

import itertools
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from adamant.core import limits
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.layout import ALIGNMENT, SECTOR

ENTRY_SIZE = 128
TABLE_SECTORS = limits.GPT_ENTRIES * ENTRY_SIZE // SECTOR
HEAD_SIZE = (2 + TABLE_SECTORS) * SECTOR
"""Protective MBR, header and entries at the start of a disk."""
TAIL_SIZE = (TABLE_SECTORS + 1) * SECTOR
"""Entries and header at its end."""
READ_ONLY = 1 << 60
"""Flag "read-only" of the Discoverable Partitions Specification."""

_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")
_MBR_ENTRY = struct.Struct("<B3sB3sII")
_SIGNATURE = b"EFI PART"
_REVISION = 0x00010000
_NAME_UNITS = 36


@dataclass(frozen=True, slots=True)
class Placed:
    """A partition on a disk: `offset` and `size` in bytes, both whole sectors, and not overlapping."""

    label: str
    type: UUID
    guid: UUID
    offset: int
    size: int
    flags: int = 0

    @property
    def end(self) -> int:
        """First byte after it."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True)
class Table:
    """A partition table of a disk of `size` bytes."""

    guid: UUID
    size: int
    partitions: tuple[Placed, ...]


def disk_size(end: int) -> int:
    """Bytes of a disk whose last partition ends at `end`: room for the second copy, in whole MiB."""
    return -(-(end + TAIL_SIZE) // ALIGNMENT) * ALIGNMENT


def encode(table: Table) -> tuple[bytes, bytes]:
    """The first HEAD_SIZE and the last TAIL_SIZE bytes of the disk."""
    last = table.size // SECTOR - 1
    entries = b"".join(_encode_entry(p) for p in table.partitions).ljust(limits.GPT_ENTRIES * ENTRY_SIZE, b"\0")
    if table.size % SECTOR or len(entries) != limits.GPT_ENTRIES * ENTRY_SIZE:
        raise AdamantError("partition-table", "these partitions do not make a table")
    # The protective partition covers the disk as far as 32 bits reach (table 5.4).
    protective = _MBR_ENTRY.pack(0, b"\x00\x02\x00", 0xEE, b"\xff\xff\xff", 1, min(last, 0xFFFFFFFF))
    mbr = bytes(446) + protective + bytes(48) + b"\x55\xaa"
    first = _encode_header(table, entries, here=1, other=last, at=2)
    second = _encode_header(table, entries, here=last, other=1, at=last - TABLE_SECTORS)
    return mbr + first + entries, entries + second


def _encode_entry(partition: Placed) -> bytes:
    name = partition.label.encode("utf-16-le")
    fits = len(name) <= 2 * _NAME_UNITS and partition.size > 0
    if not fits or partition.offset % SECTOR or partition.size % SECTOR:
        raise AdamantError("partition-table", f"partition {partition.label} cannot stand in a table")
    return _ENTRY.pack(
        partition.type.bytes_le,
        partition.guid.bytes_le,
        partition.offset // SECTOR,
        partition.end // SECTOR - 1,
        partition.flags,
        name,
    )


def _encode_header(table: Table, entries: bytes, *, here: int, other: int, at: int) -> bytes:
    last = table.size // SECTOR - 1

    def pack(crc: int) -> bytes:
        return _HEADER.pack(
            _SIGNATURE,
            _REVISION,
            _HEADER.size,
            crc,
            0,
            here,
            other,
            2 + TABLE_SECTORS,
            last - TABLE_SECTORS - 1,
            table.guid.bytes_le,
            at,
            limits.GPT_ENTRIES,
            ENTRY_SIZE,
            zlib.crc32(entries),
        )

    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")


Read = Callable[[int, int], bytes]
"""(offset, length) -> that many bytes of a disk, or fewer where it ends."""


def read_at(fd: int) -> Read:
    """Read from an open file."""
    return lambda offset, length: os.pread(fd, length, offset)


def _malformed(why: str) -> VerificationError:
    return VerificationError("partition-table-malformed", f"this is not a sound partition table: {why}")


def decode(read: Read, size: int) -> Table:
    """The partition table of a disk of `size` bytes.

    Strict: protective MBR, both headers and both entry arrays are there, sound, and say the same. A disk may have been
    made larger since: the second copy is where the first says.
    """
    if size < HEAD_SIZE + TAIL_SIZE or size > limits.IMAGE_SIZE:
        raise _malformed(f"a disk of {size} bytes")
    mbr = _exactly(read, 0, SECTOR)
    kinds = [mbr[446 + 16 * i + 4] for i in range(4)]
    if mbr[510:] != b"\x55\xaa" or kinds != [0xEE, 0, 0, 0]:
        raise _malformed("no protective MBR")
    first = _decode_header(read, 1, size)
    if first.other * SECTOR >= size:
        raise _malformed("its second copy lies beyond the disk")
    second = _decode_header(read, first.other, size)
    if second.other != 1 or first.common != second.common:
        raise _malformed("its two copies differ")
    partitions = _decode_entries(first)
    return Table(first.guid, (first.other + 1) * SECTOR, partitions)


@dataclass(frozen=True, slots=True)
class _Header:
    other: int
    first_usable: int
    last_usable: int
    guid: UUID
    entries: bytes

    @property
    def common(self) -> tuple[object, ...]:
        return self.first_usable, self.last_usable, self.guid, self.entries


def _exactly(read: Read, offset: int, length: int) -> bytes:
    data = read(offset, length)
    if len(data) != length:
        raise _malformed("it is cut short")
    return data


def _decode_header(read: Read, sector: int, size: int) -> _Header:
    data = _exactly(read, sector * SECTOR, SECTOR)
    (
        signature,
        revision,
        header_size,
        crc,
        reserved,
        here,
        other,
        first,
        last,
        guid,
        at,
        count,
        entry_size,
        entries_crc,
    ) = _HEADER.unpack_from(data)
    if signature != _SIGNATURE or revision != _REVISION or header_size != _HEADER.size:
        raise _malformed(f"no header in sector {sector}")
    if zlib.crc32(data[:16] + bytes(4) + data[20 : _HEADER.size]) != crc:
        raise _malformed(f"the header in sector {sector} does not match its checksum")
    if reserved or here != sector or any(data[_HEADER.size :]):
        raise _malformed(f"the header in sector {sector} is not one")
    if entry_size != ENTRY_SIZE or not 0 < count <= limits.GPT_ENTRIES:
        raise _malformed(f"{count} entries of {entry_size} bytes")
    if not 2 <= first <= last < size // SECTOR or at < 2 or at * SECTOR + count * ENTRY_SIZE > size:
        raise _malformed("its areas lie outside of the disk")
    entries = _exactly(read, at * SECTOR, count * ENTRY_SIZE)
    if zlib.crc32(entries) != entries_crc:
        raise _malformed("its entries do not match their checksum")
    return _Header(other, first, last, UUID(bytes_le=guid), entries)


def _decode_entries(header: _Header) -> tuple[Placed, ...]:
    found: list[Placed] = []
    for kind, guid, first, last, flags, name in _ENTRY.iter_unpack(header.entries):
        if kind == bytes(16):
            continue
        if not header.first_usable <= first <= last <= header.last_usable:
            raise _malformed("a partition lies outside of the usable area")
        try:
            label = name.decode("utf-16-le").split("\0", 1)[0]
        except UnicodeDecodeError as error:
            raise _malformed("a label that is no text") from error
        size = (last - first + 1) * SECTOR
        found.append(Placed(label, UUID(bytes_le=kind), UUID(bytes_le=guid), first * SECTOR, size, flags))
    ordered = sorted(found, key=lambda p: p.offset)
    if any(a.end > b.offset for a, b in itertools.pairwise(ordered)):
        raise _malformed("two partitions overlap")
    if len({p.guid for p in found}) != len(found):
        raise _malformed("two partitions with one GUID")
    return tuple(found)
