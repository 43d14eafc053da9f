"""The loader's cache: it is found by bisection, as glibc searches it."""

import itertools
import struct
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.compose import entries, ldcache
from adamant.model.arch import NAMES, Arch
from adamant.model.tree import Tree


def glibc_compare(one: str, two: str) -> int:
    """`_dl_cache_libcmp` of glibc's dl-cache.c, character by character."""
    a, b = one + "\0", two + "\0"
    i = j = 0
    while a[i] != "\0":
        if "0" <= a[i] <= "9":
            if not "0" <= b[j] <= "9":
                return 1
            left = right = 0
            while "0" <= a[i] <= "9":
                left, i = left * 10 + int(a[i]), i + 1
            while "0" <= b[j] <= "9":
                right, j = right * 10 + int(b[j]), j + 1
            if left != right:
                return left - right
        elif "0" <= b[j] <= "9":
            return -1
        elif a[i] != b[j]:
            return ord(a[i]) - ord(b[j])
        else:
            i, j = i + 1, j + 1
    return ord(a[i]) - ord(b[j])


NAMES_OF_LIBRARIES = st.from_regex(r"lib[a-z0-9._+-]{0,12}\.so(\.[0-9]{1,3}){0,3}", fullmatch=True)


@given(st.lists(NAMES_OF_LIBRARIES, max_size=12))
def test_the_order_is_that_of_the_loader(names: list[str]) -> None:
    ours = sorted(names, key=ldcache.sort_key)
    assert all(glibc_compare(a, b) <= 0 for a, b in itertools.pairwise(ours))
    assert [ldcache.sort_key(n) for n in sorted(names, key=cmp_to_key(glibc_compare))] == [
        ldcache.sort_key(n) for n in ours
    ]


def text_at(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()


def search(data: bytes, name: str) -> str | None:
    """The loader's bisection over the descending entries."""
    count = struct.unpack_from("<I", data, 20)[0]
    low, high = 0, count - 1
    while low <= high:
        middle = (low + high) // 2
        _flags, key, value, _osversion, _hwcap = struct.unpack_from("<iIIIQ", data, 48 + 24 * middle)
        order = glibc_compare(name, text_at(data, key))
        if order == 0:
            return text_at(data, value)
        low, high = (middle + 1, high) if order < 0 else (low, middle - 1)
    return None


@given(st.sets(NAMES_OF_LIBRARIES, max_size=30), st.sampled_from(Arch))
def test_bisection_finds_each_library(names: set[str], arch: Arch) -> None:
    distinct = {ldcache.sort_key(n): n for n in names}
    found = [ldcache.Library(n, f"/lib/{n}") for n in sorted(distinct.values(), key=ldcache.sort_key, reverse=True)]
    data = ldcache.encode(found, arch)
    assert all(search(data, library.name) == library.path for library in found)
    assert search(data, "libnothing.so.99999") is None


def elf(machine: int, name: bytes) -> bytes:
    """A small shared library: a load segment over the whole file and a dynamic section with DT_SONAME."""
    strings = b"\0" + name + b"\0"
    dynamic = struct.pack("<qQqQqQ", 5, 0x400, 14, 1, 0, 0)
    header = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    )
    segments = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 0x500, 0x500, 0x1000)
    segments += struct.pack("<IIQQQQQQ", 2, 6, 0x300, 0x300, 0x300, len(dynamic), len(dynamic), 8)
    image = bytearray(0x500)
    image[: len(header)] = header
    image[64 : 64 + len(segments)] = segments
    image[0x300 : 0x300 + len(dynamic)] = dynamic
    image[0x400 : 0x400 + len(strings)] = strings
    return bytes(image)


@pytest.mark.parametrize("arch", Arch)
def test_libraries_go_by_their_soname_and_foreign_ones_stay_out(arch: Arch) -> None:
    names = NAMES[arch]
    folder = f"usr/lib/{names.triplet}"
    other = NAMES[Arch.ARM64 if arch is Arch.AMD64 else Arch.AMD64]
    made = [
        entries.file(f"{folder}/libone.so.1.2.3", elf(names.elf_machine, b"libone.so.1")),
        entries.link(f"{folder}/libone.so.1", "libone.so.1.2.3"),
        entries.link(f"{folder}/libgone.so.1", "libgone.so.1.2"),
        entries.file(f"{folder}/libforeign.so.1", elf(other.elf_machine, b"libforeign.so.1")),
        entries.file(f"{folder}/libscript.so", "GROUP ( libone.so.1 )"),
    ]
    tree: Tree = {entry.path: entry for entry in [*entries.parents({}, made), *made]}
    found = ldcache.libraries(tree, arch)
    assert found == [ldcache.Library("libone.so.1", f"/lib/{names.triplet}/libone.so.1")]
