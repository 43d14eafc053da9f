"""By a patch, a machine makes a new kernel's modules of those it has; what does not come out to the byte is fetched."""

import random
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from adamant.core.xz import Packing
from adamant.model.layout import BLOCK
from adamant.node.update import entries
from adamant.release import changed_modules, modules, patch
from adamant.release.patches import Patch
from tests.unit.module_images import with_modules
from tests.unit.power_cuts import Cut, Machine, Memory, listed, made, made_patch
from tests.unit.test_update_patch import by_delta, by_patch

NEW = entries.fresh("host", "2")
OLD = made("1", with_modules(range(8), 1))
NEXT = made("2", with_modules(range(8), 2, others=1000))
MODULE_BLOCKS = range(19, 35)


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_modules, "GROUP", 14_000)


def head_of(one: tuple[Patch, bytes]) -> patch.Head:
    return patch.decode(one[1][: one[0].head_size], len(one[1]))


def section_of(one: tuple[Patch, bytes]) -> modules.Section:
    section = head_of(one).section
    assert section is not None
    return section


def test_an_update_with_a_new_kernel_fetches_nothing_of_the_image_and_what_the_estimate_said() -> None:
    machine, origin, one = Machine(OLD), Memory(), made_patch(OLD, NEXT)
    size, requests = machine.staging(NEXT, origin, [one]).estimate()
    assert machine.power.done == 0
    origin.given.clear()
    staging = machine.staging(NEXT, origin, [one])
    staging.run(NEW)
    assert machine.boots() == ["2", "1"]
    assert staging.way == "by a patch from 1"
    assert (staging.fetched, staging.requests) == (size + len(NEXT.tree) + one[0].head_size, requests + 2)
    assert by_delta(origin) == 0
    assert by_patch(origin) == one[0].file.size
    assert sum(group.size for group in section_of(one).groups) < BLOCK


def test_a_cut_at_every_operation_leaves_a_machine_that_boots_and_can_be_updated() -> None:
    one = made_patch(OLD, NEXT)
    whole = Machine(OLD)
    whole.staging(NEXT, Memory(), [one]).run(NEW)
    for cut in range(whole.power.done):
        machine, origin = Machine(OLD), Memory()
        machine.power.cut = cut
        with pytest.raises(Cut):
            machine.staging(NEXT, origin, [one]).run(NEW)
        machine.lose_power(random.Random(f"{cut}"))
        assert machine.boots() == ["1"]
        machine.staging(NEXT, origin, [one]).run(NEW)
        assert machine.boots() == ["2", "1"]
        assert by_delta(origin) == 0


def test_groups_whose_modules_are_there_are_not_fetched_again() -> None:
    one = made_patch(OLD, NEXT)
    head, groups = head_of(one), section_of(one).groups
    assert [len(group.modules) for group in groups] == [2, 2, 2, 2]
    machine, origin = Machine(OLD), Memory()
    for block in range(groups[0].modules[0].new.first, groups[1].modules[0].new.end):
        machine.slots[1].data.write(block * BLOCK, NEXT.usr[block * BLOCK : (block + 1) * BLOCK])
    machine.slots[1].data.flush()
    machine.staging(NEXT, origin, [one]).run(NEW)
    rest = sum(group.size for group in groups[1:]) + sum(segment.size for segment in head.segments)
    assert by_patch(origin) == head.size + rest, "of the second group half was there: it is needed for the rest"
    assert by_delta(origin) == 0


def test_a_module_that_the_running_slot_has_lost_costs_its_group_alone_and_nothing_is_fetched_of_that() -> None:
    one = made_patch(OLD, NEXT)
    machine, origin = Machine(OLD), Memory()
    machine.slots[0].data.write(24 * BLOCK, bytes(BLOCK))
    machine.slots[0].data.flush()
    staging = machine.staging(NEXT, origin, [one])
    staging.run(NEW)
    assert machine.slots[1].data.read(0, len(NEXT.usr)) == NEXT.usr
    assert staging.way.startswith("by a patch from 1, and by delta what it did not bring: the disk gives other bytes")
    assert by_delta(origin) == 4 * BLOCK
    assert by_patch(origin) == one[0].file.size - section_of(one).groups[1].size


