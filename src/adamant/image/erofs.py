"""The usr image: a tree, as a tar stream, through mkfs.erofs of the tools tree.

The same tree, profile and UUID give the same bytes, whatever the number of workers, folder, umask or time. Flags are
data with their reasons; a step that makes an image puts `flags` and the identity of the tools tree into its inputs.
"""

import fcntl
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from adamant.compose.tar import write_tar
from adamant.core import limits, proc
from adamant.model.definition import Profile
from adamant.model.tree import Tree
from adamant.packages.tools import ToolsTree

_PIPE = 1 << 20
"""Bytes of the pipe into mkfs.erofs: with the kernel's 64 KiB the stream takes six times as long."""


@dataclass(frozen=True, slots=True)
class Flag:
    """An argument of mkfs.erofs (erofs-utils 1.8) and why it stands there."""

    argument: str
    reason: str


_COMMON = (
    Flag("--quiet", "what it prints is not read"),
    Flag("--tar=f", "contents come in a tar stream on standard input: no root, no mount, no staging folder"),
    Flag("-b4096", "the default is the page size of the building host, which is not 4 KiB everywhere"),
    Flag("-T0", "the time of the image and of all files"),
    Flag(
        "-Enoinline_data", "no contents among the inodes: one file more would else move blocks of every file behind it"
    ),
    Flag("-C65536", "64 KiB clusters: 128 KiB and more gain 1 % and cost reads of what was not asked for"),
)

_COMPRESSION = {
    Profile.DEV: Flag("-zlz4hc,3", "level 9 saves 2 % of the image and takes twice the time"),
    Profile.RELEASE: Flag(
        "-zzstd,5", "level 3 adds 2 % to the image and takes half the time; 9 saves 3 % and takes three times as long"
    ),
}


def flags(profile: Profile) -> list[str]:
    """Arguments of mkfs.erofs for `profile` that decide about bytes, besides the UUID."""
    return [flag.argument for flag in (*_COMMON, _COMPRESSION[profile])]


def make_erofs(tree: Tree, profile: Profile, uuid: UUID, tools: ToolsTree, out: Path, *, workers: int = 2) -> None:
    """Write the image of `tree`, whose paths are relative to the image's root, to the new file `out`.

    Raises ProgramFailed, or VerificationError when contents are no longer what the tree says.
    """
    out.unlink(missing_ok=True)

    def feed(fd: int) -> None:
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE)
        write_tar(tree, fd)

    argv = tools.argv("mkfs.erofs", *flags(profile), f"-U{uuid}", f"--workers={workers}", out)
    proc.run("make the usr image", argv, feed=feed, seconds=limits.PROGRAM_SECONDS, writes_to=out.parent)
