"""Partition tables: what is written is read back, and foreign bytes give a table or a named error, nothing else."""

import struct
import zlib
from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.image import disk, gpt
from adamant.model.arch import Arch
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.layout import ALIGNMENT, SECTOR

ESP = 64 << 20
SLOT = 128 << 20


class Disk:
    """A disk of which only the first and the last bytes are there; the rest is zero."""

    def __init__(self, table: gpt.Table, size: int | None = None) -> None:
        head, tail = gpt.encode(table)
        self.size = size or table.size
        self.head = bytearray(head)
        self.tail = bytearray(tail)
        self.tail_at = table.size - len(tail)

    def read(self, offset: int, length: int) -> bytes:
        out = bytearray(max(0, min(length, self.size - offset)))
        for at, data in ((0, self.head), (self.tail_at, self.tail)):
            start, end = max(offset, at), min(offset + len(out), at + len(data))
            if start < end:
                out[start - offset : end - offset] = data[start - at : end - at]
        return bytes(out)

    def decode(self) -> gpt.Table:
        return gpt.decode(self.read, self.size)


@pytest.fixture
def table() -> gpt.Table:
    return disk.table(Arch.AMD64, "adamant", "1", ESP, SLOT)


def header_with(data: bytearray, at: int, change: Callable[[list[int]], None]) -> None:
    """Change fields of the header at `at` and mend its checksum."""
    layout = struct.Struct("<8sIIIIQQQQ16sQIII")
    fields = list(layout.unpack_from(data, at))
    change(fields)
    fields[3] = 0
    fields[3] = zlib.crc32(layout.pack(*fields))
    data[at : at + layout.size] = layout.pack(*fields)


def test_a_table_is_read_back_as_it_was_written(table: gpt.Table) -> None:
    assert Disk(table).decode() == table
    assert [p.label for p in table.partitions] == ["esp", "usr-a", "usr-a-verity"]
    assert all(p.offset % ALIGNMENT == 0 for p in table.partitions)


def test_guids_differ_between_versions_and_agree_between_builds(table: gpt.Table) -> None:
    again = disk.table(Arch.AMD64, "adamant", "1", ESP, SLOT)
    other = disk.table(Arch.AMD64, "adamant", "2", ESP, SLOT)
    assert again == table
    assert not {p.guid for p in table.partitions} & {p.guid for p in other.partitions}


def test_a_disk_that_grew_is_still_read(table: gpt.Table) -> None:
    assert Disk(table, table.size * 2).decode() == table


def test_one_damaged_copy_is_an_error_and_never_half_a_table(table: gpt.Table) -> None:
    for part, offset in (("head", SECTOR + 60), ("head", 2 * SECTOR + 5), ("tail", 5), ("tail", -SECTOR + 60)):
        damaged = Disk(table)
        getattr(damaged, part)[offset] ^= 1
        with pytest.raises(VerificationError, match="checksum"):
            damaged.decode()


def test_copies_that_are_sound_but_differ_are_refused(table: gpt.Table) -> None:
    damaged = Disk(table)
    other = Disk(disk.table(Arch.AMD64, "adamant", "2", ESP, SLOT))
    damaged.tail = other.tail
    with pytest.raises(VerificationError, match="differ"):
        damaged.decode()


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (5, 7, "is not one"),
        (6, 1 << 60, "beyond the disk"),
        (7, 1, "outside of the disk"),
        (8, 1 << 50, "outside of the disk"),
        (10, 1 << 62, "outside of the disk"),
        (11, 1 << 31, "entries"),
        (12, 64, "entries"),
        (4, 1, "is not one"),
    ],
)
def test_hostile_headers_with_right_checksums_are_refused(table: gpt.Table, field: int, value: int, why: str) -> None:
    hostile = Disk(table)

    def change(fields: list[int]) -> None:
        fields[field] = value

    header_with(hostile.head, SECTOR, change)
    with pytest.raises(VerificationError, match=why):
        hostile.decode()


def test_partitions_that_overlap_or_leave_the_usable_area_are_refused(table: gpt.Table) -> None:
    first, second, third = table.partitions
    for moved in (
        gpt.Placed("x", second.type, third.guid, second.offset + SECTOR, SECTOR),
        gpt.Placed("x", second.type, second.guid, third.offset, third.size),
        gpt.Placed("x", second.type, third.guid, table.size - SECTOR, SECTOR),
        gpt.Placed("x", second.type, third.guid, SECTOR, SECTOR),
    ):
        with pytest.raises(VerificationError):
            Disk(gpt.Table(table.guid, table.size, (first, second, moved))).decode()


def test_no_mbr_no_table(table: gpt.Table) -> None:
    plain = Disk(table)
    plain.head[446 + 4] = 0x83
    with pytest.raises(VerificationError, match="protective MBR"):
        plain.decode()


def test_what_cannot_stand_in_a_table_is_not_written() -> None:
    kind = UUID(int=1)
    for bad in (
        gpt.Placed("x" * 37, kind, kind, ALIGNMENT, SECTOR),
        gpt.Placed("x", kind, kind, ALIGNMENT + 1, SECTOR),
        gpt.Placed("x", kind, kind, ALIGNMENT, 0),
    ):
        with pytest.raises(AdamantError):
            gpt.encode(gpt.Table(kind, 1 << 30, (bad,)))


@given(st.binary(max_size=40_000), st.integers(min_value=0, max_value=1 << 45))
def test_any_bytes_give_a_verification_error(data: bytes, size: int) -> None:
    with pytest.raises(VerificationError, match="partition-table-malformed"):
        gpt.decode(lambda offset, length: data[offset : offset + length], size)


@given(st.lists(st.tuples(st.integers(0, gpt.HEAD_SIZE - 1), st.integers(0, 255)), max_size=8), st.booleans())
def test_any_damage_that_is_accepted_changes_nothing(changes: list[tuple[int, int]], mend: bool) -> None:
    table = disk.table(Arch.AMD64, "adamant", "1", ESP, SLOT)
    damaged = Disk(table)
    for offset, value in changes:
        damaged.head[offset] = value
    if mend:

        def recompute(fields: list[int]) -> None:
            fields[13] = zlib.crc32(damaged.head[2 * SECTOR :])

        header_with(damaged.head, SECTOR, recompute)
    try:
        found = damaged.decode()
    except VerificationError:
        return
    assert found == table
