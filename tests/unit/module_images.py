"""Images that hold kernel modules as mkfs.erofs lays them: packed with xz, each from the begin of a block on."""

import random

from adamant.core import xz
from adamant.core.xz import Packing
from adamant.model.layout import BLOCK
from tests.unit.test_release_patch import image

PACKING = Packing(threaded=True, preset=6, dictionary=16)


def contents(number: int, edition: int, size: int = 6000) -> bytes:
    """A module, unpacked: those of two editions differ in a few bytes."""
    code = bytearray(random.Random(number).randbytes(size))
    code[100:108] = code[size // 2 : size // 2 + 8] = edition.to_bytes(8, "little")
    return b"\x7fELF" + code + b"\0license=GPL\0name=module_%d\0vermagic=6.12.%d\0" % (number, edition)


def padded(packed: bytes) -> bytes:
    return packed + bytes(-len(packed) % BLOCK)


def with_modules(numbers: range, edition: int, packing: Packing = PACKING, others: int = 0) -> bytes:
    """An image with those modules between other blocks, which differ between two values of `others`."""
    middle = [padded(xz.pack(contents(n, edition), packing)) for n in numbers]
    return image(*range(1, 20)) + b"".join(middle) + image(*range(others + 20, others + 40), 0)
