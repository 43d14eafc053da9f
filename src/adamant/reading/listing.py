"""What an EROFS image holds, without the contents: paths, types, owners, sizes. A reader of foreign bytes.

Format: the kernel's fs/erofs/erofs_fs.h. Contents may be compressed and are left to the tools; folders, links and
everything else about files never are. Every path that leaves this module is plain, so an image that was listed can be
unpacked: no name holds a slash, none stands twice in a folder, no folder lies in itself.
"""

import stat
import struct
from dataclasses import dataclass

from adamant.core import limits
from adamant.core.source import Source
from adamant.model.errors import VerificationError
from adamant.model.tree import Kind

_MAGIC = 0xE0F5E1E2
_SUPER = 1024
_BLOCK = 4096
_SLOT = 32
_DIRENT = struct.Struct("<QHBB")
_ATTRIBUTES_HEAD = 12
_ATTRIBUTE = struct.Struct("<BBH")
_PREFIXES = {
    0: "",
    1: "user.",
    2: "system.posix_acl_access",
    3: "system.posix_acl_default",
    4: "trusted.",
    6: "security.",
}
_PLAIN, _INLINE = 0, 2
_LAYOUTS = 5
_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One path. `inode` is equal for hard links of one file; `size` is that of a file's contents, in bytes."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    target: str
    inode: int
    attributes: tuple[tuple[str, bytes], ...] = ()
    """Extended attributes (xattr(7)) in the order in which they are stored."""


@dataclass(frozen=True, slots=True)
class _Inode:
    mode: int
    uid: int
    gid: int
    size: int
    layout: int
    block: int
    attributes: int
    """Where its extended attributes lie."""
    tail: int
    """Where they end and inline data would lie."""


def is_erofs(source: Source) -> bool:
    """Whether there is a superblock of EROFS."""
    return source.read(_SUPER, 4) == _MAGIC.to_bytes(4, "little")


def list_image(source: Source) -> dict[str, Listed]:
    """All paths of the image but its root, relative to that. Raises VerificationError erofs-malformed."""
    return _Lister(source).all()


