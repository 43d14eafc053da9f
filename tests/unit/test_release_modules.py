"""Kernel modules travel as the difference of what they unpack to, and count only when they come out to the byte."""

import hashlib
import io
import lzma
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import limits, verity_tree, xz, zstd
from adamant.core.verity_tree import Tree
from adamant.core.xz import Packing
from adamant.model.errors import VerificationError
from adamant.model.layout import BLOCK
from adamant.release import changed_modules, modules, patch
from adamant.release.modules import Group, Module, Place, Section
from adamant.release.patch import Head
from tests.unit import image_maker
from tests.unit.module_images import PACKING, contents, padded, with_modules
from tests.unit.test_release_patch import image

OLD = with_modules(range(8), 1)
NEW = with_modules(range(8), 2, others=1000)
MODULE_BLOCKS = range(19, 35)


def tree(data: bytes) -> Tree:
    return verity_tree.read_tree(image_maker.source(image_maker.verity(data)))


def make(old: bytes = OLD, new: bytes = NEW) -> tuple[Head, bytes]:
    out = io.BytesIO()
    head = patch.make(image_maker.source(old), tree(old), image_maker.source(new), tree(new), out)
    return head, out.getvalue()


def brought(head: Head, data: bytes, old: bytes = OLD, new: bytes = NEW) -> dict[int, bytes]:
    """The blocks that the modules of a patch bring."""
    assert head.section is not None
    found: dict[int, bytes] = {}
    for group in head.section.groups:
        known = modules.reference(group, image_maker.source(old), tree(old))
        unpacked = modules.contents(group, data[group.offset : group.offset + group.size], known)
        for module, blocks in modules.restore(head.section, group, unpacked, tree(new), lambda _block: True):
            assert blocks is not None
            for index, block in enumerate(range(module.new.first, module.new.end)):
                found[block] = blocks[index * BLOCK : (index + 1) * BLOCK]
    return found


def test_modules_of_a_new_kernel_cost_what_changed_in_them() -> None:
    head, data = make()
    assert head.form == 2
    blocks = brought(head, data)
    assert sorted(blocks) == list(MODULE_BLOCKS)
    assert all(NEW[n * BLOCK : (n + 1) * BLOCK] == block for n, block in blocks.items())
    assert head.section is not None
    assert sum(group.size for group in head.section.groups) < 1000
    lists = patch.lists(tree(OLD), tree(NEW), head.section)
    assert (head.moved, head.gone) == (len(lists.moved), len(lists.gone)) == (20, 20), "the rest comes by segments"
    assert not set(lists.moved) & set(MODULE_BLOCKS)


def test_a_head_is_read_as_it_was_written() -> None:
    head, data = make()
    assert patch.decode(data[: head.size], len(data)) == head
    assert patch.encode(head) == data[: head.size]


def test_it_is_the_same_each_time() -> None:
    assert make() == make()


def test_a_patch_between_images_whose_modules_are_equal_is_of_the_form_that_every_machine_knows() -> None:
    new = with_modules(range(8), 1, others=1000)
    head, data = make(OLD, new)
    assert (head.form, data[:8]) == (1, b"adpatch1")
    assert make()[1][:8] == b"adpatch2"


def test_modules_that_moved_and_new_ones_beside_them_are_told_apart() -> None:
    new = with_modules(range(2, 12), 2)
    head, data = make(OLD, new)
    assert head.section is not None
    assert len(list(head.section.modules)) == 6, "modules 8 to 11 have nothing that they resemble"
    assert sorted(brought(head, data, OLD, new)) == list(range(19, 31))


def test_a_module_that_was_packed_otherwise_comes_as_it_is() -> None:
    other = padded(xz.pack(contents(3, 2), Packing(threaded=False, preset=0, dictionary=16)))
    new = NEW[: 25 * BLOCK] + other + NEW[27 * BLOCK :]
    assert len(other) == 2 * BLOCK
    head, data = make(OLD, new)
    assert head.section is not None
    assert head.section.packing == PACKING
    assert sorted(brought(head, data, OLD, new)) == [n for n in MODULE_BLOCKS if n not in {25, 26}]
    assert head.moved == 22