def forged(change: Callable[[patch.Head], patch.Head]) -> tuple[Patch, bytes]:
    """A patch that its publisher vouches for, with another head of the same size."""
    one, data = made_patch(OLD, NEXT)
    head = change(patch.decode(data[: one.head_size], len(data)))
    whole = patch.encode(head) + data[one.head_size :]
    return listed(OLD, NEXT, whole, head.size), whole


def with_section(change: Callable[[modules.Section], modules.Section]) -> Callable[[patch.Head], patch.Head]:
    def edit(head: patch.Head) -> patch.Head:
        assert head.section is not None
        return replace(head, section=change(head.section))

    return edit


def test_a_machine_whose_xz_packs_otherwise_tries_one_group_and_takes_the_delta_for_modules() -> None:
    other = Packing(threaded=True, preset=0, dictionary=2)
    one = forged(with_section(lambda section: replace(section, packing=other)))
    machine, origin = Machine(OLD), Memory()
    staging = machine.staging(NEXT, origin, [one])
    staging.run(NEW)
    assert machine.boots() == ["2", "1"]
    assert staging.way.startswith("by a patch from 1, and by delta what it did not bring: modules that are packed on")
    assert by_delta(origin) == len(MODULE_BLOCKS) * BLOCK
    assert by_patch(origin) == one[0].file.size - sum(group.size for group in section_of(one).groups[1:])


def moved_module(section: modules.Section) -> modules.Section:
    first = section.groups[0].modules[0]
    far = replace(first, old=replace(first.old, first=len(OLD.usr) // BLOCK))
    group = replace(section.groups[0], modules=(far, *section.groups[0].modules[1:]))
    return replace(section, groups=(group, *section.groups[1:]))


def other_reference(section: modules.Section) -> modules.Section:
    one, two = section.groups[0].modules
    group = replace(section.groups[0], modules=(replace(one, old=two.old), replace(two, old=one.old)))
    return replace(section, groups=(group, *section.groups[1:]))


def other_digest(section: modules.Section) -> modules.Section:
    return replace(section, groups=(replace(section.groups[0], sha256=bytes(32)), *section.groups[1:]))


@pytest.mark.parametrize("how", [moved_module, other_reference, other_digest])
def test_a_section_that_is_of_no_use_is_said_and_the_delta_brings_the_rest(
    how: Callable[[modules.Section], modules.Section],
) -> None:
    machine, origin = Machine(OLD), Memory()
    staging = machine.staging(NEXT, origin, [forged(with_section(how))])
    staging.run(NEW)
    assert machine.boots() == ["2", "1"]
    assert "by delta" in staging.way
    assert by_delta(origin) >= len(MODULE_BLOCKS) * BLOCK


@pytest.mark.parametrize("at", range(4))
def test_a_damaged_group_ends_the_modules_and_what_came_before_it_counts(at: int) -> None:
    one, data = made_patch(OLD, NEXT)
    group = section_of((one, data)).groups[at]
    broken = data[: group.offset] + bytes([data[group.offset] ^ 1]) + data[group.offset + 1 :]
    machine, origin = Machine(OLD), Memory()
    staging = machine.staging(NEXT, origin, [(one, broken)])
    staging.run(NEW)
    assert machine.boots() == ["2", "1"]
    assert "a group of modules is not as its head says" in staging.way
    assert by_delta(origin) == (4 - at) * 4 * BLOCK


def test_a_patch_of_a_later_form_is_not_even_looked_at() -> None:
    one, data = made_patch(OLD, NEXT)
    machine, origin = Machine(OLD), Memory()
    staging = machine.staging(NEXT, origin, [(msgspec.structs.replace(one, form=3), data)])
    staging.run(NEW)
    assert by_patch(origin) == 0
    assert staging.way == "by delta, as no patch could be used: it is of a form that this release does not know"
    assert machine.boots() == ["2", "1"]


def test_of_two_forms_from_the_running_release_the_one_that_is_known_is_taken() -> None:
    one, data = made_patch(OLD, NEXT)
    machine, origin = Machine(OLD), Memory()
    staging = machine.staging(NEXT, origin, [(msgspec.structs.replace(one, form=3), data), (one, data)])
    staging.run(NEW)
    assert staging.way == "by a patch from 1"
