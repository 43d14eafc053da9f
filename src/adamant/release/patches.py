"""Which patches a product has: from the image of which release to that of which. `kind: Patches`.

It is a target of its own beside the index of releases, since readers of that index refuse a field that they do not
know: a machine that knows nothing of patches takes the delta. Readers of this document pass over such fields.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from adamant.model.arch import Arch
from adamant.model.definition import NAME_PATTERN
from adamant.model.errors import InputError
from adamant.release.index import Digest, File, Release, Version


class Patch(Struct, frozen=True):
    """A patch to the usr image of release `version` from the one with the root hash `base_root_hash`.

    Its first `head_size` bytes have the digest `head_sha256`, and name the digest of each part behind them (patch.py):
    so parts of it can be fetched and believed alone. Machines pass over one of a `form` that they do not know.
    """

    version: Version
    arch: Arch
    base: Version
    base_root_hash: Digest
    file: File
    head_size: Annotated[int, Meta(ge=1)]
    head_sha256: Digest
    form: Annotated[int, Meta(ge=1)] = 1


class Patches(Struct, frozen=True, tag_field="kind", tag="Patches"):
    """All patches of a product."""

    product: Annotated[str, Meta(pattern=NAME_PATTERN)]
    patches: tuple[Patch, ...] = ()
    schema: int = 1


def encode(patches: Patches) -> bytes:
    """The bytes of the target."""
    return msgspec.json.format(msgspec.json.encode(patches, order="deterministic"), indent=1) + b"\n"


def decode(data: bytes) -> Patches:
    """The document from its bytes, which TUF has verified. Raises InputError `patches-malformed`."""
    try:
        return msgspec.json.decode(data, type=Patches)
    except msgspec.DecodeError as error:
        raise InputError("patches-malformed", f"the list of patches cannot be read: {error}") from error


def add(patches: Patches, made: Patch) -> Patches:
    """The list with a patch, in place of one between the same two releases."""
    names = (made.version, made.arch, made.base)
    rest = [p for p in patches.patches if (p.version, p.arch, p.base) != names]
    return msgspec.structs.replace(patches, patches=(*rest, made))


def to(patches: Patches, release: Release) -> tuple[Patch, ...]:
    """The patches to a release."""
    return tuple(p for p in patches.patches if (p.version, p.arch) == release.key)
