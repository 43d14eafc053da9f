"""Stages a release: writes its image and tree into a slot that is not in use, and its UKI, on trial, on the ESP.

What stays true at every moment, whatever is cut: the running release boots, and an entry of the boot menu whose slot is
not whole does not exist. So the order is: take from the menu what boots from the slot; make its tree unreadable; write
blocks, each checked before; check all of them again as the disk gives them back; write the tree, its first blocks last;
write the UKI under a name that the boot loader does not look at; rename it. Each step is flushed before the next. No
partition table is written.

Blocks come by a patch from the running release when that is fewer bytes, else by the delta. A patch that cannot be used
costs what was fetched of it, and the delta brings the rest.

Done again after an interruption, it finds what is there by its hashes: no block is fetched twice.
"""

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from adamant.core import limits, verity_tree
from adamant.core.source import Source
from adamant.core.verity_tree import DIGEST, Tree, hashes, read_tree
from adamant.model.digest import RootHash
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.layout import BLOCK
from adamant.node.update import entries
from adamant.node.update.devices import Slot, source
from adamant.node.update.entries import Entry
from adamant.node.update.origin import Origin
from adamant.node.update.tree import fetch as fetch_tree
from adamant.node.update.uki import Uki
from adamant.release import delta, modules, patch
from adamant.release.delta import Plan, Request
from adamant.release.index import File, Release
from adamant.release.patches import Patch

_AT_ONCE = 256
"""Blocks that are read and hashed at once: 1 MiB."""


class Esp(Protocol):
    """The folder of UKIs on the ESP."""

    def entries(self) -> list[Entry]:
        """What is there."""
        ...

    def remove(self, entry: Entry) -> None:
        """Take an entry away, durably."""
        ...

    def read(self, entry: Entry) -> Source:
        """The bytes of an entry."""
        ...

    def put(self, entry: Entry, chunks: Iterator[bytes]) -> None:
        """Write a file whole and durably, under a name that is none of an entry, and then give it its name."""
        ...


class Progress(NamedTuple):
    """How far it is: `done` of `total` of a step, in blocks or bytes."""

    step: str
    done: int
    total: int


class Patched(NamedTuple):
    """A patch that is to be used: its segments and groups of modules that hold blocks which are wanted."""

    patch: Patch
    head: patch.Head
    lists: patch.Lists
    segments: tuple[patch.Segment, ...]
    groups: tuple[modules.Group, ...]

    @property
    def size(self) -> int:
        """Bytes of them."""
        return sum(segment.size for segment in self.segments) + sum(group.size for group in self.groups)

    @property
    def requests(self) -> int:
        """How many requests they take."""
        return len(self.segments) + len(self.groups)


