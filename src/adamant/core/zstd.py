"""Zstandard frames (RFC 8878) that refer to other bytes: `zstd --patch-from`, in memory.

The C library is called through ctypes: every image has it for kmod and systemd, while a Python package for it would be
1 MiB more. Both sides hold whole buffers, whose sizes the caller bounds; a frame never writes more than the caller
says, however much it would unpack to. It must not be given bytes that nobody signed: it is C that parses them.
"""

import ctypes
import functools

from adamant.model.errors import AdamantError, VerificationError

_LEVEL, _WINDOW_LOG, _LONG_DISTANCE, _CHECKSUM = 100, 101, 160, 201
"""Parameters of compression, by their numbers in zstd.h, which are stable."""


@functools.cache
def _library() -> ctypes.CDLL:
    """The library, with the types of what is called. Raises AdamantError `zstd-missing`."""
    try:
        found = ctypes.CDLL("libzstd.so.1")
        size, pointer, number = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int
        for name, result, arguments in (
            ("ZSTD_createCCtx", pointer, []),
            ("ZSTD_freeCCtx", size, [pointer]),
            ("ZSTD_CCtx_setParameter", size, [pointer, number, number]),
            ("ZSTD_CCtx_refPrefix", size, [pointer, ctypes.c_char_p, size]),
            ("ZSTD_compress2", size, [pointer, pointer, size, ctypes.c_char_p, size]),
            ("ZSTD_compressBound", size, [size]),
            ("ZSTD_createDCtx", pointer, []),
            ("ZSTD_freeDCtx", size, [pointer]),
            ("ZSTD_DCtx_refPrefix", size, [pointer, ctypes.c_char_p, size]),
            ("ZSTD_decompressDCtx", size, [pointer, pointer, size, ctypes.c_char_p, size]),
            ("ZSTD_isError", ctypes.c_uint, [size]),
            ("ZSTD_getErrorName", ctypes.c_char_p, [size]),
        ):
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise AdamantError(
            "zstd-missing", f"the library libzstd cannot be used: {error}", hint="Debian's package is libzstd1"
        ) from error
    return found


def compress(data: bytes, reference: bytes, level: int = 19) -> bytes:
    """One frame that unpacks to `data` for who has `reference`. Raises AdamantError `zstd-failed`."""
    library = _library()
    context = _made(library.ZSTD_createCCtx())
    try:
        window = max(10, (len(data) + len(reference)).bit_length())
        for parameter, value in ((_LEVEL, level), (_WINDOW_LOG, window), (_LONG_DISTANCE, 1), (_CHECKSUM, 0)):
            _checked(library, library.ZSTD_CCtx_setParameter(context, parameter, value))
        _checked(library, library.ZSTD_CCtx_refPrefix(context, reference, len(reference)))
        out = ctypes.create_string_buffer(library.ZSTD_compressBound(len(data)))
        size = _checked(library, library.ZSTD_compress2(context, out, len(out), data, len(data)))
        return ctypes.string_at(out, size)
    finally:
        library.ZSTD_freeCCtx(context)


def decompress(frame: bytes, reference: bytes, size: int) -> bytes:
    """The `size` bytes that `frame` unpacks to by `reference`.

    Raises VerificationError `zstd-broken` for a frame that is damaged, or unpacks to fewer or more bytes: no more than
    `size` are ever written.
    """
    library = _library()
    context = _made(library.ZSTD_createDCtx())
    try:
        _checked(library, library.ZSTD_DCtx_refPrefix(context, reference, len(reference)))
        out = ctypes.create_string_buffer(size)
        done = library.ZSTD_decompressDCtx(context, out, size, frame, len(frame))
        if library.ZSTD_isError(done):
            why = library.ZSTD_getErrorName(done).decode("ascii", "replace")
            raise VerificationError("zstd-broken", f"the frame cannot be unpacked: {why}")
        if done != size:
            raise VerificationError("zstd-broken", f"the frame unpacks to {done} bytes, not to {size}")
        return out.raw
    finally:
        library.ZSTD_freeDCtx(context)


def _made(context: int | None) -> int:
    if not context:
        raise AdamantError("zstd-failed", "zstd has no memory")
    return context


def _checked(library: ctypes.CDLL, result: int) -> int:
    if library.ZSTD_isError(result):
        why = library.ZSTD_getErrorName(result).decode("ascii", "replace")
        raise AdamantError("zstd-failed", f"zstd failed: {why}")
    return result
