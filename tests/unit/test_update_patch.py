"""A patch saves bytes and decides nothing: whatever is wrong with it, the delta brings the release, and it is whole."""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import msgspec
import pytest

from adamant.core import zstd
from adamant.model.digest import RootHash
from adamant.model.errors import AdamantError
from adamant.model.layout import BLOCK
from adamant.node.update import entries
from adamant.release import patch
from adamant.release.patches import Patch
from tests.unit.power_cuts import Cut, Machine, Memory, listed, made, made_patch
from tests.unit.test_release_patch import image

NEW = entries.fresh("host", "2")
OLD = made("1", image(*range(1, 140), 0, 0))
BEFORE = made("0.9", image(*range(40, 180)))
NEXT = made("2", image(*range(60, 90), 0, *range(200, 203), *range(1, 50), *range(1090, 1130), 0))


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch, "SEGMENT", 8)
    monkeypatch.setattr(patch, "WINDOW", 64)


def by_patch(origin: Memory) -> int:
    """Bytes that the repository gave of patches."""
    return sum(size for path, _, size in origin.given if path.endswith(".patch"))


def by_delta(origin: Memory) -> int:
    """Bytes that it gave of the image."""
    return sum(size for path, _, size in origin.given if path.endswith(".usr"))


def test_an_update_by_patch_fetches_nothing_of_the_image_and_what_the_estimate_said() -> None:
    machine, origin, one = Machine(OLD, BEFORE), Memory(), made_patch(OLD, NEXT)
    asked = machine.staging(NEXT, origin, [one])
    size, requests = asked.estimate()
    assert asked.way == "by a patch from 1"
    assert machine.power.done == 0
    origin.given.clear()
    staging = machine.staging(NEXT, origin, [one])
    staging.run(NEW)
    assert machine.boots() == ["2", "1"]
    assert staging.way == "by a patch from 1"
    assert (staging.fetched, staging.requests) == (size + len(NEXT.tree) + one[0].head_size, requests + 2)
    assert by_delta(origin) == 0
    assert by_patch(origin) == one[0].file.size < 10 * BLOCK


def test_of_several_patches_the_one_from_the_running_release_is_taken() -> None:
    machine, origin = Machine(OLD), Memory()
    staging = machine.staging(NEXT, origin, [made_patch(BEFORE, NEXT), made_patch(OLD, NEXT)])
    staging.run(NEW)
    assert staging.way == "by a patch from 1"
    assert by_delta(origin) == 0


def test_a_patch_that_is_larger_than_the_delta_is_not_used() -> None:
    """The other slot has the new blocks already, so that nothing is left to fetch."""
    machine, origin = Machine(OLD, NEXT), Memory()
    staging = machine.staging(NEXT, origin, [made_patch(OLD, NEXT)])
    staging.run(NEW)
    assert (by_patch(origin), by_delta(origin)) == (0, 0)
    assert staging.way == "by delta"


def test_a_cut_at_every_operation_leaves_a_machine_that_boots_and_can_be_updated() -> None:
    one = made_patch(OLD, NEXT)
    whole = Machine(OLD, BEFORE)
    whole.staging(NEXT, Memory(), [one]).run(NEW)
    operations = whole.power.done
    assert operations > 100
    for cut in range(operations):
        chance = random.Random(f"{cut}")
        machine, origin = Machine(OLD, BEFORE), Memory()
        machine.power.cut = cut
        with pytest.raises(Cut):
            machine.staging(NEXT, origin, [one]).run(NEW)
        machine.lose_power(chance)
        assert "1" in machine.boots()
        assert "2" not in machine.boots()
        machine.staging(NEXT, origin, [one]).run(NEW)
        assert machine.boots() == ["2", "1"]
        assert by_delta(origin) == 0


def test_a_segment_that_was_kept_is_not_fetched_again() -> None:
    one = made_patch(OLD, NEXT)
    head = patch.decode(one[1][: one[0].head_size], len(one[1]))
    assert len(head.segments) == 6
    machine, origin = Machine(OLD, BEFORE), Memory()
    trees = [Machine(r).staging(r, Memory())._tree()[1] for r in (OLD, NEXT)]
    moved = patch.lists(trees[0], trees[1]).moved
    for block in moved[: head.segments[3].first]:
        machine.slots[1].data.write(block * BLOCK, NEXT.usr[block * BLOCK : (block + 1) * BLOCK])
    machine.slots[1].data.flush()
    machine.staging(NEXT, origin, [one]).run(NEW)
    assert by_patch(origin) == head.size + sum(s.size for s in head.segments[3:])


def twisted(change: Callable[[bytes], bytes], head: bool = False) -> tuple[Memory, tuple[Patch, bytes]]:
    """A repository that gives other bytes for the patch's segments, or its head."""
    one = made_patch(OLD, NEXT)

    def twist(path: str, first: int, data: bytes) -> bytes:
        return change(data) if path.endswith(".patch") and (first == 0) == head else data

    return Memory(twist=twist), one


def forged(change: Callable[[patch.Head, list[bytes]], patch.Head]) -> tuple[Memory, tuple[Patch, bytes]]:
    """A patch that its publisher vouches for, and that is wrong all the same. Frames may be changed in place."""
    one, data = made_patch(OLD, NEXT)
    head = patch.decode(data[: one.head_size], len(data))
    frames = [data[s.offset : s.offset + s.size] for s in head.segments]
    head = change(head, frames)
    rows, offset = [], head.size
    for segment, frame in zip(head.segments, frames, strict=True):
        digest = hashlib.sha256(frame).digest()
        rows.append(replace(segment, offset=offset, size=len(frame), sha256=digest))
        offset += len(frame)
    head = replace(head, segments=tuple(rows))
    whole = patch.encode(head) + b"".join(frames)
    return Memory(), (listed(OLD, NEXT, whole, head.size), whole)


