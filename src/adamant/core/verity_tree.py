"""Reads the dm-verity tree of a usr image: builds check it, inspections show it, updates are planned by it.

The format is that of the kernel's Documentation/admin-guide/device-mapper/verity.rst with cryptsetup's superblock:
version 1, hash type 1 (the salt comes first), SHA-256, 4 KiB data and hash blocks. The leaves are the SHA-256 of every
4 KiB block of the image, signed through the root hash. Nothing in a tree is trusted: the root hash decides.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from adamant.core import limits
from adamant.core.source import Source, open_source
from adamant.model.digest import RootHash, Salt
from adamant.model.errors import VerificationError
from adamant.model.layout import BLOCK

DIGEST = 32
"""Bytes of a leaf."""

FAN_OUT = BLOCK // DIGEST
"""Hashes in a hash block."""

_AT_ONCE = 256
"""Blocks that are hashed between two looks."""

_MAGIC = b"verity\0\0"
_FORMAT = struct.Struct("<8sII16s32sIIQH6x256s168s")


@dataclass(frozen=True, slots=True)
class Superblock:
    """The first block of a verity tree. Nothing in it is trusted: the root hash decides."""

    uuid: UUID
    data_blocks: int
    salt: Salt


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree that was read whole: `leaves` are 32 bytes for each data block, in order, `size` its own bytes."""

    superblock: Superblock
    root_hash: RootHash
    leaves: bytes
    size: int


def read_superblock(data: bytes) -> Superblock:
    """The superblock at the start of `data`, which has at least 512 bytes.

    Raises VerificationError (verity-malformed) for anything but the one form that Adamant writes.
    """
    if len(data) < _FORMAT.size:
        raise _malformed("its superblock is cut short")
    magic, version, kind, uuid, algorithm, data_block, hash_block, blocks, salt_size, salt, rest = _FORMAT.unpack_from(
        data
    )
    if magic != _MAGIC:
        raise _malformed("it does not begin as a verity tree")
    if (version, kind, data_block, hash_block) != (1, 1, BLOCK, BLOCK) or algorithm != b"sha256".ljust(32, b"\0"):
        raise _malformed("it is not version 1, hash type 1, SHA-256 with blocks of 4096 bytes")
    if salt_size != 32 or any(salt[32:]) or any(rest) or any(data[82:88]):
        raise _malformed("its salt is not 32 bytes, or there is data where none belongs")
    if not 2 <= blocks <= limits.USR_SIZE // BLOCK:
        raise _malformed(f"it is for {blocks} blocks, not for 2 to {limits.USR_SIZE // BLOCK}")
    return Superblock(UUID(bytes=uuid), blocks, Salt(salt[:32].hex()))


def read_root_hash(path: Path) -> RootHash:
    """Root hash of the verity tree in the file `path`: the hash of its top block. Raises VerificationError."""
    with open_source(path) as source:
        return read_root(source)[1]


def read_root(source: Source) -> tuple[Superblock, RootHash]:
    """Superblock and root hash of the tree at the start of `source`, from its first two blocks."""
    superblock = read_superblock(source.exactly(0, BLOCK))
    return superblock, root_hash(superblock, source.exactly(BLOCK, BLOCK))


def root_hash(superblock: Superblock, top: bytes) -> RootHash:
    """Root hash of a tree whose top block, the one behind the superblock, is `top`."""
    if len(top) != BLOCK:
        raise _malformed("its top block is cut short")
    return RootHash(hashlib.sha256(bytes.fromhex(superblock.salt) + top).hexdigest())


def levels(data_blocks: int) -> list[int]:
    """Blocks of each level, from the top block down to the leaves, as they follow one another in the file."""
    sizes: list[int] = []
    while data_blocks > 1:
        data_blocks = -(-data_blocks // FAN_OUT)
        sizes.insert(0, data_blocks)
    return sizes


def read_tree(source: Source, expected: RootHash | None = None) -> Tree:
    """The whole tree at the start of `source`.

    Every level is checked against the one above, the top against `expected` (or against nothing, when that is None:
    then the leaves are consistent, but nobody vouches for them). Raises VerificationError.
    """
    superblock, found = read_root(source)
    if expected is not None and found != expected:
        raise VerificationError(
            "root-hash-differs", "the verity tree has another root hash", context=f"wanted: {expected}\nthere:  {found}"
        )
    salt = bytes.fromhex(superblock.salt)
    position = BLOCK
    above = bytes.fromhex(found)
    for size in levels(superblock.data_blocks):
        level = source.exactly(position, size * BLOCK)
        if hashes(level, salt) != above[: size * DIGEST] or any(above[size * DIGEST :]):
            raise VerificationError("verity-broken", f"the verity tree does not fit its own root hash {found}")
        position += len(level)
        above = level
    if any(above[superblock.data_blocks * DIGEST :]):
        raise _malformed("there is data behind its last leaf")
    return Tree(superblock, found, above[: superblock.data_blocks * DIGEST], position)


def hashes(data: bytes, salt: bytes) -> bytes:
    """The hashes of the blocks of `data`, one after the other."""
    view = memoryview(data)
    base = hashlib.sha256(salt)
    found: list[bytes] = []
    for start in range(0, len(view), BLOCK):
        digest = base.copy()
        digest.update(view[start : start + BLOCK])
        found.append(digest.digest())
    return b"".join(found)


def broken_blocks(image: Source, tree: Tree) -> Iterator[int]:
    """Numbers of the 4 KiB blocks of `image` that are not as the leaves say. What is missing counts as broken."""
    salt = bytes.fromhex(tree.superblock.salt)
    for first in range(0, len(tree.leaves) // DIGEST, _AT_ONCE):
        wanted = tree.leaves[first * DIGEST : (first + _AT_ONCE) * DIGEST]
        found = hashes(image.read(first * BLOCK, len(wanted) // DIGEST * BLOCK), salt)
        if found == wanted:
            continue
        for index in range(len(wanted) // DIGEST):
            place = slice(index * DIGEST, (index + 1) * DIGEST)
            if found[place] != wanted[place]:
                yield first + index


def zero_leaf(salt: Salt) -> bytes:
    """The leaf of a block of zeros."""
    return hashes(bytes(BLOCK), bytes.fromhex(salt))


def _malformed(why: str) -> VerificationError:
    return VerificationError("verity-malformed", f"this is not a verity tree of Adamant: {why}")
