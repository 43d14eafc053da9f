"""Identity of a tree: everything that the written image depends on, and nothing else.

What stays true: where contents lie on this computer, and which package ships a path, do not count. Imports model only.
"""

import hashlib

from adamant.model.digest import Identity
from adamant.model.errors import AdamantError
from adamant.model.tree import Kind, Tree


def tree_identity(tree: Tree) -> Identity:
    """Identity over path, type, mode, owner, target, contents, device and extended attributes of all entries."""
    digest = hashlib.sha256(b"adamant tree 1\n")
    for path in sorted(tree, key=_bytes):
        entry = tree[path]
        if entry.kind is Kind.FILE and entry.sha256 is None:
            raise AdamantError("contents-missing", f"{path} has no digest")
        attributes = [(name, value.hex()) for name, value in sorted(entry.xattrs)]
        row = (
            path,
            entry.kind.value,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.target,
            entry.size,
            entry.sha256 or "",
            entry.device,
            attributes,
        )
        # repr of plain values is unambiguous, and much faster than JSON for thousands of rows.
        digest.update(_bytes(repr(row)) + b"\n")
    return Identity(digest.hexdigest())


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