def bomb(head: patch.Head, frames: list[bytes]) -> patch.Head:
    frames[2] = zstd.compress(bytes(64 << 20), b"")
    return head


def other_block(head: patch.Head, frames: list[bytes]) -> patch.Head:
    frames[2] = zstd.compress(random.Random(7).randbytes(8 * BLOCK), b"")
    return head


def other_window(head: patch.Head, _frames: list[bytes]) -> patch.Head:
    rows = [replace(s, window_first=0, window_end=1) for s in head.segments]
    return replace(head, segments=tuple(rows))


def other_base(head: patch.Head, _frames: list[bytes]) -> patch.Head:
    return replace(head, old=RootHash(BEFORE.release.root_hash))


def other_lists(head: patch.Head, _frames: list[bytes]) -> patch.Head:
    return replace(head, gone=head.gone + 1)


def other_magic(data: bytes) -> bytes:
    return b"ADPATCH9" + data[8:]


FAULTS = {
    "a segment cut short": lambda: twisted(lambda data: data[:-1]),
    "a segment that does not end": lambda: twisted(lambda data: data * 50),
    "a damaged segment": lambda: twisted(lambda data: data[:-1] + bytes([data[-1] ^ 1])),
    "a head cut short": lambda: twisted(lambda data: data[:40], head=True),
    "a damaged head": lambda: twisted(other_magic, head=True),
    "a bomb": lambda: forged(bomb),
    "other blocks": lambda: forged(other_block),
    "another window": lambda: forged(other_window),
    "a head from another base": lambda: forged(other_base),
    "other lists": lambda: forged(other_lists),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_patch_that_is_of_no_use_is_said_and_the_delta_brings_the_rest(fault: str) -> None:
    origin, one = FAULTS[fault]()
    machine = Machine(OLD, BEFORE)
    staging = machine.staging(NEXT, origin, [one])
    staging.run(NEW)
    assert machine.boots() == ["2", "1"]
    assert staging.way.startswith("by delta, as no patch could be used: ")
    assert by_delta(origin) > 0


def test_what_a_patch_brought_before_its_fault_is_not_fetched_by_the_delta() -> None:
    origin, one = forged(other_block)
    Machine(OLD).staging(NEXT, origin, [one]).run(NEW)
    after_a_fault = by_delta(origin)
    origin.given.clear()
    Machine(OLD).staging(NEXT, origin).run(NEW)
    assert by_delta(origin) == after_a_fault + 16 * BLOCK


def test_a_patch_that_is_not_there_is_said_and_the_delta_taken() -> None:
    class Without(Memory):
        def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
            if path.endswith(".patch"):
                raise AdamantError("origin-failed", "the repository failed: the server answers 404 Not Found")
            return super().read(path, first, size)

    machine, origin = Machine(OLD), Without()
    staging = machine.staging(NEXT, origin, [made_patch(OLD, NEXT)])
    staging.run(NEW)
    assert machine.boots() == ["2", "1"]
    assert "404" in staging.way


def test_a_patch_from_another_release_is_not_even_looked_at() -> None:
    machine, origin = Machine(OLD), Memory()
    staging = machine.staging(NEXT, origin, [made_patch(BEFORE, NEXT)])
    staging.run(NEW)
    assert by_patch(origin) == 0
    assert staging.way == "by delta, as no patch could be used: none is from the running release"


def test_a_running_slot_that_gives_other_bytes_makes_no_wrong_block() -> None:
    machine, origin = Machine(OLD), Memory()
    machine.slots[0].data.write(100 * BLOCK, bytes(BLOCK))  # one of the blocks that the patch refers to
    machine.slots[0].data.flush()
    staging = machine.staging(NEXT, origin, [made_patch(OLD, NEXT)])
    staging.run(NEW)
    assert "other blocks" in staging.way
    assert machine.slots[1].data.read(0, len(NEXT.usr)) == NEXT.usr


def test_an_image_that_shares_nothing_and_a_patch_that_fails_is_streamed_whole() -> None:
    other = made("2", image(*range(1001, 1140)))
    one, data = made_patch(OLD, other)
    broken = data[: one.head_size] + bytes(len(data) - one.head_size)
    machine, origin = Machine(OLD), Memory()
    staging = machine.staging(other, origin, [(one, broken)])
    staging.run(NEW)
    assert staging.way.startswith("whole, as no patch could be used: ")
    assert machine.boots() == ["2", "1"]


def test_an_image_that_shares_nothing_comes_by_patch_all_the_same() -> None:
    other = made("2", image(*range(1001, 1140), 0))
    machine, origin = Machine(OLD, BEFORE), Memory()
    staging = machine.staging(other, origin, [made_patch(OLD, other)])
    staging.run(NEW)
    assert staging.way == "by a patch from 1"
    assert by_delta(origin) == 0
    assert machine.boots() == ["2", "1"]


def test_a_list_that_promises_too_large_a_head_gets_no_more_than_the_cap() -> None:
    one, data = made_patch(OLD, NEXT)
    huge = msgspec.structs.replace(one, head_size=300_000)
    machine, origin = Machine(OLD), Memory()
    machine.staging(NEXT, origin, [(huge, data)]).run(NEW)
    assert by_patch(origin) <= 256 << 10
    assert machine.boots() == ["2", "1"]
