"""Which kernel modules of a new image can travel as a difference from those of an old one: the publisher's side.

Modules are found where they lie: mkfs.erofs cannot compress what xz has packed, so a file's bytes begin at a block and
follow one another. A file is one of ours when it is an xz file, is a module by its contents, and is packed again to
the same bytes. The old module of the same name is its reference; the choice decides about bytes only.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from adamant.core import xz, zstd
from adamant.core.source import Source
from adamant.core.xz import Packing
from adamant.model.layout import BLOCK
from adamant.release import modules
from adamant.release.modules import Group, Module, Place, Section

MOST = 6000
"""Modules of one patch: its head has a limit. A kernel of Debian has some 1,100 for clouds, and 4,000 in all."""
GROUP = 8 << 20
"""Bytes of new modules, unpacked, that share a frame, when it is more than one."""

_NAME = re.compile(rb"\0name=([A-Za-z0-9_]{1,64})\0")
"""The name in the section .modinfo of a module."""
_SAMPLES = 4
"""Modules by which the settings of xz are guessed."""
_SAMPLE_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Found:
    """A module in an image: its place, and its name."""

    place: Place
    name: bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """The section of a patch, and its frames, one for each group in order. The offsets of the groups are 0."""

    section: Section
    frames: tuple[bytes, ...]


def make(old: Source, gone: Sequence[int], new: Source, moved: Sequence[int]) -> Changed | None:
    """The modules among the blocks `moved` of the new image, by those among the blocks `gone` of the old one.

    None when there is none, or xz's settings are unknown.
    """
    there = {found.name: found.place for found in _modules(old, gone)}
    pairs = [Module(found.place, there[found.name]) for found in _modules(new, moved) if found.name in there]
    pairs = pairs[:MOST]
    packing = _packing(new, [pair.new for pair in pairs])
    if packing is None:
        return None
    exact = [pair for pair in pairs if xz.pack(_unpacked(new, pair.new), packing) == _packed(new, pair.new)]
    made = [_group(old, new, members) for members in _grouped(exact)]
    kept = [(group, frame) for group, frame in made if group.size < sum(module.new.size for module in group.modules)]
    if not kept:
        return None
    return Changed(Section(packing, tuple(group for group, _ in kept)), tuple(frame for _, frame in kept))


def _modules(image: Source, numbers: Sequence[int]) -> list[_Found]:
    """The modules that begin at a block of `numbers`, in order."""
    found: list[_Found] = []
    for block in numbers:
        if (found and block < found[-1].place.end) or image.read(block * BLOCK, len(xz.MAGIC)) != xz.MAGIC:
            continue
        packed = xz.find(image, block * BLOCK, modules.UNPACKED)
        if packed is None:
            continue
        size, data = packed
        place = Place(block, size, len(data))
        rest = image.read(block * BLOCK + size, (place.end - block) * BLOCK - size)
        names = _NAME.findall(data)
        if names and size <= modules.UNPACKED and len(rest) == -size % BLOCK and not any(rest):
            found.append(_Found(place, names[-1]))
    return found


def _packing(image: Source, places: Sequence[Place]) -> Packing | None:
    """The settings that make most of some modules again."""
    small = [place for place in places if place.unpacked <= _SAMPLE_SIZE]
    samples = [(_unpacked(image, p), _packed(image, p)) for p in small[:: -(-len(small) // _SAMPLES) or 1]]
    best, most = None, 0
    for packing in dict.fromkeys(packing for _, packed in samples for packing in xz.candidates(packed)):
        exact = sum(xz.pack(data, packing) == packed for data, packed in samples)
        if exact > most:
            best, most = packing, exact
        if most == len(samples):
            break
    return best


def _grouped(members: Sequence[Module]) -> list[tuple[Module, ...]]:
    """The modules in groups of about GROUP bytes, within the limits of one."""
    groups: list[list[Module]] = []
    new = old = 0
    for module in members:
        new, old = new + module.new.unpacked, old + module.old.unpacked
        if not groups or new > GROUP or old > modules.UNPACKED:
            groups.append([])
            new, old = module.new.unpacked, module.old.unpacked
        groups[-1].append(module)
    return [tuple(group) for group in groups]


def _group(old: Source, new: Source, members: tuple[Module, ...]) -> tuple[Group, bytes]:
    """A group and its frame, which was unpacked again."""
    known = b"".join(_unpacked(old, module.old) for module in members)
    data = b"".join(_unpacked(new, module.new) for module in members)
    frame = zstd.compress(data, known)
    group = Group(members, 0, len(frame), hashlib.sha256(frame).digest())
    if modules.contents(group, frame, known) != data:
        raise modules.malformed("zstd does not unpack what it has packed")
    return group, frame


def _packed(image: Source, place: Place) -> bytes:
    return image.exactly(place.first * BLOCK, place.size)


def _unpacked(image: Source, place: Place) -> bytes:
    return xz.unpack(_packed(image, place), place.unpacked)
