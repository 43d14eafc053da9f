"""A machine whose power can be cut before any operation on its disk: slots, ESP, and a repository in memory.

What was written and not flushed is, after a cut, on the disk or not, each write for itself. An operation on the ESP is
one of the kernel's: a name is there or it is not, and a file's bytes are there once it was synced.
"""

import hashlib
import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from adamant.core import verity_tree
from adamant.core.source import Source
from adamant.model.arch import Arch
from adamant.model.digest import RootHash
from adamant.model.errors import VerificationError
from adamant.model.layout import BLOCK
from adamant.model.posture import Posture
from adamant.node.update import entries
from adamant.node.update.devices import Slot, source
from adamant.node.update.entries import Entry
from adamant.node.update.stage import Progress, Staging
from adamant.release import patch
from adamant.release.index import File, Part, Release
from adamant.release.patches import Patch
from tests.unit import image_maker
from tests.unit.image_maker import SALT


class Cut(BaseException):
    """The power is gone."""


@dataclass
class Power:
    """Counts operations, and is cut before the one with the number `cut`."""

    cut: int | None = None
    done: int = 0

    def use(self) -> None:
        if self.done == self.cut:
            raise Cut
        self.done += 1


@dataclass
class Disk:
    """A partition."""

    power: Power
    durable: bytearray
    pending: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.durable)

    @size.setter
    def size(self, value: int) -> None:
        raise AssertionError

    def read(self, offset: int, length: int) -> bytes:
        seen = bytearray(self.durable)
        for at, data in self.pending:
            seen[at : at + len(data)] = data
        return bytes(seen[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        self.power.use()
        assert offset + len(data) <= len(self.durable)
        self.pending.append((offset, bytes(data)))

    def flush(self) -> None:
        self.power.use()
        for at, data in self.pending:
            self.durable[at : at + len(data)] = data
        self.pending.clear()

    def lose(self, chance: random.Random) -> None:
        """What a cut does to what was not flushed: any of it is there, in any order."""
        kept = [write for write in self.pending if chance.random() < 0.5]
        chance.shuffle(kept)
        for at, data in kept:
            torn = chance.randrange(len(data)) if chance.random() < 0.2 else len(data)
            self.durable[at : at + torn] = data[:torn]
        self.pending.clear()


@dataclass
class Esp:
    """The folder of UKIs. `temporary` stands for files under names that are none of an entry."""

    power: Power
    files: dict[str, bytes] = field(default_factory=dict)

    def entries(self) -> list[Entry]:
        return [entry for name in self.files if (entry := entries.parse(name))]

    def remove(self, entry: Entry) -> None:
        self.power.use()
        del self.files[entry.name]

    def read(self, entry: Entry) -> Source:
        return image_maker.source(self.files[entry.name])

    def put(self, entry: Entry, chunks: Iterator[bytes]) -> None:
        data = b""
        for chunk in chunks:
            self.power.use()
            data += chunk
        self.power.use()
        self.files[entry.name] = data


@dataclass
class Memory:
    """A repository in memory, which counts what it gave."""

    files: dict[str, bytes] = field(default_factory=dict)
    given: list[tuple[str, int, int]] = field(default_factory=list)
    twist: Callable[[str, int, bytes], bytes] | None = None

    def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
        data = self.files[path][first : first + size]
        if self.twist is not None:
            data = self.twist(path, first, data)
        for at in range(0, len(data), 5000):
            self.given.append((path, first + at, len(data[at : at + 5000])))
            yield data[at : at + 5000]


@dataclass(frozen=True)
class Made:
    """A release with its bytes."""

    release: Release
    usr: bytes
    tree: bytes
    uki: bytes


def made(version: str, usr: bytes, kernel: bytes = b"kernel" * 2000) -> Made:
    """A release with that image."""
    tree = image_maker.verity(usr)
    root_hash = image_maker.root_hash(tree)
    sections = (b"head" * 128, kernel, f"usrhash={root_hash}".encode().ljust(512), b"signature" * 30)
    parts, at = [], 0
    for name, data in zip(("", ".linux", ".cmdline", ""), sections, strict=True):
        if name:
            parts.append(Part(name, at, len(data), hashlib.sha256(data).hexdigest()))
        at += len(data)
    uki = b"".join(sections)

    def file(name: str, data: bytes, file_parts: tuple[Part, ...] = ()) -> File:
        return File(f"host/{version}/{name}", len(data), hashlib.sha256(data).hexdigest(), file_parts)

    blocks = len(usr) // BLOCK
    small = file("manifest.json", b"{}")
    release = Release(
        version, Arch.AMD64, Posture.GUARDED, "6.12", root_hash, SALT, blocks,
        file("usr", usr), file("verity", tree), file("uki", uki, tuple(parts)), small, small,
    )  # fmt: skip
    return Made(release, usr, tree, uki)


def made_patch(old: Made, new: Made) -> tuple[Patch, bytes]:
    """A patch from one release to another, with its bytes."""
    out = io.BytesIO()
    sources = [image_maker.source(data) for data in (old.usr, old.tree, new.usr, new.tree)]
    trees = verity_tree.read_tree(sources[1]), verity_tree.read_tree(sources[3])
    head = patch.make(sources[0], trees[0], sources[2], trees[1], out)
    return listed(old, new, out.getvalue(), head.size), out.getvalue()


def listed(old: Made, new: Made, data: bytes, head_size: int) -> Patch:
    """A patch of those bytes, as a repository lists it."""
    release = new.release
    path = f"host/{release.version}/from-{old.release.version}.patch"
    file = File(path, len(data), hashlib.sha256(data).hexdigest())
    head = hashlib.sha256(data[:head_size]).hexdigest()
    root_hash = old.release.root_hash
    return Patch(release.version, release.arch, old.release.version, root_hash, file, head_size, head)


class Machine:
    """A machine that runs `old` from slot A. When there was a release `before`, slot B and an entry hold it."""

    def __init__(self, old: Made, before: Made | None = None, size: int = 256) -> None:
        self.power = Power()
        self.old = old
        self.slots = [self._slot(label, size) for label in ("usr-a", "usr-b")]
        self.esp = Esp(self.power)
        self.running = Entry("host", old.release.version, None, 0)
        self._fill(0, old)
        self.esp.files[self.running.name] = old.uki
        if before is not None:
            self._fill(1, before)
            self.esp.files[Entry("host", before.release.version, None, 0).name] = before.uki

    def _slot(self, label: str, size: int) -> Slot:
        return Slot(label, Disk(self.power, bytearray(size * BLOCK)), Disk(self.power, bytearray(16 * BLOCK)))

    def _fill(self, number: int, release: Made) -> None:
        slot = self.slots[number]
        for device, data in ((slot.data, release.usr), (slot.tree, release.tree)):
            assert isinstance(device, Disk)
            device.durable[: len(data)] = data

    def staging(self, new: Made, origin: Memory, patches: Sequence[tuple[Patch, bytes]] = ()) -> Staging:
        """An update to `new`; its files are put into `origin`, with the patches."""
        for one, data in patches:
            folder, _, name = one.file.path.rpartition("/")
            origin.files[f"targets/{folder}/{one.file.sha256}.{name}"] = data
        for file, data in ((new.release.usr, new.usr), (new.release.verity, new.tree), (new.release.uki, new.uki)):
            folder, _, name = file.path.rpartition("/")
            origin.files[f"targets/{folder}/{file.sha256}.{name}"] = data
        a, b = self.slots
        return Staging(
            new.release, self.old.release, b, a, self.esp, origin, self.running, _silent, [p for p, _ in patches]
        )

    def lose_power(self, chance: random.Random) -> None:
        """What was not flushed is lost, or not; the power comes back."""
        for slot in self.slots:
            for device in (slot.data, slot.tree):
                assert isinstance(device, Disk)
                device.lose(chance)
        self.power.cut, self.power.done = None, 0

    def boots(self) -> list[str]:
        """Versions of the entries of the boot menu whose slot is there and whole, in the menu's order.

        Raises AssertionError for an entry that would not boot: none may exist.
        """
        found = []
        for entry in entries.order(self.esp.entries()):
            uki = self.esp.files[entry.name]
            root_hash = RootHash(uki.partition(b"usrhash=")[2][:64].decode())
            assert self._slot_of(root_hash), f"{entry.name} is in the menu, and no slot has its image"
            found.append(entry.version)
        return found

    def _slot_of(self, root_hash: RootHash) -> bool:
        for slot in self.slots:
            try:
                tree = verity_tree.read_tree(source(slot.label, slot.tree), root_hash)
            except VerificationError:
                continue
            data = source(slot.label, slot.data).part("image", 0, tree.superblock.data_blocks * BLOCK)
            return not list(verity_tree.broken_blocks(data, tree))
        return False


def _silent(_progress: Progress) -> None:
    pass
