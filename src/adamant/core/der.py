"""Elements of DER (ITU-T X.690, 8 and 10), read one after the other: for machines, which have no library for it.

All functions raise ValueError where the bytes are not of that form.
"""

INTEGER, BIT_STRING, OCTETS, OBJECT, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x06, 0x30, 0x31


def element(der: bytes, at: int, stop: int) -> tuple[int, int, int]:
    """Tag of the element at `at`, where its contents begin, and where they end; all of it before `stop`."""
    if at + 2 > stop:
        raise ValueError("it ends too early")
    tag, length, begin = der[at], der[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise ValueError("a tag of several bytes")
    if length > 0x80:
        count = length & 0x7F
        if count > 4 or begin + count > stop:
            raise ValueError("a length of several bytes that is cut off or too large")
        length = int.from_bytes(der[begin : begin + count], "big")
        begin += count
    elif length == 0x80:
        raise ValueError("a length that DER does not have")
    if begin + length > stop:
        raise ValueError("it ends too early")
    return tag, begin, begin + length


def expect(der: bytes, at: int, stop: int, wanted: int) -> tuple[int, int]:
    """Where the contents of the element of the tag `wanted` at `at` begin and end."""
    tag, begin, end = element(der, at, stop)
    if tag != wanted:
        raise ValueError(f"tag {tag:#04x} where {wanted:#04x} was expected")
    return begin, end


def skip(der: bytes, at: int, stop: int, wanted: int) -> int:
    """Where the element of the tag `wanted` at `at` ends."""
    return expect(der, at, stop, wanted)[1]


def encode(tag: int, contents: bytes) -> bytes:
    """An element."""
    size = len(contents)
    if size < 0x80:
        return bytes([tag, size]) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + contents
