"""An update happens wholly or not at all, whenever the power is cut, and fetches no block twice."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.model.errors import AdamantError, VerificationError
from adamant.model.layout import BLOCK
from adamant.node.update import entries
from adamant.node.update.devices import BlockDevice
from adamant.node.update.entries import Entry
from tests.unit.power_cuts import Cut, Disk, Machine, Made, Memory, made

NEW = entries.fresh("host", "2")


def image(*names: object) -> bytes:
    """An image of one block for each name: equal names, equal blocks; 0 is zeros."""
    return b"".join(bytes(BLOCK) if n == 0 else random.Random(str(n)).randbytes(BLOCK) for n in names)


OLD = made("1", image(*range(1, 140), 0, 0))
BEFORE = made("0.9", image(*range(40, 180)))
NEXT = made("2", image(*range(60, 90), 0, *range(200, 215), *range(1, 80), *range(300, 305), 0))


def fetched_blocks(origin: Memory, release: Made) -> list[int]:
    """Whole blocks of the usr image that the repository gave, in order, once for each time."""
    path = next(p for p in origin.files if p.endswith(f"{release.release.usr.sha256}.usr"))
    bytes_given = [at + n for p, at, size in origin.given if p == path for n in range(0, size, 1)]
    counted = [0] * (len(release.usr) // BLOCK)
    for at in bytes_given:
        counted[at // BLOCK] += 1
    return [block for block, count in enumerate(counted) for _ in range(count // BLOCK)]


def test_an_update_ends_with_both_releases_in_the_menu_the_new_one_on_trial() -> None:
    machine, origin = Machine(OLD, BEFORE), Memory()
    machine.staging(NEXT, origin).run(NEW)
    assert machine.boots() == ["2", "1"]
    assert sorted(machine.esp.files) == ["host_1.efi", "host_2+3.efi"]
    assert machine.esp.files[NEW.name] == NEXT.uki


def test_it_fetches_what_the_estimate_said_and_only_blocks_that_no_slot_has() -> None:
    machine, origin = Machine(OLD), Memory()
    size, requests = machine.staging(NEXT, origin).estimate()
    origin.given.clear()
    staging = machine.staging(NEXT, origin)
    staging.run(NEW)
    assert staging.fetched == size + len(NEXT.tree)
    assert staging.requests == requests + 1
    assert fetched_blocks(origin, NEXT) == [*range(31, 46), *range(125, 130)]
    kernel = next(part for part in NEXT.release.uki.parts if part.name == ".linux")
    uki = [(at, at + size) for path, at, size in origin.given if path.endswith(".uki")]
    assert all(end <= kernel.offset or at >= kernel.offset + kernel.size for at, end in uki), (
        "the kernel travelled again"
    )


def test_a_cut_at_every_operation_leaves_a_machine_that_boots_and_can_be_updated() -> None:
    whole = Machine(OLD, BEFORE)
    whole.staging(NEXT, Memory()).run(NEW)
    operations = whole.power.done
    assert operations > 100
    for cut in range(operations):
        for seed in range(3):
            chance = random.Random(f"{cut}/{seed}")
            machine, origin = Machine(OLD, BEFORE), Memory()
            machine.power.cut = cut
            with pytest.raises(Cut):
                machine.staging(NEXT, origin).run(NEW)
            machine.lose_power(chance)
            assert machine.boots()[-1] in {"1", "0.9"}
            assert "1" in machine.boots()
            assert "2" not in machine.boots()
            machine.staging(NEXT, origin).run(NEW)
            assert machine.boots() == ["2", "1"]


def test_many_cuts_in_a_row_lead_to_the_update_all_the_same() -> None:
    chance = random.Random(1)
    for _ in range(12):
        machine, origin = Machine(OLD, BEFORE), Memory()
        for _ in range(6):
            machine.power.cut = chance.randrange(150)
            try:
                machine.staging(NEXT, origin).run(NEW)
            except Cut:
                machine.lose_power(chance)
                assert "1" in machine.boots()
                continue
            break
        machine.power.cut = None
        machine.staging(NEXT, origin).run(NEW)
        assert machine.boots() == ["2", "1"]


def test_no_block_that_was_kept_is_fetched_twice() -> None:
    machine, origin = Machine(OLD), Memory()
    first = machine.staging(NEXT, origin)
    _, tree = first._tree()
    first._write(tree, first.plan(tree, bytearray(tree.superblock.data_blocks)), bytearray(tree.superblock.data_blocks))
    machine.slots[1].data.flush()
    origin.given.clear()
    machine.staging(NEXT, origin).run(NEW)
    assert fetched_blocks(origin, NEXT) == []
    assert machine.boots() == ["2", "1"]


def test_a_repository_that_gives_other_bytes_writes_nothing_of_them() -> None:
    def twist(path: str, first: int, data: bytes) -> bytes:
        return data.replace(data[:16], b"another sixteen!") if path.endswith(".usr") else data

    machine, origin = Machine(OLD), Memory(twist=twist)
    with pytest.raises(VerificationError) as caught:
        machine.staging(NEXT, origin).run(NEW)
    assert caught.value.reference == "block-differs"
    assert machine.boots() == ["1"]
    machine.staging(NEXT, Memory()).run(NEW)
    assert machine.boots() == ["2", "1"]


@pytest.mark.parametrize("name", [".verity", ".uki"])
def test_a_tree_or_a_uki_that_is_not_the_release_s_is_refused(name: str) -> None:
    def twist(path: str, _first: int, data: bytes) -> bytes:
        return data[:-1] + bytes([data[-1] ^ 1]) if path.endswith(name) else data

    machine = Machine(OLD)
    with pytest.raises(VerificationError) as caught:
        machine.staging(NEXT, Memory(twist=twist)).run(NEW)
    assert caught.value.reference == "release-file"
    assert machine.boots() == ["1"]


def test_a_disk_that_does_not_keep_what_it_was_given_gets_no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(OLD)
    disk = machine.slots[1].data
    write = disk.write
    monkeypatch.setattr(disk, "write", lambda offset, data: write(offset, data[:-1] + b"\0"))
    with pytest.raises(VerificationError) as caught:
        machine.staging(NEXT, Memory()).run(NEW)
    assert caught.value.reference == "slot-broken"
    assert machine.boots() == ["1"]


def test_a_release_that_does_not_fit_is_told_so_before_anything_changes() -> None:
    machine = Machine(OLD, BEFORE, size=150)
    large = made("2", image(*range(500, 660)))
    with pytest.raises(AdamantError) as caught:
        machine.staging(large, Memory()).run(NEW)
    assert caught.value.reference == "release-too-large"
    assert machine.power.done == 0
    assert machine.boots() == ["1", "0.9"]


@pytest.mark.parametrize("part", ["data", "tree"])
def test_a_release_that_does_not_fit_is_not_even_fetched(part: str) -> None:
    machine, origin = Machine(OLD), Memory()
    disk = getattr(machine.slots[1], part)
    del disk.durable[BLOCK:]
    with pytest.raises(AdamantError) as caught:
        machine.staging(NEXT, origin).estimate()
    assert caught.value.reference == "release-too-large"
    with pytest.raises(AdamantError) as caught:
        machine.staging(NEXT, origin).run(NEW)
    assert caught.value.reference == "release-too-large"
    assert origin.given == []


@pytest.mark.parametrize(
    ("change", "reference"),
    [
        ({"root_hash": "ab" * 32}, "root-hash-differs"),
        ({"data_blocks": NEXT.release.data_blocks - 1}, "release-file"),
        ({"data_blocks": NEXT.release.data_blocks + 1}, "release-file"),
    ],
)
def test_a_release_whose_parts_do_not_belong_together_changes_nothing(change: dict[str, Any], reference: str) -> None:
    machine = Machine(OLD, BEFORE)
    torn = replace(NEXT, release=msgspec.structs.replace(NEXT.release, **change))
    with pytest.raises(VerificationError) as caught:
        machine.staging(torn, Memory()).run(NEW)
    assert caught.value.reference == reference
    assert machine.power.done == 0
    assert machine.boots() == ["1", "0.9"]


def test_a_release_whose_image_is_that_of_another_one_is_refused_at_its_first_block_that_differs() -> None:
    machine = Machine(OLD)
    torn = replace(NEXT, usr=NEXT.usr[: 40 * BLOCK] + made("3", image(*range(900, 1100))).usr[: len(NEXT.usr)])
    with pytest.raises(VerificationError) as caught:
        machine.staging(torn, Memory()).run(NEW)
    assert caught.value.reference == "block-differs"
    assert machine.boots() == ["1"]
    machine.staging(NEXT, Memory()).run(NEW)
    assert machine.boots() == ["2", "1"]


def test_a_block_that_the_running_slot_has_lost_is_fetched_instead() -> None:
    machine, origin = Machine(OLD), Memory()
    disk = machine.slots[0].data
    assert isinstance(disk, Disk)
    for lost in (70, 71, 100):
        disk.durable[(lost - 1) * BLOCK] ^= 1
    machine.staging(NEXT, origin).run(NEW)
    assert {10, 11} <= set(fetched_blocks(origin, NEXT))
    assert NEW.name in machine.esp.files


def test_a_running_uki_that_was_never_published_is_not_taken_for_the_one_that_was() -> None:
    machine, origin = Machine(OLD), Memory()
    built_again = made("1", OLD.usr, kernel=b"KERNEL" * 2000)
    machine.esp.files[machine.running.name] = built_again.uki
    size, _ = machine.staging(NEXT, Memory()).estimate()
    staging = machine.staging(NEXT, origin)
    staging.run(NEW)
    assert machine.esp.files[NEW.name] == NEXT.uki
    assert staging.fetched == size + len(NEXT.tree)


def test_an_image_that_shares_nothing_is_streamed_whole() -> None:
    other = made("2", image(*range(1000, 1090)))
    machine, origin = Machine(OLD), Memory()
    machine.staging(other, origin).run(NEW)
    assert fetched_blocks(origin, other) == list(range(90))
    assert machine.boots() == ["2", "1"]


def test_a_file_is_a_device(tmp_path: Path) -> None:
    path = tmp_path / "slot"
    path.write_bytes(bytes(100))
    device = BlockDevice(path)
    device.write(10, b"abc")
    device.flush()
    assert (device.size, device.read(9, 5), device.read(98, 10)) == (100, b"\0abc\0", b"\0\0")
    device.close()
    assert path.read_bytes()[10:13] == b"abc"
    with pytest.raises(AdamantError) as caught:
        device.read(0, 1)
    assert caught.value.reference == "slot-read"
    with pytest.raises(AdamantError) as caught:
        BlockDevice(tmp_path / "missing")
    assert caught.value.reference == "slot-device"


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("host_2.efi", Entry("host", "2", None, 0)),
        ("host_2+3.efi", Entry("host", "2", 3, 0)),
        ("my-host_1.2~rc1+2-1.efi", Entry("my-host", "1.2~rc1", 2, 1)),
        ("host_2+0-3.efi", Entry("host", "2", 0, 3)),
        ("host.efi", None),
        (".host_2.efi.tmp", None),
        ("host_2+3.efi.new", None),
        ("HOST_2.EFI", None),
        ("host_2+-1.efi", None),
        ("host_2.efi\n", None),
        ("host_\u0662.efi", None),
    ],
)
def test_a_file_name_is_an_entry_or_none(name: str, entry: Entry | None) -> None:
    assert entries.parse(name) == entry
    if entry is not None:
        assert entry.name == name


@given(st.one_of(st.text(), st.text("host_12+-.efi\n/0~^"), st.from_regex(r"host_[0-9.~]{1,5}\+?[0-9]*-?[0-9]*\.efi")))
def test_any_file_name_is_an_entry_that_reads_back_or_none(name: str) -> None:
    entry = entries.parse(name)
    if entry is not None:
        assert entries.parse(entry.name) == entry
        assert not set(entry.name) & set("/\\\0\n ")
        assert entries.order([entry, NEW, entry])


def test_the_menu_is_in_the_boot_loader_s_order() -> None:
    names = ["host_1.efi", "host_3+0-3.efi", "host_2+2-1.efi", "host_10.efi", "host_2.1.efi"]
    ordered = entries.order([entry for name in names if (entry := entries.parse(name))])
    assert [entry.name for entry in ordered] == [
        "host_10.efi",
        "host_2.1.efi",
        "host_2+2-1.efi",
        "host_1.efi",
        "host_3+0-3.efi",
    ]
