"""Files of a FAT32 file system, as an ESP is one. A reader of foreign bytes; `esp` writes.

Format: Microsoft FAT specification of 2005 (fatgen 1.03), FAT32 with 512-byte sectors, with long names. Folders and
chains that run in circles, lie outside or overlap the end are errors.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from adamant.core import limits
from adamant.core.source import Source
from adamant.model.errors import VerificationError

_SECTOR = 512
_ENTRY = 32
_LAST = 0x0FFFFFF8
_LONG = 0x0F
_FOLDER = 0x10
_VOLUME = 0x08


@dataclass(frozen=True, slots=True)
class _Geometry:
    cluster: int
    """Bytes of a cluster."""
    data: int
    """Offset of cluster 2."""
    table: memoryview
    root: int

    @property
    def clusters(self) -> int:
        return len(self.table) // 4


def read_files(source: Source) -> dict[str, Source]:
    """All files by path (`EFI/Linux/a.efi`), names as they were written. Raises VerificationError fat-malformed."""
    geometry = _geometry(source)
    found: dict[str, Source] = {}
    _walk(source, geometry, geometry.root, "", 0, found, [0])
    return found


def _geometry(source: Source) -> _Geometry:
    boot = source.exactly(0, _SECTOR)
    bytes_per_sector, per_cluster, reserved, tables, roots, small, _, table_16 = struct.unpack_from(
        "<HBHBHHBH", boot, 11
    )
    sectors, table_size = struct.unpack_from("<I", boot, 32)[0], struct.unpack_from("<I", boot, 36)[0]
    root = struct.unpack_from("<I", boot, 44)[0]
    if boot[510:] != b"\x55\xaa" or bytes_per_sector != _SECTOR or roots or small or table_16:
        raise _malformed("it is not FAT32 with sectors of 512 bytes")
    if per_cluster not in {1, 2, 4, 8, 16, 32, 64, 128} or not reserved or tables not in {1, 2}:
        raise _malformed("its geometry is none")
    data = reserved + tables * table_size
    clusters = (sectors - data) // per_cluster
    if sectors * _SECTOR > source.size or clusters <= 0 or table_size * _SECTOR > limits.FAT_SIZE:
        raise _malformed("it does not fit into its partition")
    if (clusters + 2) * 4 > table_size * _SECTOR:
        raise _malformed("its table is too short")
    table = source.exactly(reserved * _SECTOR, (clusters + 2) * 4)
    return _Geometry(per_cluster * _SECTOR, data * _SECTOR, memoryview(table), root)


def _chain(geometry: _Geometry, first: int, most: int) -> list[int]:
    """Clusters of a file from `first` on, at most `most` of them."""
    found: list[int] = []
    cluster = first
    while cluster < _LAST:
        if not 2 <= cluster < geometry.clusters or len(found) >= most:
            raise _malformed("a chain of clusters does not end")
        found.append(cluster)
        cluster = int.from_bytes(geometry.table[4 * cluster : 4 * cluster + 4], "little") & 0x0FFFFFFF
    return found


def _contents(source: Source, geometry: _Geometry, name: str, first: int, size: int) -> Source:
    need = -(-size // geometry.cluster)
    chain = _chain(geometry, first, need) if need else []
    if len(chain) != need:
        raise _malformed(f"{name} is cut short")
    if chain and geometry.data + (max(chain) - 1) * geometry.cluster > source.size:
        raise _malformed(f"{name} lies outside")

    def read(offset: int, length: int) -> bytes:
        pieces: list[bytes] = []
        end = min(offset + length, size)
        while offset < end:
            index, within = divmod(offset, geometry.cluster)
            run = 1
            while index + run < len(chain) and chain[index + run] == chain[index] + run:
                if run * geometry.cluster - within >= end - offset:
                    break
                run += 1
            count = min(run * geometry.cluster - within, end - offset)
            pieces.append(source.exactly(geometry.data + (chain[index] - 2) * geometry.cluster + within, count))
            offset += count
        return b"".join(pieces)

    return Source(name, size, read)


def _walk(
    source: Source, geometry: _Geometry, first: int, path: str, depth: int, found: dict[str, Source], seen: list[int]
) -> None:
    if depth > limits.FAT_DEPTH or first in seen:
        raise _malformed("its folders run in circles")
    seen.append(first)
    for name, attributes, cluster, size in _entries(source, geometry, first):
        place = f"{path}{name}"
        if attributes & _FOLDER:
            _walk(source, geometry, cluster, f"{place}/", depth + 1, found, seen)
            continue
        if place in found or len(found) + len(seen) > limits.FAT_ENTRIES:
            raise _malformed(f"it has {place} twice, or more than {limits.FAT_ENTRIES} files")
        found[place] = _contents(source, geometry, place, cluster, size)


def _entries(source: Source, geometry: _Geometry, first: int) -> Iterator[tuple[str, int, int, int]]:
    """Name, attributes, first cluster and size of what a folder holds."""
    most = limits.FAT_ENTRIES * _ENTRY // geometry.cluster + 1
    long = ""
    for cluster in _chain(geometry, first, most):
        data = source.exactly(geometry.data + (cluster - 2) * geometry.cluster, geometry.cluster)
        for at in range(0, len(data), _ENTRY):
            entry = data[at : at + _ENTRY]
            if entry[0] == 0:
                return
            if entry[0] == 0xE5:
                long = ""
                continue
            attributes = entry[11]
            if attributes & 0x3F == _LONG:
                long = _long_part(entry) + long
                if len(long) > 260:
                    raise _malformed("a name does not end")
                continue
            name, long = long or _short_name(entry), ""
            if attributes & _VOLUME or name in {".", ".."}:
                continue
            if not name or "/" in name or "\0" in name or not name.isprintable():
                raise _malformed(f"a file with the name {name!r}")
            high, low, size = struct.unpack_from("<H", entry, 20)[0], *struct.unpack_from("<HI", entry, 26)
            yield name, attributes, high << 16 | low, size


def _long_part(entry: bytes) -> str:
    """13 characters of a long name."""
    try:
        return (entry[1:11] + entry[14:26] + entry[28:32]).decode("utf-16-le").split("\0", 1)[0].rstrip("\uffff")
    except UnicodeDecodeError as error:
        raise _malformed("a name is no text") from error


def _short_name(entry: bytes) -> str:
    """A name of 8.3 characters, with the lower-case flags of Windows NT."""
    stem, suffix = (part.rstrip(b" ").decode("latin-1") for part in (entry[:8], entry[8:11]))
    stem = stem.lower() if entry[12] & 0x08 else stem
    suffix = suffix.lower() if entry[12] & 0x10 else suffix
    return f"{stem}.{suffix}" if suffix else stem


def _malformed(why: str) -> VerificationError:
    return VerificationError("fat-malformed", f"the EFI system partition cannot be read: {why}")