def test_the_settings_of_xz_are_found() -> None:
    packing = Packing(threaded=False, preset=2 | lzma.PRESET_EXTREME, dictionary=18)
    old, new = with_modules(range(8), 1, packing), with_modules(range(8), 2, packing)
    head, data = make(old, new)
    assert head.section is not None
    assert xz.pack(contents(0, 2), head.section.packing) == xz.pack(contents(0, 2), packing)
    assert sorted(brought(head, data, old, new)) == list(MODULE_BLOCKS)


@pytest.mark.parametrize(
    "middle",
    [
        padded(xz.pack(contents(1, 2), PACKING)[:-1] + b"?"),
        padded(lzma.compress(contents(1, 2))),
        padded(xz.pack(b"no module", PACKING)),
        xz.pack(contents(1, 2), PACKING).ljust(2 * BLOCK, b"?"),
    ],
    ids=["broken", "another check", "no module", "other bytes behind it"],
)
def test_what_is_no_module_of_ours_comes_as_it_is(middle: bytes) -> None:
    old, new = image(*range(1, 20)) + padded(xz.pack(contents(1, 1), PACKING)), image(*range(1, 20)) + middle
    head, _ = make(old, new)
    assert head.form == 1


def test_what_resembles_nothing_comes_as_it_is() -> None:
    """Without a common byte xz, whose codes take parts of a bit, packs better than zstd."""
    old, new = (
        padded(xz.pack(bytes(random.Random(n).choices((n, n + 1), (1, 9), k=60_000)) + b"\0name=a\0", PACKING))
        for n in (20, 40)
    )
    assert make(image(1, 2) + old, image(1, 2) + new)[0].form == 1


def test_modules_are_cut_into_groups_within_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_modules, "GROUP", 14_000)
    head, data = make()
    assert head.section is not None
    assert [len(group.modules) for group in head.section.groups] == [2, 2, 2, 2]
    assert sorted(brought(head, data)) == list(MODULE_BLOCKS)
    assert [len(list(modules.needed(head.section, n.__eq__))) for n in (18, 19, 34, 35)] == [0, 1, 1, 0]


def test_a_module_that_is_too_large_comes_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "UNPACKED", 5000)
    assert make()[0].form == 1


def test_an_old_module_that_the_disk_gives_otherwise_is_never_unpacked() -> None:
    head, _ = make()
    assert head.section is not None
    broken = bytearray(OLD)
    broken[24 * BLOCK + 5] ^= 1
    with pytest.raises(VerificationError) as caught:
        modules.reference(head.section.groups[0], image_maker.source(bytes(broken)), tree(OLD))
    assert caught.value.reference == "patch-reference"


def test_another_encoder_makes_no_module_rather_than_a_wrong_one() -> None:
    head, data = make()
    assert head.section is not None
    (group,) = head.section.groups
    unpacked = modules.contents(
        group,
        data[group.offset : group.offset + group.size],
        modules.reference(group, image_maker.source(OLD), tree(OLD)),
    )
    other = replace(head.section, packing=Packing(threaded=True, preset=0, dictionary=4))
    made = list(modules.restore(other, group, unpacked, tree(NEW), lambda _block: True))
    assert [blocks for _, blocks in made] == [None] * 8


def test_only_modules_that_are_wanted_are_packed() -> None:
    head, data = make()
    assert head.section is not None
    (group,) = head.section.groups
    unpacked = b"".join(contents(n, 2) for n in range(8))
    made = list(modules.restore(head.section, group, unpacked, tree(NEW), lambda block: block == 24))
    assert [module.new.first for module, _ in made] == [23]
    assert data


@pytest.mark.parametrize(
    "frame",
    [b"\0", b"no frame", zstd.compress(bytes(64 << 20), b""), zstd.compress(bytes(1000), b"")],
    ids=["a byte", "no frame", "a bomb", "too short"],
)
def test_a_frame_that_unpacks_to_anything_else_is_refused(frame: bytes) -> None:
    head, _ = make()
    assert head.section is not None
    group = replace(head.section.groups[0], size=len(frame), sha256=hashlib.sha256(frame).digest())
    known = modules.reference(group, image_maker.source(OLD), tree(OLD))
    with pytest.raises(VerificationError):
        modules.contents(group, frame, known)
    with pytest.raises(VerificationError, match="not as its head says"):
        modules.contents(head.section.groups[0], frame, known)


def test_an_old_module_that_is_a_bomb_is_refused() -> None:
    bomb = padded(xz.pack(bytes(8 << 20), PACKING))
    old = image(*range(1, 4)) + bomb
    group = Group((Module(Place(9, 100, 100), Place(3, len(bomb), 1000)),), 0, 1, b"")
    with pytest.raises(VerificationError):
        modules.reference(group, image_maker.source(old), tree(old))


