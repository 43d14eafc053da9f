"""Recordings as values: what a script changed, packed into a lock and read from there.

The layer of a recording is a sorted PAX tar (POSIX.1-2001) with times of zero, compressed with zlib, in base64. Owners
stand there by name, since the ids of a sandbox mean nothing in an image. Runs nothing and writes no file.
"""

import base64
import binascii
import io
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from adamant.core import limits
from adamant.model.digest import sha256
from adamant.model.errors import AdamantError, InputError
from adamant.model.lock import Recording
from adamant.model.tree import Entry, Kind
from adamant.packages.archive import climbs_out

_TYPES = {
    Kind.FILE: tarfile.REGTYPE,
    Kind.DIRECTORY: tarfile.DIRTYPE,
    Kind.SYMLINK: tarfile.SYMTYPE,
}
_KINDS = {number: kind for kind, number in _TYPES.items()}
_XATTR = "SCHILY.xattr."


@dataclass(frozen=True, slots=True)
class Recorded:
    """One path that a script added or changed. `entry` has its contents in `content` and no ids; owners are names."""

    entry: Entry
    user: str = "root"
    group: str = "root"


def pack(recorded: Iterable[Recorded]) -> str:
    """The layer of a recording. Raises AdamantError (recording-too-large)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for one in sorted(recorded, key=lambda r: r.entry.path.encode(errors="surrogateescape")):
            archive.addfile(_header(one), io.BytesIO(one.entry.content or b""))
            if out.tell() > limits.RECORDING_SIZE:
                raise AdamantError(
                    "recording-too-large",
                    f"the script changed more than {limits.RECORDING_SIZE >> 20} MiB",
                    hint="what is that large belongs into a package, or is a cache to be made at boot",
                )
    return base64.b64encode(zlib.compress(out.getvalue(), 9)).decode("ascii")


def _header(one: Recorded) -> tarfile.TarInfo:
    entry = one.entry
    header = tarfile.TarInfo(entry.path)
    header.type = _TYPES[entry.kind]
    header.mode = entry.mode
    header.uname, header.gname = one.user, one.group
    header.linkname = entry.target
    header.size = len(entry.content or b"") if entry.kind is Kind.FILE else 0
    header.pax_headers = {f"{_XATTR}{name}": value.hex() for name, value in entry.xattrs}
    return header


def unpack(recording: Recording) -> list[Recorded]:
    """What a recording holds, sorted by path.

    The lock is a file that people edit and merge: whatever stands in it, the answer is values or InputError
    (recording-malformed), in bounded memory.
    """
    try:
        packed = base64.b64decode(recording.layer, validate=True)
        engine = zlib.decompressobj()
        data = engine.decompress(packed, limits.RECORDING_SIZE + 1)
        if len(data) > limits.RECORDING_SIZE or not engine.eof or engine.unused_data:
            raise _malformed(recording, "it is too large, or does not end where it should")
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", format=tarfile.PAX_FORMAT) as archive:
            found = [_entry(recording, archive, header) for header in archive]
    except (binascii.Error, zlib.error, tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise _malformed(recording, str(error)) from error
    if len(found) > limits.RECORDING_ENTRIES:
        raise _malformed(recording, "it has too many entries")
    paths = {one.entry.path: one.entry.kind for one in found}
    if len(paths) != len(found):
        raise _malformed(recording, "a path stands in it twice")
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent:
            if paths.get(parent, Kind.DIRECTORY) is not Kind.DIRECTORY:
                raise _malformed(recording, f"{path} lies below what is no folder")
            parent = parent.rpartition("/")[0]
    for removed in recording.removed:
        if not _is_plain(removed):
            raise _malformed(recording, f"not a plain path: {removed[:200]!r}")
    return sorted(found, key=lambda r: r.entry.path.encode(errors="surrogateescape"))


def _entry(recording: Recording, archive: tarfile.TarFile, header: tarfile.TarInfo) -> Recorded:
    kind = _KINDS.get(header.type)
    if kind is None or not _is_plain(header.name):
        raise _malformed(recording, f"it holds what no script may leave: {header.name[:200]!r}")
    if kind is Kind.SYMLINK and (not header.linkname or climbs_out(header.name, header.linkname)):
        raise _malformed(recording, f"the link {header.name[:200]} leads out of the root")
    entry = Entry(
        header.name,
        kind,
        header.mode & 0o7777,
        target=header.linkname if kind is Kind.SYMLINK else "",
        xattrs=tuple(
            (name.removeprefix(_XATTR), bytes.fromhex(value))
            for name, value in sorted(header.pax_headers.items())
            if name.startswith(_XATTR)
        ),
        package=recording.package,
    )
    if kind is Kind.FILE:
        source = archive.extractfile(header)
        content = source.read() if source else b""
        if len(content) != header.size:
            raise _malformed(recording, f"{header.name[:200]} is cut off")
        entry = replace(entry, content=content, size=len(content), sha256=sha256(content))
    return Recorded(entry, header.uname or "root", header.gname or "root")


def _is_plain(path: str) -> bool:
    return (
        0 < len(path) < limits.PATH_LENGTH
        and "\0" not in path
        and all(part not in {"", ".", ".."} for part in path.split("/"))
    )


def _malformed(recording: Recording, why: str) -> InputError:
    return InputError(
        "recording-malformed",
        f"the recording of {recording.package} in the lock cannot be read: {why}",
        hint=f"record it anew: adamant lock --record {recording.package}",
    )


def summary(recording: Recording) -> list[str]:
    """What a recording holds, a line for each path: `+` for what was added or changed, `-` for what was removed."""
    lines = []
    for one in unpack(recording):
        entry = one.entry
        what = f"-> {entry.target}" if entry.kind is Kind.SYMLINK else f"{entry.mode:04o} {one.user}:{one.group}"
        lines.append(" ".join([f"+ /{entry.path} {what}", *(name for name, _value in entry.xattrs)]))
    return lines + [f"- /{path}" for path in recording.removed]
