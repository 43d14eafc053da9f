"""Disk images in QEMU's format qcow2, version 3, as far as a build writes it: a reader of foreign bytes.

Format: QEMU, docs/interop/qcow2.txt. An image that refers to another file, is encrypted or compressed is refused: the
first would read files that nobody named. Imports model and core only.
"""

import struct
from collections import OrderedDict

from adamant.core import limits
from adamant.core.source import Source
from adamant.model.errors import VerificationError

_MAGIC = b"QFI\xfb"
_HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")
_OFFSET = 0x00FFFFFFFFFFFE00
_COMPRESSED = 1 << 62
_ZERO = 1
_KEPT = 64


def is_qcow2(source: Source) -> bool:
    """Whether the bytes begin as a qcow2 image."""
    return source.read(0, 4) == _MAGIC


def open_qcow2(source: Source) -> Source:
    """The disk inside of the qcow2 image `source`. Raises VerificationError qcow2-refused."""
    fields = _HEADER.unpack(source.exactly(0, _HEADER.size))
    _, version, backing, _, bits, size, encrypted, l1_size, l1_offset, *_ = fields
    incompatible = fields[13]
    if version != 3 or backing or encrypted or incompatible:
        raise _refused("it is not plain version 3: it refers to another file, or is encrypted or compressed")
    if not 9 <= bits <= 21 or size > limits.IMAGE_SIZE:
        raise _refused(f"clusters of 2^{bits} bytes, a disk of {size} bytes")
    cluster = 1 << bits
    per_table = cluster // 8
    if l1_size > limits.QCOW2_TABLE_SIZE // 8 or l1_size * per_table * cluster < size:
        raise _refused("its table does not cover the disk")
    first = struct.unpack(f">{l1_size}Q", source.exactly(l1_offset, 8 * l1_size))
    tables: OrderedDict[int, bytes] = OrderedDict()

    def place(index: int) -> int:
        """Offset of a cluster in the file, or 0 when it holds zeros."""
        at = first[index // per_table] & _OFFSET
        if not at:
            return 0
        table = tables.get(at)
        if table is None:
            table = tables[at] = source.exactly(at, cluster)
            if len(tables) > _KEPT:
                tables.popitem(last=False)
        entry = int.from_bytes(table[8 * (index % per_table) : 8 * (index % per_table) + 8])
        if entry & _COMPRESSED:
            raise _refused("it has compressed clusters")
        return 0 if entry & _ZERO else entry & _OFFSET

    def read(offset: int, length: int) -> bytes:
        pieces: list[bytes] = []
        end = min(offset + length, size)
        while offset < end:
            index, within = divmod(offset, cluster)
            count = min(cluster - within, end - offset)
            at = place(index)
            pieces.append(source.exactly(at + within, count) if at else bytes(count))
            offset += count
        return b"".join(pieces)

    return Source(source.name, size, read)


def _refused(why: str) -> VerificationError:
    return VerificationError(
        "qcow2-refused", f"this qcow2 image is not read: {why}", hint="convert it: qemu-img convert -O raw OLD NEW"
    )
