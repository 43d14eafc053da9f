"""A patch brings what the old image has not, in parts that are each checked before anything of them is written."""

import hashlib
import io
import random
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import limits, verity_tree, zstd
from adamant.core.verity_tree import Tree
from adamant.model.digest import RootHash, Salt
from adamant.model.errors import InputError, VerificationError
from adamant.model.layout import BLOCK
from adamant.release import patch, patches
from adamant.release.patch import Head, Segment
from adamant.release.patches import Patch, Patches
from tests.unit import image_maker
from tests.unit.power_cuts import made, made_patch


def image(*names: int) -> bytes:
    """A block for each number, 0 is zeros; blocks n and n + 1000 differ in a few bytes."""
    blocks = []
    for n in names:
        block = bytearray(random.Random(n % 1000).randbytes(BLOCK)) if n else bytearray(BLOCK)
        block[:2] = n.to_bytes(2, "big")
        blocks.append(bytes(block))
    return b"".join(blocks)


OLD = image(*range(1, 60), 0)
NEW = image(*range(1, 20), 1005, 1021, 0, *range(22, 50), *range(1050, 1060), 700)


def tree(data: bytes) -> Tree:
    return verity_tree.read_tree(image_maker.source(image_maker.verity(data)))


def make(old: bytes = OLD, new: bytes = NEW) -> tuple[Head, bytes]:
    out = io.BytesIO()
    head = patch.make(image_maker.source(old), tree(old), image_maker.source(new), tree(new), out)
    return head, out.getvalue()


def apply(data: bytes, head_size: int, old: bytes = OLD, new: bytes = NEW) -> dict[int, bytes]:
    """The blocks that a patch brings."""
    head = patch.decode(data[:head_size], len(data))
    found = patch.lists(tree(old), tree(new))
    brought: dict[int, bytes] = {}
    for segment in head.segments:
        frame = data[segment.offset : segment.offset + segment.size]
        blocks = patch.unpack(head, segment, frame, image_maker.source(old), found, tree(new))
        for index, number in enumerate(found.moved[segment.first : segment.end]):
            brought[number] = blocks[index * BLOCK : (index + 1) * BLOCK]
    return brought


def test_it_brings_the_blocks_that_the_old_image_has_not_and_no_others() -> None:
    head, data = make()
    brought = apply(data, head.size)
    assert sorted(brought) == [19, 20, *range(50, 61)]
    assert all(NEW[n * BLOCK : (n + 1) * BLOCK] == block for n, block in brought.items())
    assert len(data) < 3 * BLOCK, "what resembles a block that went travels as the difference"


def test_what_is_longer_than_a_segment_is_cut_and_windows_lie_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch, "SEGMENT", 4)
    monkeypatch.setattr(patch, "WINDOW", 5)
    head, data = make(image(*range(1, 40)), image(*range(1001, 1040)))
    assert [s.end - s.first for s in head.segments] == [4] * 9 + [3]
    assert all(s.window_end - s.window_first == 5 for s in head.segments)
    assert len(apply(data, head.size, image(*range(1, 40)), image(*range(1001, 1040)))) == 39
    assert len(data) < 10 * BLOCK


def test_images_without_a_common_salt_are_patched_as_a_whole() -> None:
    old = verity_tree.read_tree(image_maker.source(image_maker.verity(OLD, Salt("77" * 32))))
    out = io.BytesIO()
    head = patch.make(image_maker.source(OLD), old, image_maker.source(NEW), tree(NEW), out)
    assert head.moved == 60, "all but the block of zeros"
    assert len(out.getvalue()) < 3 * BLOCK


def test_a_patch_between_equal_images_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        make(OLD, OLD)
    assert caught.value.reference == "patch-useless"


def test_it_is_the_same_each_time() -> None:
    assert make() == make()


@pytest.mark.parametrize("at", [0, -1, 200])
def test_a_damaged_frame_is_never_unpacked(at: int) -> None:
    head, data = make()
    broken = bytearray(data)
    broken[head.size + at if at >= 0 else at] ^= 1
    with pytest.raises(VerificationError, match="not as its head says"):
        apply(bytes(broken), head.size)


def test_a_patch_on_another_old_image_gives_nothing() -> None:
    head, data = make()
    with pytest.raises(VerificationError):
        apply(data, head.size, old=image(*range(1, 20), *range(500, 541)))
    changed = bytearray(OLD)
    changed[54 * BLOCK + 9] ^= 1  # the tree is the right one, the disk gives another byte
    found = patch.lists(tree(OLD), tree(NEW))
    frame = data[head.size :]
    with pytest.raises(VerificationError, match="other blocks"):
        patch.unpack(head, head.segments[0], frame, image_maker.source(bytes(changed)), found, tree(NEW))


