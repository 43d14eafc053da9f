"""Layers: packages unpacked once and kept, keyed by the .deb's SHA-256 and the identity of the filter.

A layer is two files below `layers/` of the cache. `KEY.seg` holds the contents of regular files, each padded to 512
bytes, so that the tar writer can send them as they lie there. `KEY.idx` holds everything else: its own SHA-256, then
msgpack. Both appear by rename, the index last and only beside a whole segment, so a killed build leaves no layer that
looks finished. Whoever unpacks holds a lock, so two builds at once do it once; reading needs none. There is no fsync:
an index that does not match its digest, or a segment that has not the size the index says, is made again. A layer that
no build asked for in two months goes when others come.

Must not import anything of the build above packages.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from adamant.core import events, files, limits
from adamant.model.digest import Identity, Sha256, identity
from adamant.model.errors import InputError, VerificationError
from adamant.model.lock import Package
from adamant.model.tree import Entry, Extent, Kind
from adamant.packages import filter as filters
from adamant.packages.archive import malformed
from adamant.packages.deb import Deb, open_deb

_FORMAT = 1
"""Part of the key: raise it when what is written for the same .deb changes."""

_KEEP = 60 * 86400
"""Seconds that a layer is kept after its last use."""

_TOUCH = 86400
"""Seconds after which a use is noted anew."""

_ALIGN = 512
_DIGEST = 32
_KINDS = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Layer:
    """One unpacked package. `entries` stand in the order of the package; contents are extents of the segment file.

    `control` is the control paragraph, `scripts` the text of the maintainer scripts by name, `conffiles` paths of the
    tree (whether or not the filter kept them), `triggers` the lines of the triggers file.
    """

    package: Package
    entries: list[Entry]
    control: dict[str, str]
    scripts: dict[str, str]
    conffiles: tuple[str, ...]
    triggers: tuple[str, ...]


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """An entry in the index. `sha256` is empty, or 32 bytes; `offset` is that of the contents in the segment."""

    path: str
    kind: int
    mode: int
    uid: int
    gid: int
    target: str
    size: int
    offset: int
    sha256: bytes
    device: tuple[int, int]
    xattrs: tuple[tuple[str, bytes], ...]


class _Index(msgspec.Struct, array_like=True, frozen=True):
    segment_size: int
    rows: list[_Row]
    control: dict[str, str]
    scripts: dict[str, str]
    conffiles: tuple[str, ...]
    triggers: tuple[str, ...]


_DECODER = msgspec.msgpack.Decoder(_Index)


def unpack_layers(
    packages: Sequence[Package],
    debs: Mapping[Sha256, Path],
    cache: Path,
    watch: events.Watch = events.silent,
    workers: int = 2,
    *,
    rules: filters.Filter = filters.IMAGE,
) -> list[Layer]:
    """The layers of `packages`, in their order; those that `cache` does not hold are unpacked from `debs`.

    Decompression leaves the interpreter's lock, so `workers` threads are as fast as processes.
    Raises VerificationError for a package that is not what it should be, InputError (deb-missing), or the error of a
    write that failed.
    """
    begin = time.monotonic()
    home = cache / "layers"
    home.mkdir(parents=True, exist_ok=True)
    layers = {package.sha256: load_layer(package, home, rules) for package in packages}
    missing = [package for package in packages if layers[package.sha256] is None]
    if missing:
        watch(events.Started("unpack", len(missing), "packages"))
        with files.locked(cache / "locks" / "layers", "the cache of layers"):
            _sweep(home)
            # The biggest first: the kernel, started last, would run alone.
            missing.sort(key=lambda package: (-package.size, package.name))
            for done, layer in enumerate(_unpack_all(missing, debs, home, rules, workers), 1):
                layers[layer.package.sha256] = layer
                watch(events.Advanced("unpack", done, layer.package.name))
    reason = f"{len(missing)} of {len(packages)} packages unpacked" if missing else "same packages"
    watch(events.Finished("unpack", not missing, reason, time.monotonic() - begin))
    found = [layers[package.sha256] for package in packages]
    return [layer for layer in found if layer is not None]


def _unpack_all(
    packages: Sequence[Package], debs: Mapping[Sha256, Path], home: Path, rules: filters.Filter, workers: int
) -> Iterator[Layer]:
    pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="unpack")
    try:
        futures = [pool.submit(_unpack, package, debs, home, rules) for package in packages]
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _sweep(home: Path) -> None:
    """Remove what a killed build left, and what was not used for long. The caller holds the lock."""
    oldest = time.time() - _KEEP
    for path in home.iterdir():
        if path.name.startswith("."):
            shutil.rmtree(path, ignore_errors=True)
        elif path.stat().st_mtime < oldest:
            path.unlink()


def layer_key(sha256: str, rules: filters.Filter) -> Identity:
    """Name of a layer's files: the identity of a .deb's digest, the filter and the format."""
    return identity("layer", {"deb": sha256, "filter": rules.identity, "format": _FORMAT})


def load_layer(package: Package, home: Path, rules: filters.Filter = filters.IMAGE) -> Layer | None:
    """The layer of `package` in the folder `home`, or None when it is not there whole."""
    key = layer_key(package.sha256, rules)
    segment, index_path = home / f"{key}.seg", home / f"{key}.idx"
    try:
        with index_path.open("rb") as source:
            data = source.read(limits.LAYER_INDEX_SIZE)
        stat = segment.stat()
    except OSError:
        return None
    index = decode_index(data)
    if index is None or index.segment_size != stat.st_size:
        return None
    if stat.st_mtime < time.time() - _TOUCH:
        with suppress(OSError):  # a cache that cannot be written can still be read
            os.utime(segment)
            os.utime(index_path)
    return _layer(package, index, str(segment))


def decode_index(data: bytes) -> _Index | None:
    """The index in the bytes of its file, or None when they are not whole."""
    body = memoryview(data)[_DIGEST:]
    if hashlib.sha256(body).digest() != data[:_DIGEST]:
        return None
    try:
        index = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    for row in index.rows:
        if not (
            0 <= row.kind < len(_KINDS)
            and row.size >= 0
            and 0 <= row.offset <= index.segment_size - row.size
            and len(row.sha256) in {0, 32}
        ):
            return None
    return index


def _layer(package: Package, index: _Index, segment: str) -> Layer:
    name = package.name
    entries = [
        Entry(
            row.path,
            _KINDS[row.kind],
            row.mode,
            row.uid,
            row.gid,
            row.target,
            row.size,
            Sha256(row.sha256.hex()) if row.sha256 else None,
            None,
            Extent(segment, row.offset) if row.sha256 else None,
            row.device,
            row.xattrs,
            name,
        )
        for row in index.rows
    ]
    return Layer(package, entries, index.control, index.scripts, index.conffiles, index.triggers)


def _unpack(package: Package, debs: Mapping[Sha256, Path], home: Path, rules: filters.Filter) -> Layer:
    there = load_layer(package, home, rules)
    if there is not None:
        return there  # another build made it while this one waited for the lock
    deb_path = debs.get(Sha256(package.sha256))
    if deb_path is None:
        raise InputError(
            "deb-missing",
            f"{package.name} {package.version} has not been fetched",
            hint="run the command again where the mirror can be reached",
        )
    key = layer_key(package.sha256, rules)
    segment = home / f"{key}.seg"
    try:
        with files.work_folder(home, key) as folder:
            index = _write_segment(package, deb_path, folder / "seg", rules)
            body = msgspec.msgpack.encode(index)
            (folder / "idx").write_bytes(hashlib.sha256(body).digest() + body)
            (folder / "seg").rename(segment)
            (folder / "idx").rename(home / f"{key}.idx")
    except FileNotFoundError as error:
        raise InputError("deb-missing", f"the package file of {package.name} is gone: {deb_path}") from error
    except OSError as error:
        raise files.write_failed(segment, error) from error
    return _layer(package, index, str(segment))


def _write_segment(package: Package, deb_path: Path, target: Path, rules: filters.Filter) -> _Index:
    """Write the contents of the package's files and return its index."""
    rescued: frozenset[str] = frozenset()
    while True:
        with open_deb(deb_path, Sha256(package.sha256)) as deb, target.open("wb", buffering=1 << 20) as out:
            _check_control(package, deb)
            rows, orphans = _rows(deb, out, rules, rescued, deb_path.name)
            size = out.tell()
        if not orphans:
            control = deb.control
            return _Index(size, rows, control.fields, control.scripts, control.conffiles, control.triggers)
        # A kept hard link to a file that is dropped: read again, and keep that file's contents for the link.
        rescued |= orphans


