"""Files in the .xz format (version 1.2.1), made again to the byte: what one unpacks to, and how it was packed.

The same encoder with the same settings gives the same bytes, so such a file need not travel as it is. `xz` writes two
forms. With threads, its default since 5.6, it cuts contents into blocks and states the sizes of each in its header;
liblzma's encoder for that is not in Python, so the container is written here, around the raw LZMA2 of each block.
Without threads there is one block that states nothing. Only files with CRC32 and the filter LZMA2 alone are known: the
kernel's decompressor reads no others. The encoder's output is no promise of liblzma: who needs certain bytes compares.
"""

import lzma
import zlib
from dataclasses import dataclass

from adamant.core import limits
from adamant.core.source import Source
from adamant.model.errors import VerificationError

MAGIC = b"\xfd7zXZ\0"
PRESETS = (*(p for n in (6, 9, 8, 7, 5, 4, 3, 2, 1, 0) for p in (n, n | lzma.PRESET_EXTREME)),)
"""All presets of xz, those that build systems use first."""

_FLAGS = b"\0\1"
"""Stream flags: CRC32."""
_LZMA2 = b"\x21\1"
"""The filter's number, and the size of its properties."""
_SIZES = 0xC0
"""Block flags: both sizes are stated."""
_SMALLEST_PART = 1 << 20
_CHUNK = 256 << 10


@dataclass(frozen=True, slots=True)
class Packing:
    """Settings of an encoder: with threads or without, a preset (lzma.PRESET_EXTREME is a bit of it), and the
    dictionary's size as the format's property byte, of at most limits.XZ_DICTIONARY bytes.

    Raises ValueError for settings that there are not.
    """

    threaded: bool
    preset: int
    dictionary: int

    def __post_init__(self) -> None:
        """Check them."""
        if self.preset not in PRESETS or not 0 <= self.dictionary <= 40 or self.dictionary_size > limits.XZ_DICTIONARY:
            raise ValueError(f"xz has no preset {self.preset} with the dictionary {self.dictionary}")

    @property
    def dictionary_size(self) -> int:
        """Bytes of the dictionary."""
        return (2 | self.dictionary & 1) << (self.dictionary // 2 + 11)

    @property
    def part(self) -> int:
        """Bytes of contents in one block, with threads."""
        return max(3 * self.dictionary_size, _SMALLEST_PART)


def candidates(packed: bytes) -> list[Packing]:
    """With what `packed` may have been made, by its headers: likely ones first, and none for what has no known form."""
    if packed[:8] != MAGIC + _FLAGS or len(packed) < 14:
        return []
    flags, at = packed[13], 14
    if flags == _SIZES:
        for _ in range(2):
            while at < len(packed) and packed[at] & 0x80:
                at += 1
            at += 1
    if flags not in {0, _SIZES} or packed[at : at + 2] != _LZMA2 or at + 2 >= len(packed):
        return []
    try:
        return [Packing(flags == _SIZES, preset, packed[at + 2]) for preset in PRESETS]
    except ValueError:
        return []


def pack(data: bytes, packing: Packing) -> bytes:
    """The file that xz makes of `data`, which is not empty. It needs about 16 times the dictionary of memory."""
    settings = {"id": lzma.FILTER_LZMA2, "preset": packing.preset, "dict_size": packing.dictionary_size}
    if not packing.threaded:
        return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=[settings])
    out = [MAGIC, _summed(_FLAGS)]
    records: list[bytes] = []
    for at in range(0, len(data), packing.part):
        part = data[at : at + packing.part]
        raw = lzma.compress(part, lzma.FORMAT_RAW, filters=[settings])
        header = _block_header(len(raw), len(part), packing)
        out += [header, raw, bytes(-len(raw) % 4), zlib.crc32(part).to_bytes(4, "little")]
        records.append(_number(len(header) + len(raw) + 4) + _number(len(part)))
    index = _summed(_padded(b"\0" + _number(len(records)) + b"".join(records)))
    foot = (len(index) // 4 - 1).to_bytes(4, "little") + _FLAGS
    return b"".join((*out, index, zlib.crc32(foot).to_bytes(4, "little"), foot, b"YZ"))


def unpack(packed: bytes, size: int) -> bytes:
    """The `size` bytes that the file `packed` unpacks to; it must end where `packed` does.

    Raises VerificationError `xz-broken`. No more than a byte above `size` is ever unpacked.
    """
    reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.XZ_MEMORY)
    try:
        data = reader.decompress(packed, size + 1)
    except lzma.LZMAError as error:
        raise VerificationError("xz-broken", f"an xz file cannot be unpacked: {error}") from error
    if len(data) != size or not reader.eof or reader.unused_data:
        raise VerificationError("xz-broken", f"an xz file of {len(packed)} bytes does not unpack to {size} bytes")
    return data


def find(image: Source, offset: int, most: int) -> tuple[int, bytes] | None:
    """The size and the contents of the xz file at `offset` of an image, if there is one that unpacks to at most `most`
    bytes."""
    reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.XZ_MEMORY)
    found: list[bytes] = []
    at, left = offset, most
    try:
        while not reader.eof:
            chunk = image.read(at, _CHUNK) if reader.needs_input else b""
            if reader.needs_input and not chunk:
                return None
            at += len(chunk)
            data = reader.decompress(chunk, left + 1)
            left -= len(data)
            if left < 0:
                return None
            found.append(data)
    except lzma.LZMAError:
        return None
    return at - len(reader.unused_data) - offset, b"".join(found)


def _block_header(raw: int, size: int, packing: Packing) -> bytes:
    """A block's header, as long as one with the largest sizes would be: xz leaves room before it knows them."""
    room = len(_number(packing.part))
    length = -(-(2 + 2 * room + 3 + 4) // 4) * 4
    body = bytes((length // 4 - 1, _SIZES)) + _number(raw) + _number(size) + _LZMA2 + bytes((packing.dictionary,))
    return _summed(body.ljust(length - 4, b"\0"))


def _summed(data: bytes) -> bytes:
    return data + zlib.crc32(data).to_bytes(4, "little")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _number(value: int) -> bytes:
    """A number in the format's variable length: seven bits a byte, the lowest first."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
