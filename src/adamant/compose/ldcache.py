"""The cache of the dynamic loader, /etc/ld.so.cache, as glibc 2.41 reads it, for any architecture.

What stays true: entries stand in the order in which the loader searches (descending by glibc's comparison), or it
would miss libraries. Format: glibc's sysdeps/generic/dl-cache.h, "glibc-ld.so.cache1.1". Imports model only (and
`elf`, `entries`).
"""

import struct
from dataclasses import dataclass

from adamant.compose import elf, entries
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
        return elf.read(head).soname
    except VerificationError:
        if len(head) == entry.size:
            raise
    return elf.read(entries.read(entry)).soname


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
