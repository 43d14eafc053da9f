"""The identity of Adamant's own sources: a step made by other code is another step."""

import hashlib
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from adamant.model.digest import Sha256


@cache
def sources_digest(*rooms: str) -> Sha256:
    """SHA-256 over names and contents of all files of the rooms (`compose`, `image` ...), byte code left out."""
    digest = hashlib.sha256()
    for room in sorted(rooms):
        for name, data in _files(resources.files("adamant").joinpath(room), room):
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
    return Sha256(digest.hexdigest())


def _files(folder: Traversable, name: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for item in sorted(folder.iterdir(), key=lambda i: i.name):
        path = f"{name}/{item.name}"
        if item.is_dir():
            if item.name != "__pycache__":
                found += _files(item, path)
        else:
            found.append((path, item.read_bytes()))
    return found