def _check_control(package: Package, deb: Deb) -> None:
    fields = deb.control.fields
    there = (fields["Package"], fields["Version"], fields["Architecture"])
    if there != (package.name, package.version, package.architecture):
        raise VerificationError(
            "deb-other-package",
            f"the package file of {package.name} holds another package",
            context=f"locked: {package.name} {package.version} {package.architecture}\nthere:  {' '.join(there)}",
        )


def _rows(
    deb: Deb, out: BinaryIO, rules: filters.Filter, rescued: frozenset[str], what: str
) -> tuple[list[_Row], frozenset[str]]:
    """Rows of the kept entries, and targets of kept hard links whose contents were passed over."""
    rows: list[_Row] = []
    aside: dict[str, _Row] = {}
    moved: dict[str, str] = {}
    orphans: set[str] = set()
    kept: set[str] = set()
    offset = 0
    for entry, contents in deb.data:
        wanted = rules.wants(entry.path)
        if not wanted and entry.path not in rescued:
            continue
        _check_text(entry, what)
        digest = b""
        if entry.kind is Kind.FILE:
            digest = _store(contents, entry.size, out)
        row = _Row(
            entry.path,
            _KINDS.index(entry.kind),
            entry.mode,
            entry.uid,
            entry.gid,
            entry.target,
            entry.size,
            offset if digest else 0,
            digest,
            entry.device,
            entry.xattrs,
        )
        offset += entry.size + -entry.size % _ALIGN
        if not wanted:
            aside[entry.path] = row
            continue
        if entry.kind is Kind.HARDLINK and entry.target not in kept:
            if entry.target in moved:
                row = msgspec.structs.replace(row, target=moved[entry.target])
            elif entry.target in aside:
                row = msgspec.structs.replace(aside[entry.target], path=entry.path)
                moved[entry.target] = entry.path
            else:
                orphans.add(entry.target)
        kept.add(entry.path)
        rows.append(row)
    return rows, frozenset(orphans)


def _store(contents: Iterable[bytes], size: int, out: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    for chunk in contents:
        digest.update(chunk)
        out.write(chunk)
    out.write(bytes(-size % _ALIGN))
    return digest.digest()


def _check_text(entry: Entry, what: str) -> None:
    """Debian Policy 10.10: names are UTF-8. Neither an SBOM nor a manifest could hold another."""
    try:
        for text in (entry.path, entry.target, *(name for name, _ in entry.xattrs)):
            text.encode()
    except UnicodeEncodeError as error:
        raise malformed(what, f"the name {entry.path!r} is not UTF-8") from error
