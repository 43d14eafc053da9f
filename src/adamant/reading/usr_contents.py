"""Contents of files in a usr image that somebody else made: read by tools of the tools tree, within bounds.

What is compressed is read by dump.erofs and fsck.erofs. Both get an image only after it was listed (`listing`), so it
is known how much they will write and that no path leads out; and both have a deadline.
"""

import errno
from collections.abc import Collection, Mapping
from pathlib import Path

from adamant.core import files, limits, proc
from adamant.core.source import Source
from adamant.model.digest import Sha256
from adamant.model.errors import VerificationError
from adamant.model.tree import Kind
from adamant.packages.tools import ToolsTree
from adamant.reading.listing import Listed


def read_file(image: Source, listed: Mapping[str, Listed], path: str, tools: ToolsTree, scratch: Path) -> bytes | None:
    """The file at `path` of the listed image, or None when there is none. `scratch` is a folder for a copy."""
    entry = listed.get(path)
    if entry is None or entry.kind is not Kind.FILE:
        return None
    if entry.size > limits.USR_FILE_SIZE:
        raise VerificationError("usr-file-too-large", f"/usr/{path} of the image has {entry.size} bytes")
    data = _run("read a file of the usr image", tools, "dump.erofs", ["--cat", f"--path=/{path}"], image, scratch)
    if len(data) != entry.size:
        raise VerificationError("erofs-malformed", f"/usr/{path} of the image has not the size that it says")
    return data


def digests(
    image: Source, listed: Mapping[str, Listed], wanted: Collection[str], tools: ToolsTree, scratch: Path
) -> dict[str, Sha256]:
    """SHA-256 of the regular files `wanted` of the listed image, which is unpacked below the empty folder `scratch`."""
    if not wanted:
        return {}
    out = unpack(image, listed, tools, scratch)
    return {path: files.sha256_file(unpacked(out, listed, path)) for path in sorted(wanted)}


def unpack(image: Source, listed: Mapping[str, Listed], tools: ToolsTree, scratch: Path) -> Path:
    """A folder below the empty folder `scratch` with the contents of the listed image.

    Neither owners nor special modes are restored. Take files from it by `unpacked`, which follows no link. Raises
    VerificationError usr-not-unpacked, erofs-malformed.
    """
    total = sum({entry.inode: entry.size for entry in listed.values()}.values())
    if total > limits.USR_SIZE or any(entry.kind in {Kind.CHARACTER, Kind.BLOCK} for entry in listed.values()):
        raise VerificationError(
            "usr-not-unpacked", f"the image holds {total} bytes of files, or devices, and is not unpacked"
        )
    out = scratch / "tree"
    _run("unpack a usr image", tools, "fsck.erofs", [f"--extract={out}", "--no-preserve"], image, scratch)
    return out


def unpacked(out: Path, listed: Mapping[str, Listed], path: str) -> Path:
    """The regular file `path` of the listed image unpacked to `out`. Raises VerificationError erofs-malformed."""
    place = out / path
    if place.is_symlink() or not place.is_file() or place.stat().st_size != listed[path].size:
        raise VerificationError("erofs-malformed", f"{path!r} of the image is not what it says")
    return place


def _run(purpose: str, tools: ToolsTree, program: str, options: list[str], image: Source, scratch: Path) -> bytes:
    place, offset = image.file, image.start
    if place is None:
        place, offset = scratch / "usr.erofs", 0
        if not place.exists():
            _copy_out(image, place)
    try:
        argv = tools.argv(program, *options, f"--offset={offset}", place)
        return proc.run(purpose, argv, seconds=limits.INSPECT_SECONDS).stdout
    except proc.ProgramFailed as error:
        if "No space left" in error.stderr:
            raise files.write_failed(scratch, OSError(errno.ENOSPC, "No space left on device")) from error
        raise VerificationError(
            "erofs-malformed", f"this is not a sound EROFS image: {error.message}", context=error.context
        ) from error


def _copy_out(source: Source, out: Path) -> None:
    """Write the bytes of `source` to the new file `out`, for tools that read only files."""
    try:
        with out.open("xb") as target:
            for chunk in source.chunks():
                target.write(chunk)
    except OSError as error:
        raise files.write_failed(out, error) from error
