"""What a program asks the loader for, of sound, broken and hostile files."""

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.compose import elf, entries, libraries
from adamant.model.arch import NAMES, Arch
from adamant.model.errors import VerificationError
from adamant.model.tree import Entry, Tree

LOAD, DYNAMIC, NOTE = 1, 2, 4


def note(*names: str, align: int = 4) -> bytes:
    """A note of systemd's about libraries that a program opens."""
    text = json.dumps([{"feature": "x", "priority": "suggested", "soname": names}]).encode() + b"\0"
    data = struct.pack("<III", 4, len(text), 0x407C0C0A) + b"FDO\0"
    return data + text + bytes(-len(text) % align)


def made(soname: str = "", needed: tuple[str, ...] = (), opened: tuple[str, ...] = (), align: int = 4) -> bytes:
    """A small program or library: a load segment over the whole file, a dynamic section, and notes."""
    strings, tags = b"\0", b""
    for tag, name in [(14, soname)] * bool(soname) + [(1, name) for name in needed]:
        tags += struct.pack("<qQ", tag, len(strings))
        strings += name.encode() + b"\0"
    dynamic = struct.pack("<qQ", 5, 0x400) + tags + bytes(16)
    other = struct.pack("<III", 4, 3, 1) + b"GNU\0" + b"abc\0" if align == 4 else b""
    notes = other + note(*opened, align=align)
    image = bytearray(0x800)
    image[:64] = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0)
    )
    places = ((LOAD, 0, 0x800, 0x1000), (DYNAMIC, 0x200, len(dynamic), 8), (NOTE, 0x600, len(notes), align))
    for index, (kind, at, size, alignment) in enumerate(places):
        struct.pack_into("<IIQQQQQQ", image, 64 + 56 * index, kind, 5, at, at, at, size, size, alignment)
    for at, data in ((0x200, dynamic), (0x400, strings), (0x600, notes)):
        image[at : at + len(data)] = data
    return bytes(image)


@pytest.mark.parametrize("align", [4, 8])
def test_names_are_those_of_the_file(align: int) -> None:
    whole = made("libone.so.1", ("libc.so.6", "libm.so.6"), ("libtwo.so.2", "libtwo.so.1"), align)
    expected = elf.Asked("libone.so.1", ("libc.so.6", "libm.so.6"), ("libtwo.so.2", "libtwo.so.1"))
    assert elf.read(whole) == expected


def test_what_is_no_program_of_64_bits_asks_for_nothing() -> None:
    for data in (b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(90)):
        assert elf.read(data) == elf.Asked()


@given(st.binary(max_size=400), st.integers(0, 0x7FF), st.integers(0, 255))
def test_hostile_files_give_names_or_an_error(tail: bytes, place: int, value: int) -> None:
    damaged = bytearray(made("libone.so.1", ("libc.so.6",), ("libtwo.so.2",)))
    damaged[place] = value
    for data in (tail, elf.MAGIC + tail, bytes(damaged)):
        with contextlib.suppress(VerificationError):
            elf.read(data)


@given(st.binary(max_size=80))
def test_hostile_notes_give_names_or_an_error(text: bytes) -> None:
    whole = bytearray(made("libone.so.1"))
    notes = struct.pack("<III", 4, len(text), 0x407C0C0A) + b"FDO\0" + text
    whole[0x600 : 0x600 + len(notes)] = notes
    with contextlib.suppress(VerificationError):
        assert elf.read(bytes(whole)).soname == "libone.so.1"


@pytest.mark.parametrize("text", ['[{"soname": 3}]', "3", '[{"soname": [3, "libtwo.so.2"]}, "x"]', "[" * 100_000])
def test_notes_of_another_form_name_nothing_else(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert set(elf._sonames(text.encode())) <= {"libtwo.so.2"}


def test_a_truncated_file_is_an_error_and_not_another_name() -> None:
    whole = made("libone.so.1", ("libc.so.6",))
    for size in range(16, len(whole), 37):
        with contextlib.suppress(VerificationError):
            assert elf.read(whole[:size]).soname in {None, "libone.so.1"}


FOLDER = f"usr/lib/{NAMES[Arch.AMD64].triplet}"


def _of(package: str, path: str, data: bytes) -> Entry:
    entry = entries.file(path, data, 0o755)
    return Entry(**{name: getattr(entry, name) for name in entry.__slots__} | {"package": package})


def _tree() -> Tree:
    found = [
        _of("base", "usr/bin/program", made("", ("libone.so.1",), ("libopened.so.1",))),
        _of("base", f"{FOLDER}/libone.so.1.2", made("libone.so.1", ("libdeep.so.1",))),
        entries.link(f"{FOLDER}/libone.so.1", "libone.so.1.2"),
        _of("base", f"{FOLDER}/libdeep.so.1", made("libdeep.so.1")),
        _of("base", f"{FOLDER}/libopened.so.1", made("libopened.so.1")),
        _of("base", f"{FOLDER}/libnss_files.so.2", made("libnss_files.so.2")),
        _of("base", f"{FOLDER}/libunread.so.1", made("libunread.so.1", ("libofunread.so.1",))),
        _of("base", f"{FOLDER}/libofunread.so.1", made("libofunread.so.1")),
        _of("mine", f"{FOLDER}/libmine.so.1", made("libmine.so.1", ("libofmine.so.1",))),
        _of("base", f"{FOLDER}/libofmine.so.1", made("libofmine.so.1")),
        _of("base", f"{FOLDER}/plugins/plugin.so", made("", ("libofplugin.so.1",))),
        _of("base", f"{FOLDER}/libofplugin.so.1", made("libofplugin.so.1")),
        _of("base", f"{FOLDER}/libscript.so", b"GROUP ( libone.so.1 )"),
    ]
    tree = {entry.path: entry for entry in found}
    return tree | {entry.path: entry for entry in entries.parents(tree, found)}


def test_libraries_that_nothing_asks_for_go_and_all_others_stay() -> None:
    gone = libraries.unread(_tree(), Arch.AMD64, ("mine",))
    assert gone == [f"{FOLDER}/{name}" for name in ("libofunread.so.1", "libscript.so", "libunread.so.1")]
    without = libraries.unread(_tree(), Arch.AMD64, ())
    assert set(without) - set(gone) == {f"{FOLDER}/libmine.so.1", f"{FOLDER}/libofmine.so.1"}
