"""The cache of the dynamic loader, /etc/ld.so.cache, as glibc 2.41 reads it, for any architecture.

What stays true: entries stand in the order in which the loader searches (descending by glibc's comparison), or it
would miss libraries. Format: glibc's sysdeps/generic/dl-cache.h, "glibc-ld.so.cache1.1". Imports model only (and
`entries`).
"""

import struct
from dataclasses import dataclass

from adamant.compose import entries
from adamant.model.arch import NAMES, Arch
from adamant.model.errors import VerificationError
from adamant.model.tree import Entry, Kind, Tree

PATH = "etc/ld.so.cache"

_FLAGS = {Arch.AMD64: 0x0303, Arch.ARM64: 0x0A03}
_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER = struct.Struct("<20sIIB3xIIII")
_ENTRY = struct.Struct("<iIIIQ")
_EXTENSION_MAGIC = 0xEAA42174
_GENERATOR = b"adamant"
_LITTLE_ENDIAN = 2
_HEAD = 1 << 20
"""Headers and dynamic section of a library are looked for in its first bytes; beyond that the file is read whole."""

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_STRTAB, _DT_STRSZ, _DT_SONAME = 0, 5, 10, 14


@dataclass(frozen=True, slots=True)
class Library:
    """An entry of the cache: the name that programs ask for, and the path where it lies."""

    name: str
    path: str


def sort_key(name: str) -> tuple[tuple[int, int], ...]:
    """Key by which glibc's `_dl_cache_libcmp` orders names: runs of digits by value, a digit above other characters."""
    key: list[tuple[int, int]] = []
    position = 0
    while position < len(name):
        end = position
        while end < len(name) and "0" <= name[end] <= "9":
            end += 1
        if end > position:
            key.append((256, int(name[position:end])))
            position = end
        else:
            key.append((0, ord(name[position])))
            position += 1
    return tuple(key)


def soname(data: bytes) -> str | None:
    """DT_SONAME of a 64-bit little-endian ELF file, or None when it has none or is something else.

    Raises VerificationError when the ELF file contradicts itself or needs bytes beyond `data`.
    """
    if data[:6] != b"\x7fELF\x02\x01":
        return None
    try:
        table, entry_size, count = _program_headers(data)
        loads: list[tuple[int, int, int]] = []
        dynamic: tuple[int, int] | None = None
        for index in range(count):
            kind, _flags, offset, address, _physical, size = struct.unpack_from(
                "<IIQQQQ", data, table + index * entry_size
            )
            if kind == _PT_LOAD:
                loads.append((address, offset, size))
            elif kind == _PT_DYNAMIC:
                dynamic = (offset, size)
        if dynamic is None:
            return None
        tags = _dynamic_tags(data, *dynamic)
        if _DT_SONAME not in tags or _DT_STRTAB not in tags:
            return None
        for address, offset, size in loads:
            if address <= tags[_DT_STRTAB] < address + size:
                start = offset + tags[_DT_STRTAB] - address + tags[_DT_SONAME]
                end = data.index(b"\0", start)
                return data[start:end].decode(errors="surrogateescape")
    except (struct.error, ValueError, OverflowError) as error:
        raise VerificationError("elf-malformed", f"not a sound ELF file: {error}") from error
    raise VerificationError("elf-malformed", "the string table of the dynamic section is not mapped")


def _program_headers(data: bytes) -> tuple[int, int, int]:
    (table,) = struct.unpack_from("<Q", data, 32)
    entry_size, count = struct.unpack_from("<HH", data, 54)
    if count and entry_size < 56:
        raise ValueError("program headers are too small")
    return table, entry_size, count


def _dynamic_tags(data: bytes, offset: int, size: int) -> dict[int, int]:
    tags: dict[int, int] = {}
    for index in range(size // 16):
        tag, value = struct.unpack_from("<qQ", data, offset + 16 * index)
        if tag == _DT_NULL:
            break
        tags.setdefault(tag, value)
    return tags


def libraries(tree: Tree, arch: Arch) -> list[Library]:
    """What ldconfig would find in the folders of the architecture, in the loader's order."""
    found: dict[str, str] = {}
    folders = [f"usr/lib/{NAMES[arch].triplet}", "usr/lib", NAMES[arch].loader.rpartition("/")[0]]
    for folder in dict.fromkeys(folders):
        for entry in entries.inside(tree, folder):
            name = entry.path.rpartition("/")[2]
            if ".so" not in name or not name.startswith(("lib", "ld-")):
                continue
            final = entries.real_file(tree, entry.path)
            if final is None or not _is_for(final, arch):
                continue
            wanted = _soname_of(final) or name
            if entry.kind is Kind.SYMLINK and name.endswith(".so") and wanted != name:
                found.setdefault(name, f"/{folder}/{name}")
            if wanted == name or f"{folder}/{wanted}" in tree:
                found.setdefault(wanted, f"/{folder}/{wanted}")
    ordered = sorted(found.items(), key=lambda item: (sort_key(item[0]), item[1]), reverse=True)
    return [
        Library(name, path.replace("/usr/lib/", "/lib/", 1).replace("/usr/lib64/", "/lib64/", 1))
        for name, path in ordered
    ]


def _is_for(entry: Entry, arch: Arch) -> bool:
    head = entries.read(entry, head=64)
    return len(head) == 64 and head[:4] == b"\x7fELF" and head[18:20] == struct.pack("<H", NAMES[arch].elf_machine)


def _soname_of(entry: Entry) -> str | None:
    head = entries.read(entry, head=_HEAD)
    try:
        return soname(head)
    except VerificationError:
        if len(head) == entry.size:
            raise
    return soname(entries.read(entry))


def encode(found: list[Library], arch: Arch) -> bytes:
    """The bytes of ld.so.cache for `found`, which is in the loader's order."""
    base = _HEADER.size + _ENTRY.size * len(found)
    strings = bytearray()
    rows: list[bytes] = []
    for library in found:
        at: list[int] = []
        for value in (library.name, library.path):
            at.append(base + len(strings))
            strings += value.encode(errors="surrogateescape") + b"\0"
        rows.append(_ENTRY.pack(_FLAGS[arch], at[0], at[1], 0, 0))
    extension = (base + len(strings) + 3) // 4 * 4
    header = _HEADER.pack(_MAGIC, len(found), len(strings), _LITTLE_ENDIAN, extension, 0, 0, 0)
    padding = bytes(extension - base - len(strings))
    section = struct.pack("<IIIIII", _EXTENSION_MAGIC, 1, 0, 0, extension + 24, len(_GENERATOR))
    return b"".join([header, *rows, bytes(strings), padding, section, _GENERATOR])


def make(tree: Tree, arch: Arch) -> Entry:
    """/etc/ld.so.cache of the tree."""
    return entries.file(PATH, encode(libraries(tree, arch), arch))