def signed(frame: bytes) -> tuple[Head, bytes]:
    """A patch with that frame, by a publisher who vouches for it."""
    head, _ = make()
    segment = replace(head.segments[0], size=len(frame), sha256=hashlib.sha256(frame).digest())
    head = replace(head, segments=(segment,))
    return head, patch.encode(head) + frame


@pytest.mark.parametrize(
    "frame",
    [
        b"\0",
        b"not a frame of zstd at all",
        zstd.compress(bytes(64 << 20), b""),
        zstd.compress(bytes(13 * BLOCK - 1), b""),
        zstd.compress(bytes(13 * BLOCK), b""),
        zstd.compress(bytes(13 * BLOCK), b"")[:-1],
    ],
    ids=["a byte", "no frame", "a bomb", "one byte less", "other blocks", "cut short"],
)
def test_a_frame_that_unpacks_to_anything_else_is_refused(frame: bytes) -> None:
    head, data = signed(frame)
    assert head.segments[0].unpacked_size == 13 * BLOCK
    with pytest.raises(VerificationError):
        apply(data, head.size)


def test_a_bomb_is_written_no_further_than_was_asked_for() -> None:
    with pytest.raises(VerificationError) as caught:
        zstd.decompress(zstd.compress(bytes(64 << 20), b""), b"", 1 << 20)
    assert caught.value.reference == "zstd-broken"


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_bytes_are_a_head_or_are_refused(data: bytes, size: int) -> None:
    with pytest.raises(VerificationError):
        patch.decode(data, size)


HEAD = make()[0]


@given(st.integers(0, HEAD.size - 1), st.integers(1, 255), st.integers(0, 1 << 20))
def test_a_head_that_was_changed_keeps_every_limit_or_is_refused(at: int, by: int, more: int) -> None:
    data = bytearray(patch.encode(HEAD))
    data[at] ^= by
    total = HEAD.size + HEAD.segments[0].size
    for size in (total, total + more):
        try:
            head = patch.decode(bytes(data), size)
        except VerificationError:
            continue
        assert head.size == len(data)
        assert max(head.moved, head.gone) <= limits.USR_SIZE // BLOCK
        assert head.segments[-1].end == head.moved
        assert head.segments[-1].offset + head.segments[-1].size == size
        for segment in head.segments:
            assert 0 < segment.unpacked_size <= patch.SEGMENT * BLOCK
            assert segment.window_first <= segment.window_end <= head.gone
            assert segment.window_end - segment.window_first <= patch.WINDOW


@st.composite
def heads(draw: st.DrawFn) -> Head:
    gone = draw(st.integers(0, 100))
    segments: list[Segment] = []
    first, offset = 0, 84 + 48 * (count := draw(st.integers(0, 5)))
    for _ in range(count):
        end, size = first + draw(st.integers(1, patch.SEGMENT)), draw(st.integers(1, patch.FRAME_SIZE))
        begin = draw(st.integers(0, gone))
        segments.append(
            Segment(
                first,
                end,
                begin,
                draw(st.integers(begin, gone)),
                offset,
                size,
                draw(st.binary(min_size=32, max_size=32)),
            )
        )
        first, offset = end, offset + size
    root = RootHash("ab" * 32)
    return Head(root, root, first, gone, tuple(segments))


@given(heads())
def test_a_head_is_read_as_it_was_written(head: Head) -> None:
    end = head.segments[-1].offset + head.segments[-1].size if head.segments else head.size
    assert patch.decode(patch.encode(head), end) == head


def test_the_list_of_patches_is_read_as_it_was_written_and_by_readers_of_earlier_ones() -> None:
    one, _ = made_patch(made("1", OLD), made("2", NEW))
    listed = patches.add(Patches("host"), one)
    assert patches.decode(patches.encode(listed)) == listed
    assert patches.add(listed, one) == listed
    assert patches.to(listed, made("2", NEW).release) == (one,)
    assert patches.to(listed, made("3", NEW).release) == ()
    later = patches.encode(listed).replace(b'"product"', b'"later": 1, "product"')
    assert patches.decode(later) == listed
    with pytest.raises(InputError) as caught:
        patches.decode(b'{"kind": "Patches"}')
    assert caught.value.reference == "patches-malformed"
    assert isinstance(msgspec.json.decode(patches.encode(listed), type=Patches).patches[0], Patch)
