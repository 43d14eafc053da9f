"""An addon of systemd-stub(7): a program without code of its own, whose section .cmdline is added to the command line.

It is made of the empty addon that systemd-boot-efi has in each image (PE Format, Microsoft, section 3 and 4).
"""

import struct

from adamant.model.errors import AdamantError

_SECTION = b".cmdline"
_READ_DATA = 0x40000040
"""IMAGE_SCN_CNT_INITIALIZED_DATA and IMAGE_SCN_MEM_READ."""
_HEADER = struct.Struct("<8sIIIIIIHHI")


def make(empty: bytes, words: str) -> bytes:
    """The addon that adds `words`. Raises AdamantError `addon-malformed` when `empty` is no addon."""
    try:
        return _make(empty, words.encode() + b"\0")
    except (struct.error, ValueError) as error:
        raise AdamantError("addon-malformed", f"the image's empty addon cannot be read: {error}") from error


def _make(empty: bytes, text: bytes) -> bytes:
    head = struct.unpack_from("<I", empty, 0x3C)[0]
    if empty[head : head + 4] != b"PE\0\0":
        raise ValueError("no PE header")
    count, optional_size = struct.unpack_from("<H12xH", empty, head + 6)
    optional = head + 24
    align, file_align = struct.unpack_from("<II", empty, optional + 32)
    image_size, headers_size = struct.unpack_from("<II", empty, optional + 56)
    table = optional + optional_size
    place = table + _HEADER.size * count
    if place + _HEADER.size > headers_size or not align or not file_align:
        raise ValueError("no room for one more section")
    for index in range(count):
        size, start = struct.unpack_from("<II", empty, table + _HEADER.size * index + 16)
        if start + size > len(empty):
            raise ValueError("it is cut off")
    raw = _up(len(empty), file_align)
    data = bytearray(empty.ljust(raw, b"\0") + text.ljust(_up(len(text), file_align), b"\0"))
    size = _up(len(text), file_align)
    _HEADER.pack_into(data, place, _SECTION, len(text), image_size, size, raw, 0, 0, 0, 0, _READ_DATA)
    struct.pack_into("<H", data, head + 6, count + 1)
    struct.pack_into("<I", data, optional + 56, _up(image_size + len(text), align))
    return bytes(data)


def _up(value: int, unit: int) -> int:
    return -(-value // unit) * unit
