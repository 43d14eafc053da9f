"""The archive that Linux unpacks as its first root file system: cpio, format "newc".

Format: Documentation/driver-api/early-userspace/buffer-format.rst of Linux. Inodes are numbered in order, all owners
are root, all times 0: equal files give equal bytes. Pure functions; must not import other rooms.
"""

from collections.abc import Mapping

from adamant.model.errors import AdamantError

_DIRECTORY = 0o040755
_FILE = 0o100000
_END = "TRAILER!!!"


def archive(contents: Mapping[str, tuple[int, bytes]]) -> bytes:
    """A cpio archive of the regular files `contents`, path -> (permission bits, bytes), sorted by path.

    Paths are relative, without a leading slash; folders above them are made, mode 0755.
    """
    entries: dict[str, tuple[int, bytes]] = {}
    for path, (mode, data) in contents.items():
        parts = path.split("/")
        if not path.isascii() or any(part in {"", ".", ".."} or "\0" in part for part in parts):
            raise AdamantError("cpio-path", f"not a path for an initrd: {path!r}")
        for depth in range(1, len(parts)):
            entries["/".join(parts[:depth])] = (_DIRECTORY, b"")
        entries[path] = (_FILE | mode & 0o7777, data)
    out = bytearray()
    for number, path in enumerate(sorted(entries), start=1):
        mode, data = entries[path]
        _append(out, number, path, mode, data)
    _append(out, 0, _END, 0, b"")
    return bytes(out) + bytes(-len(out) % 512)


def _append(out: bytearray, number: int, path: str, mode: int, data: bytes) -> None:
    name = path.encode() + b"\0"
    links = 2 if mode == _DIRECTORY else 1
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0)
    out += b"070701" + b"".join(b"%08x" % field for field in fields) + name
    out += bytes(-len(out) % 4)
    out += data
    out += bytes(-len(out) % 4)