def changed(change: Callable[[Module], Module]) -> Callable[[Section], Section]:
    """A section whose second module is another."""

    def edit(section: Section) -> Section:
        (group,) = section.groups
        rows = [change(m) if n == 1 else m for n, m in enumerate(group.modules)]
        return replace(section, groups=(replace(group, modules=tuple(rows)),))

    return edit


HOSTILE: dict[str, Callable[[Section], Section]] = {
    "over each other": changed(lambda m: replace(m, new=replace(m.new, first=m.new.first - 1))),
    "backwards": changed(lambda m: replace(m, new=replace(m.new, first=0))),
    "no bytes": changed(lambda m: replace(m, new=replace(m.new, size=0))),
    "nothing unpacked": changed(lambda m: replace(m, old=replace(m.old, unpacked=0))),
    "a large module": changed(lambda m: replace(m, new=replace(m.new, unpacked=modules.UNPACKED))),
    "a large reference": changed(lambda m: replace(m, old=replace(m.old, unpacked=modules.UNPACKED))),
    "much to read": changed(lambda m: replace(m, old=replace(m.old, size=modules.UNPACKED))),
    "beyond any image": changed(lambda m: replace(m, old=replace(m.old, first=limits.USR_SIZE // BLOCK))),
    "an empty group": lambda s: replace(s, groups=(s.groups[0], Group((), 0, 1, bytes(32)))),
    "an empty frame": lambda s: replace(s, groups=(replace(s.groups[0], size=0),)),
    "a large frame": lambda s: replace(s, groups=(replace(s.groups[0], size=1 << 20),)),
    "no modules": lambda s: replace(s, groups=()),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_head_whose_modules_break_a_limit_is_refused(how: str) -> None:
    head, data = make()
    assert head.section is not None
    section = HOSTILE[how](head.section)
    more = sum(g.size for g in section.groups) - sum(g.size for g in head.section.groups)
    encoded = patch.encode(replace(head, section=section))
    size = len(data) + more + len(encoded) - head.size
    with pytest.raises(VerificationError) as caught:
        patch.decode(encoded, size)
    assert caught.value.reference == "patch-malformed"
    assert "are not all of it" not in caught.value.message


@pytest.mark.parametrize("which", ["old", "new"])
def test_modules_outside_of_their_image_are_refused(which: str) -> None:
    head, _ = make()
    assert head.section is not None
    (group,) = head.section.groups
    last = group.modules[-1]
    far = replace(last, **{which: Place(len(OLD) // BLOCK - 1, 2 * BLOCK, 100)})
    section = replace(head.section, groups=(replace(group, modules=(*group.modules[:-1], far)),))
    with pytest.raises(VerificationError, match="outside of its image"):
        patch.lists(tree(OLD), tree(NEW), section)


HEAD, DATA = make()
assert HEAD.section is not None
SECTION_SIZE = HEAD.section.size


@given(st.integers(0, HEAD.size - 1), st.integers(1, 255))
def test_a_head_that_was_changed_keeps_every_limit_or_is_refused(at: int, by: int) -> None:
    data = bytearray(DATA[: HEAD.size])
    data[at] ^= by
    try:
        head = patch.decode(bytes(data), len(DATA))
        lists = patch.lists(tree(OLD), tree(NEW), head.section)
    except VerificationError:
        return
    section = head.section
    assert section is not None
    assert section.packing.dictionary_size <= limits.XZ_DICTIONARY
    covered: list[int] = []
    for group in section.groups:
        assert group.unpacked_size <= modules.UNPACKED
        assert sum(module.old.unpacked for module in group.modules) <= modules.UNPACKED
        assert group.offset + group.size <= len(DATA)
        for module in group.modules:
            assert module.old.end <= len(OLD) // BLOCK
            covered += range(module.new.first, module.new.end)
    assert len(covered) == len(set(covered))
    assert all(0 <= block < len(NEW) // BLOCK for block in covered)
    assert not set(covered) & set(lists.moved)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_section_or_are_refused(data: bytes) -> None:
    for begin in (b"", b"\1\6\x10\0" + (len(data) // 24).to_bytes(4, "little") + bytes(4)):
        with pytest.raises(VerificationError):
            modules.decode(begin + data, 0)