class _Lister:
    def __init__(self, source: Source) -> None:
        self._source = source
        head = source.exactly(_SUPER, 128)
        magic, _, _, bits, _, self._root = struct.unpack_from("<IIIBBH", head)
        blocks, meta, shared = struct.unpack_from("<III", head, 36)
        directory_bits = head[90]
        if magic != _MAGIC or bits != 12 or directory_bits or blocks * _BLOCK > source.size:
            raise _malformed("its superblock is not one of 4 KiB blocks that fit")
        self._meta = meta * _BLOCK
        self._shared = shared * _BLOCK
        self._folders: set[int] = set()
        self._found: dict[str, Listed] = {}
        self._names = 0

    def all(self) -> dict[str, Listed]:
        root = self._inode(self._root)
        if not stat.S_ISDIR(root.mode):
            raise _malformed("its root is not a folder")
        waiting = [("", self._root, root, 0)]
        while waiting:
            path, number, inode, depth = waiting.pop()
            if number in self._folders or depth > limits.TREE_DEPTH:
                raise _malformed("its folders run in circles")
            self._folders.add(number)
            for name, child in self._folder(inode):
                place = f"{path}{name}"
                found = self._inode(child)
                kind = _KINDS.get(stat.S_IFMT(found.mode))
                if kind is None or place in self._found:
                    raise _malformed(f"{place!r} is of no known type, or there twice")
                target = self._link(found) if kind is Kind.SYMLINK else ""
                size = found.size if kind is Kind.FILE else 0
                attributes = self._attributes(found)
                self._count(len(place) + len(target) + sum(len(name) + len(value) for name, value in attributes))
                self._found[place] = Listed(
                    kind, stat.S_IMODE(found.mode), found.uid, found.gid, size, target, child, attributes
                )
                if kind is Kind.DIRECTORY:
                    waiting.append((f"{place}/", child, found, depth + 1))
        return self._found

    def _count(self, size: int) -> None:
        self._names += 200 + size
        if len(self._found) >= limits.DEB_ENTRIES or self._names > limits.DEB_NAMES_SIZE:
            raise _malformed(f"it has more than {limits.DEB_ENTRIES} files")

    def _inode(self, number: int) -> _Inode:
        at = self._meta + number * _SLOT
        head = self._source.exactly(at, 64 if at + 64 <= self._source.size else 32)
        form, attributes, mode = struct.unpack_from("<HHH", head)
        if form & 1:
            if len(head) < 64:
                raise _malformed("an inode is cut short")
            size, block, _, uid, gid = struct.unpack_from("<QIIII", head, 8)
            length = 64
        else:
            size, block, uid, gid = struct.unpack_from("<I4xI4xHH", head, 8)
            length = 32
        layout = form >> 1 & 7
        if layout >= _LAYOUTS or size > limits.DEB_DATA_SIZE:
            raise _malformed("an inode is none")
        tail = at + length + (12 + 4 * (attributes - 1) if attributes else 0)
        return _Inode(mode, uid, gid, size, layout, block, at + length, tail)

    def _attributes(self, inode: _Inode) -> tuple[tuple[str, bytes], ...]:
        """Extended attributes: those that lie behind the inode, and those of the table that inodes share."""
        if inode.attributes == inode.tail:
            return ()
        data = self._source.exactly(inode.attributes, inode.tail - inode.attributes)
        shared, at = data[4], _ATTRIBUTES_HEAD + 4 * data[4]
        if at > len(data):
            raise _malformed("attributes of a file are cut short")
        found = []
        while at < len(data):
            pair, at = self._attribute(data, at)
            found.append(pair)
        for (number,) in struct.iter_unpack("<I", data[_ATTRIBUTES_HEAD : _ATTRIBUTES_HEAD + 4 * shared]):
            begin = self._shared + 4 * number
            head = self._source.exactly(begin, _ATTRIBUTE.size)
            name, _, value = _ATTRIBUTE.unpack(head)
            found.append(self._attribute(self._source.exactly(begin, _ATTRIBUTE.size + name + value), 0)[0])
        return tuple(found)

    @staticmethod
    def _attribute(data: bytes, at: int) -> tuple[tuple[str, bytes], int]:
        """The attribute at `at`, and where the next one begins."""
        if at + _ATTRIBUTE.size > len(data):
            raise _malformed("attributes of a file are cut short")
        length, prefix, size = _ATTRIBUTE.unpack_from(data, at)
        begin = at + _ATTRIBUTE.size
        end = begin + length + size
        if end > len(data):
            raise _malformed("attributes of a file are cut short")
        # A prefix that the image itself defines is not looked up: `?` stands for it.
        name = _PREFIXES.get(prefix, "?") + data[begin : begin + length].decode("utf-8", "replace")
        return (name, data[begin + length : end]), -(-end // 4) * 4

    def _data(self, inode: _Inode, limit: int) -> bytes:
        """Contents of a folder or link, which are never compressed."""
        if inode.layout not in {_PLAIN, _INLINE} or inode.size > limit:
            raise _malformed("a folder or link is stored in a way that none is")
        if inode.layout == _PLAIN:
            return self._source.exactly(inode.block * _BLOCK, inode.size)
        whole = inode.size // _BLOCK * _BLOCK
        data = self._source.exactly(inode.block * _BLOCK, whole) if whole else b""
        return data + self._source.exactly(inode.tail, inode.size - whole)

    def _link(self, inode: _Inode) -> str:
        target = self._data(inode, limits.PATH_LENGTH)
        if not target or b"\0" in target:
            raise _malformed("a link leads nowhere")
        return target.decode("utf-8", "surrogateescape")

    def _folder(self, inode: _Inode) -> list[tuple[str, int]]:
        """Names and inodes of a folder, without itself and its parent."""
        found: list[tuple[str, int]] = []
        data = self._data(inode, limits.EROFS_FOLDER_SIZE)
        for start in range(0, len(data), _BLOCK):
            block = data[start : start + _BLOCK]
            if len(block) < _DIRENT.size:
                raise _malformed("a folder is cut short")
            names = _DIRENT.unpack_from(block)[1]
            if names % _DIRENT.size or not _DIRENT.size <= names <= len(block):
                raise _malformed("a folder's names are not where they should be")
            rows = list(_DIRENT.iter_unpack(block[:names]))
            ends = [row[1] for row in rows[1:]] + [len(block)]
            for (number, begin, _, _), end in zip(rows, ends, strict=True):
                if not names <= begin <= end <= len(block):
                    raise _malformed("a folder's names are not where they should be")
                name = block[begin:end].split(b"\0", 1)[0]
                if name in {b".", b".."}:
                    continue
                if not name or b"/" in name or len(name) > 255:
                    raise _malformed(f"a file with the name {name[:80]!r}")
                found.append((name.decode("utf-8", "surrogateescape"), number))
        return found


def _malformed(why: str) -> VerificationError:
    return VerificationError("erofs-malformed", f"this is not a sound EROFS image: {why}")