class Staging:
    """One release on its way into one slot.

    `running` is the entry that the machine was started from, and `old` its release, when the repository knows it: then
    sections that both UKIs have are not fetched. `patches` are those to the release, from whichever one.
    """

    def __init__(
        self,
        release: Release,
        old: Release | None,
        slot: Slot,
        active: Slot,
        esp: Esp,
        origin: Origin,
        running: Entry,
        watch: Callable[[Progress], None],
        patches: Sequence[Patch] = (),
    ) -> None:
        self._release = release
        self._old = old
        self._slot = slot
        self._active = active
        self._esp = esp
        self._origin = origin
        self._running = running
        self._watch = watch
        self._patches = patches
        self.way = ""
        """By what the image comes: patch, delta or whole; and why not by a patch, when there are some."""
        self.fetched = 0
        """Bytes that came from the origin."""
        self.requests = 0

    def run(self, entry: Entry) -> None:
        """Do all of it; at the end `entry` is on the ESP. Raises AdamantError, and can then be done again."""
        self._fits()
        tree_bytes, tree = self._tree()
        self._clear_menu()
        present = self._present(tree)
        plan = self.plan(tree, present)
        patched = self._patched(tree, plan)
        self._invalidate()
        if patched is not None:
            passed_over = self._write_modules(tree, plan, patched, present)
            failed = self._write_patched(tree, plan, patched, present)
            plan = self.plan(tree, present)
            if failed:
                self.way = _way(plan)
                self._no_patch(failed)
            elif passed_over:
                self.way += f", and {_way(plan)} what it did not bring: {passed_over}"
        self._write(tree, plan, present)
        self._slot.data.flush()
        self._sweep(tree)
        self._write_tree(tree_bytes)
        self._esp.put(entry, self._uki().chunks(self._fetch))

    def estimate(self) -> tuple[int, int]:
        """Bytes and requests that `run` will need, after the tree and a patch's head, which this fetches."""
        self._fits()
        _, tree = self._tree()
        plan = self.plan(tree, self._present(tree))
        patched = self._patched(tree, plan)
        size, requests = (patched.size, patched.requests) if patched else (plan.fetched_size, len(plan.requests))
        missing = self._uki().missing()
        return size + sum(end - first for first, end in missing), requests + len(missing)

    def _uki(self) -> Uki:
        old = self._old.uki.parts if self._old else ()
        return Uki(self._release.uki, old, self._esp.read(self._running))

    # -- the usr image -------------------------------------------------------------------------------------------------

    def _fetch(self, file: File, first: int, size: int) -> Iterator[bytes]:
        self.requests += 1
        for data in self._origin.read(_target(file), first, size):
            self.fetched += len(data)
            yield data

    def _tree(self) -> tuple[bytes, Tree]:
        """The new verity tree, as the root hash says."""
        file = self._release.verity
        return fetch_tree(self._release, self._active_tree, lambda at, size: self._fetch(file, at, size))

    def _fits(self) -> None:
        """Nothing of a release that does not fit is fetched; the tree, which says the same, is checked against it."""
        need = self._release.data_blocks * BLOCK
        if need > self._slot.data.size or self._release.verity.size > self._slot.tree.size:
            raise AdamantError(
                "release-too-large",
                f"the release needs {need >> 20} MiB, and a slot of this machine has {self._slot.data.size >> 20} MiB",
                hint="reinstall the machine with larger slots",
            )

    def _clear_menu(self) -> None:
        """Take every entry but the running one from the boot menu: one of them boots from the slot."""
        for entry in entries.others(self._esp.entries(), self._running):
            self._esp.remove(entry)

    def _present(self, tree: Tree) -> bytearray:
        """For each block 1 when the slot holds it in its place already, else 0."""
        salt = bytes.fromhex(tree.superblock.salt)
        total = tree.superblock.data_blocks
        present = bytearray(total)
        for first in range(0, total, _AT_ONCE):
            count = min(_AT_ONCE, total - first)
            found = hashes(self._slot.data.read(first * BLOCK, count * BLOCK), salt)
            for index in range(len(found) // DIGEST):
                at = (first + index) * DIGEST
                present[first + index] = found[index * DIGEST : (index + 1) * DIGEST] == tree.leaves[at : at + DIGEST]
            self._watch(Progress("compare", first + count, total))
        return present

    def plan(self, tree: Tree, present: bytearray) -> Plan:
        """Where what is not present comes from."""
        return delta.plan(tree, [self._active_tree], present)

    @functools.cached_property
    def _active_tree(self) -> Tree:
        return read_tree(source(self._active.label, self._active.tree))

    # -- by a patch ----------------------------------------------------------------------------------------------------

    def _patched(self, tree: Tree, plan: Plan) -> Patched | None:
        """The patch from the running release, if it is fewer bytes than the plan; `way` is what was chosen."""
        self.way = _way(plan)
        if not self._patches or not plan.requests:
            return None
        active = self._active_tree
        mine = [p for p in self._patches if p.base_root_hash == active.root_hash]
        if not mine:
            self._no_patch("none is from the running release")
            return None
        fitting = next((p for p in mine if p.form in patch.FORMS), None)
        if fitting is None:
            self._no_patch("it is of a form that this release does not know")
            return None
        if fitting.head_size >= plan.fetched_size:
            return None
        try:
            head = self._head(fitting, active, tree)
            found = patch.lists(active, tree, head.section)
        except AdamantError as error:
            self._no_patch(error.message)
            return None
        wanted = [plan.wanted(block) for block in found.moved]
        groups = tuple(modules.needed(head.section, plan.wanted)) if head.section else ()
        chosen = Patched(fitting, head, found, tuple(patch.needed(head, wanted)), groups)
        if chosen.size >= plan.fetched_size:
            return None
        self.way = f"by a patch from {fitting.base}"
        return chosen

    def _no_patch(self, why: str) -> None:
        self.way += f", as no patch could be used: {why}"

    def _head(self, found: Patch, active: Tree, tree: Tree) -> patch.Head:
        data = b"".join(self._fetch(found.file, 0, min(found.head_size, limits.PATCH_HEAD_SIZE)))
        if hashlib.sha256(data).hexdigest() != found.head_sha256:
            raise VerificationError("release-file", f"{found.file.path} is not as its release says")
        head = patch.decode(data, found.file.size)
        if (head.old, head.new) != (active.root_hash, tree.root_hash):
            raise VerificationError("release-file", f"{found.file.path} is between other images")
        return head

    def _write_modules(self, tree: Tree, plan: Plan, patched: Patched, present: bytearray) -> str:
        """Write the kernel modules that the patch makes of the running slot's, and mark their blocks as present.

        Nothing is fetched for a group whose old modules the disk has lost. It ends when a frame is of no use, or when
        nothing of a group comes out as it must. Why something was passed over, or nothing.
        """
        section, why = patched.head.section, ""
        if section is None:
            return why
        active, active_tree = source(self._active.label, self._active.data), self._active_tree
        for group in patched.groups:
            try:
                known = modules.reference(group, active, active_tree)
            except AdamantError as error:
                why = error.message
                continue
            try:
                frame = b"".join(self._fetch(patched.patch.file, group.offset, group.size))
                unpacked = modules.contents(group, frame, known)
            except AdamantError as error:
                return error.message
            came = False
            for module, blocks in modules.restore(section, group, unpacked, tree, plan.wanted):
                if blocks is None:
                    why = "modules that are packed on this machine are not as the release has them"
                    continue
                came = True
                for index, block in enumerate(range(module.new.first, module.new.end)):
                    if plan.wanted(block):
                        self._put(tree, block, blocks[index * BLOCK : (index + 1) * BLOCK])
                        present[block] = 1
                self._watch(Progress("write", sum(present), plan.blocks))
            if not came:
                break
        return why

    def _write_patched(self, tree: Tree, plan: Plan, patched: Patched, present: bytearray) -> str:
        """Write what the patch brings, and mark it as present.

        It ends at the first segment that is of no use; why, or nothing when all were of use.
        """
        active = source(self._active.label, self._active.data)
        total = tree.superblock.data_blocks
        for segment in patched.segments:
            try:
                frame = b"".join(self._fetch(patched.patch.file, segment.offset, segment.size))
                data = patch.unpack(patched.head, segment, frame, active, patched.lists, tree)
            except AdamantError as error:
                return error.message
            for index, block in enumerate(patched.lists.moved[segment.first : segment.end]):
                if plan.wanted(block):
                    self._put(tree, block, data[index * BLOCK : (index + 1) * BLOCK])
                    present[block] = 1
            self._watch(Progress("write", sum(present), total))
        return ""

    # -- by delta, and what a patch leaves -----------------------------------------------------------------------------

    def _invalidate(self) -> None:
        """Make the slot one that no root hash finds: superblock and top block of its tree become zeros."""
        self._slot.tree.write(0, bytes(2 * BLOCK))
        self._slot.tree.flush()

    def _write(self, tree: Tree, plan: Plan, present: bytearray) -> None:
        total = plan.blocks
        done = sum(present)
        for block in plan.zeros():
            self._put(tree, block, bytes(BLOCK))
            done += 1
        rotten: dict[int, None] = {}
        for copy in plan.copies():
            data = self._active.data.read(copy.source * BLOCK, BLOCK)
            if not _fits_leaf(tree, copy.block, data):
                rotten[copy.block] = None  # the running slot's disk has lost it: it is fetched instead
                continue
            self._slot.data.write(copy.block * BLOCK, data)
            done += 1
            if not done % _AT_ONCE:
                self._watch(Progress("write", done, total))
        for request in (*plan.requests, *delta.cut(delta.merged(rotten, 1))):
            for block, data in self._blocks(request):
                if plan.wanted(block) or block in rotten:
                    self._put(tree, block, data)
                    done += 1
            self._watch(Progress("write", done, total))

    def _blocks(self, request: Request) -> Iterator[tuple[int, bytes]]:
        """The blocks of an answer, as they come."""
        rest = bytearray()
        block = request.first
        for data in self._fetch(self._release.usr, request.first * BLOCK, request.size):
            rest += data
            while len(rest) >= BLOCK:
                yield block, bytes(rest[:BLOCK])
                del rest[:BLOCK]
                block += 1

    def _put(self, tree: Tree, block: int, data: bytes) -> None:
        """Write a block, if it is what its leaf says."""
        if not _fits_leaf(tree, block, data):
            raise VerificationError(
                "block-differs",
                f"block {block} of the new image is not as its verity tree says",
                hint="the repository, or something on the way to it, gives other bytes: nothing of them was written",
            )
        self._slot.data.write(block * BLOCK, data)

    def _sweep(self, tree: Tree) -> None:
        """Read all of the new image back from the disk."""
        data = source(self._slot.label, self._slot.data).part("the image", 0, self._release.data_blocks * BLOCK)
        broken = next(verity_tree.broken_blocks(data, tree), None)
        if broken is not None:
            raise VerificationError("slot-broken", f"the disk gave block {broken} back otherwise than it was written")

    def _write_tree(self, data: bytes) -> None:
        if len(data) > 2 * BLOCK:
            self._slot.tree.write(2 * BLOCK, data[2 * BLOCK :])
            self._slot.tree.flush()
        self._slot.tree.write(0, data[: 2 * BLOCK])
        self._slot.tree.flush()
        read_tree(source(self._slot.label, self._slot.tree), _root_hash(self._release))


def _fits_leaf(tree: Tree, block: int, data: bytes) -> bool:
    """Whether the block is what its leaf says."""
    return hashes(data, bytes.fromhex(tree.superblock.salt)) == tree.leaves[block * DIGEST : (block + 1) * DIGEST]


def _way(plan: Plan) -> str:
    return "whole" if plan.whole else "by delta"


def _target(file: File) -> str:
    """Where a repository keeps the file: by its digest (TUF, 6.2)."""
    folder, _, name = file.path.rpartition("/")
    return f"targets/{folder}/{file.sha256}.{name}"


def _root_hash(release: Release) -> RootHash:
    return RootHash(release.root_hash)
