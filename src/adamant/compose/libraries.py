"""Shared libraries that nothing of an image is linked with, nor opens.

Packages bring libraries for programs that the posture has taken away. What stays true: each library that a program, a
plugin or a package of the definition asks for by its dynamic section or its notes (`elf`) stays, and all that those
ask for. Imports model only (and `elf`, `entries`).
"""

import posixpath
from collections.abc import Collection
from fnmatch import fnmatchcase

from adamant.compose import elf, entries
from adamant.model.arch import NAMES, Arch
from adamant.model.tree import Entry, Kind, Tree

OPENED: dict[str, str] = {
    "libgcc_s.so.*": "the C library opens it when a thread ends",
    "libidn2.so.*": "the C library opens it for names beyond ASCII",
    "libnss_*.so.*": "the C library opens them by the names in nsswitch.conf",
    "libtss2-tcti-device.so.*": "systemd composes the name of the way to the TPM",
    "libzstd.so.*": "the agent opens it for patches to releases",
}
"""Libraries that no file says it opens, by patterns of their names, and who does."""


def unread(tree: Tree, arch: Arch, listed: Collection[str]) -> list[str]:
    """Paths of libraries of the base that nothing asks for, sorted; `listed` are packages that stay whole.

    Raises VerificationError (`elf-malformed`).
    """
    folder = f"usr/lib/{NAMES[arch].triplet}"
    names = {
        posixpath.basename(entry.path): final
        for place in ("usr/lib", folder)
        for entry in entries.inside(tree, place)
        if ".so" in entry.path and (final := entries.real_file(tree, entry.path)) is not None
    }
    candidates = {
        final.path
        for final in names.values()
        if posixpath.dirname(final.path) == folder and final.package and final.package not in listed
    }
    waiting = [final for name, final in names.items() if any(fnmatchcase(name, pattern) for pattern in OPENED)]
    waiting += [e for e in tree.values() if e.kind is Kind.FILE and e.path not in candidates and _is_elf(e)]
    asked: set[str] = set()
    while waiting:
        entry = waiting.pop()
        if entry.path not in asked:
            asked.add(entry.path)
            said = elf.read(entries.read(entry))
            waiting += [names[name] for name in (*said.needed, *said.opened) if name in names]
    return sorted(candidates - asked)


def _is_elf(entry: Entry) -> bool:
    return entry.size > len(elf.MAGIC) and entries.read(entry, head=len(elf.MAGIC)) == elf.MAGIC
