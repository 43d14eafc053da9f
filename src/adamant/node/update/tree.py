"""Fetches the verity tree of a release, but for what the tree of the running release has too.

The upper levels come first: they name each block of the leaves by its hash, and a block that the running tree has, at
whatever place, is not fetched. Nothing is trusted on the way: at the end the file's digest and the root hash decide.
"""

import hashlib
from collections.abc import Callable, Iterator

from adamant.core.source import Source
from adamant.core.verity_tree import DIGEST, Tree, hashes, levels, read_tree
from adamant.model.digest import RootHash
from adamant.model.errors import VerificationError
from adamant.model.layout import BLOCK
from adamant.release import delta
from adamant.release.index import Release


def fetch(release: Release, running: Tree, read: Callable[[int, int], Iterator[bytes]]) -> tuple[bytes, Tree]:
    """The tree of `release`, as bytes and as what they say. `read` gives so many bytes of its file from a place on.

    Raises VerificationError `release-file` when the file is not as its release says.
    """
    file = release.verity
    sizes = levels(release.data_blocks)
    if not sizes or file.size != (1 + sum(sizes)) * BLOCK:
        raise VerificationError("release-file", f"{file.path} is not the tree of its release")
    lowest = sizes[-1] * BLOCK
    if lowest <= delta.GAP:
        data = b"".join(read(0, file.size))
    else:
        above = b"".join(read(0, file.size - lowest))
        data = above + _leaves(sizes[-1], above[-sizes[-2] * BLOCK :], running, file.size - lowest, read)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise VerificationError("release-file", f"{file.path} is not as its release says")
    tree = read_tree(Source(file.path, len(data), lambda at, n: data[at : at + n]), RootHash(release.root_hash))
    if tree.superblock.data_blocks != release.data_blocks or tree.size != len(data):
        raise VerificationError("release-file", f"{file.path} is not the tree of its release")
    return data, tree


def _leaves(count: int, wanted: bytes, running: Tree, begin: int, read: Callable[[int, int], Iterator[bytes]]) -> bytes:
    """The `count` blocks of leaves, which begin at `begin` of the file and whose hashes are `wanted`."""
    there = running.leaves + bytes(-len(running.leaves) % BLOCK)
    found = hashes(there, bytes.fromhex(running.superblock.salt))
    known = {found[at : at + DIGEST]: at // DIGEST * BLOCK for at in range(0, len(found), DIGEST)}
    made = bytearray(count * BLOCK)
    missing: list[int] = []
    for number in range(count):
        at = known.get(wanted[number * DIGEST : (number + 1) * DIGEST])
        if at is None:
            missing.append(number)
        else:
            made[number * BLOCK : (number + 1) * BLOCK] = there[at : at + BLOCK]
    for first, end in delta.merged(missing, delta.GAP // BLOCK + 1):
        made[first * BLOCK : end * BLOCK] = b"".join(read(begin + first * BLOCK, (end - first) * BLOCK))
    return bytes(made)
