"""The dm-verity tree of a usr image: made by veritysetup of the tools tree, read by a strict parser of our own.

The format is that of the kernel's Documentation/admin-guide/device-mapper/verity.rst with cryptsetup's superblock:
version 1, hash type 1 (the salt comes first), SHA-256, 4 KiB data and hash blocks. The leaves are the SHA-256 of every
4 KiB block of the image, signed through the root hash, which is the index that an update goes by.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from adamant.core import limits, proc
from adamant.model.digest import RootHash, Salt
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.layout import BLOCK
from adamant.packages.tools import ToolsTree

DIGEST = 32
"""Bytes of a leaf."""

FAN_OUT = BLOCK // DIGEST
"""Hashes in a hash block."""

_MAGIC = b"verity\0\0"
_FORMAT = struct.Struct("<8sII16s32sIIQH6x256s168s")


@dataclass(frozen=True, slots=True)
class Verity:
    """What a finished tree is known by. `data_blocks` counts blocks of 4 KiB."""

    root_hash: RootHash
    data_blocks: int


@dataclass(frozen=True, slots=True)
class Superblock:
    """The first block of a verity tree. Nothing in it is trusted: the root hash decides."""

    uuid: UUID
    data_blocks: int
    salt: Salt


def make_verity(usr: Path, salt: Salt, uuid: UUID, tools: ToolsTree, out: Path) -> Verity:
    """Write the verity tree of the image `usr` to the new file `out`. Raises ProgramFailed."""
    out.unlink(missing_ok=True)
    options = ("--format=1", "--hash=sha256", f"--data-block-size={BLOCK}", f"--hash-block-size={BLOCK}")
    argv = tools.argv("veritysetup", "format", *options, f"--salt={salt}", f"--uuid={uuid}", usr, out)
    result = proc.run("make the verity tree", argv, environment=tools.environment)
    with out.open("rb") as tree:
        superblock, root_hash = _read_root(tree)
    if superblock.data_blocks * BLOCK != usr.stat().st_size or root_hash.encode() not in result.stdout:
        raise AdamantError("verity-mismatch", "veritysetup wrote another tree than it says", context=str(out))
    return Verity(root_hash, superblock.data_blocks)


def read_root_hash(path: Path) -> RootHash:
    """Root hash of the verity tree in the file `path`: the hash of its top block. Raises VerificationError."""
    with path.open("rb") as tree:
        return _read_root(tree)[1]


def _read_root(tree: BinaryIO) -> tuple[Superblock, RootHash]:
    data = tree.read(2 * BLOCK)
    superblock = read_superblock(data)
    return superblock, root_hash(superblock, data[BLOCK:])


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


def leaf_hashes(path: Path, expected: RootHash | None = None, offset: int = 0) -> bytes:
    """The leaves of the tree at `offset` of the file `path`: 32 bytes for each data block, in order.

    Every level is checked against the one above, the top against `expected` (or against nothing, when that is None:
    then the leaves are consistent, but nobody vouches for them). Raises VerificationError.
    """
    with path.open("rb") as file:
        file.seek(offset)
        superblock, found = _read_root(file)
        if expected is not None and found != expected:
            raise VerificationError(
                "root-hash-differs",
                "the verity tree has another root hash",
                context=f"wanted: {expected}\nthere:  {found}",
            )
        salt = bytes.fromhex(superblock.salt)
        position = offset + BLOCK
        above = bytes.fromhex(found)
        for size in levels(superblock.data_blocks):
            file.seek(position)
            level = file.read(size * BLOCK)
            if len(level) != size * BLOCK:
                raise _malformed("it is cut short")
            if _hashes(level, salt) != above[: size * DIGEST] or any(above[size * DIGEST :]):
                raise VerificationError("verity-broken", f"the verity tree does not fit its own root hash {found}")
            position += len(level)
            above = level
        if any(above[superblock.data_blocks * DIGEST :]):
            raise _malformed("there is data behind its last leaf")
        return above[: superblock.data_blocks * DIGEST]


def _hashes(data: bytes, salt: bytes) -> bytes:
    view = memoryview(data)
    base = hashlib.sha256(salt)
    found: list[bytes] = []
    for start in range(0, len(view), BLOCK):
        digest = base.copy()
        digest.update(view[start : start + BLOCK])
        found.append(digest.digest())
    return b"".join(found)


def broken_blocks(image: Path, leaves: bytes, salt: Salt, offset: int = 0) -> Iterator[int]:
    """Numbers of the 4 KiB blocks of the image at `offset` of the file `image` that are not as `leaves` say."""
    key = bytes.fromhex(salt)
    chunk = 256
    with image.open("rb") as file:
        file.seek(offset)
        for first in range(0, len(leaves) // DIGEST, chunk):
            wanted = leaves[first * DIGEST : (first + chunk) * DIGEST]
            data = file.read(len(wanted) // DIGEST * BLOCK)
            found = _hashes(data, key)
            if found == wanted and len(data) % BLOCK == 0:
                continue
            for index in range(len(wanted) // DIGEST):
                place = slice(index * DIGEST, (index + 1) * DIGEST)
                if found[place] != wanted[place]:
                    yield first + index


def _malformed(why: str) -> VerificationError:
    return VerificationError("verity-malformed", f"this is not a verity tree of Adamant: {why}")
