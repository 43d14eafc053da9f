"""Numbers that others take at random, derived: identifiers and salts of an image from its name and version.

Equal names give equal numbers on every computer, so that two builds of one definition are the same bytes.
"""

import hashlib
from uuid import UUID

from adamant.model.digest import Salt


def _bytes(purpose: str, names: tuple[str, ...]) -> bytes:
    return hashlib.sha256("\0".join(("adamant", purpose, *names)).encode()).digest()


def guid(purpose: str, *names: str) -> UUID:
    """A UUID version 8 (RFC 9562, section 5.8) for `purpose` ("disk", "usr") of what `names` name.

    Different purposes or names give different UUIDs.
    """
    value = bytearray(_bytes(purpose, names)[:16])
    value[6] = value[6] & 0x0F | 0x80
    value[8] = value[8] & 0x3F | 0x80
    return UUID(bytes=bytes(value))


def volume_id(*names: str) -> int:
    """The 32-bit serial number of a FAT volume."""
    return int.from_bytes(_bytes("volume", names)[:4], "little")


def salt(product: str) -> Salt:
    """The dm-verity salt of a product, one for all its versions: only so do equal blocks have equal leaves."""
    return Salt(_bytes("salt", (product,)).hex())
