"""Mounted file systems, and those that a machine must have: what is read-only there, and what can be written."""

from collections.abc import Mapping, Sequence

from adamant.api import resources_pb2 as pb
from adamant.node import mounts as table
from adamant.node import posture
from adamant.node.mounts import Mount
from adamant.node.resources.desired import config
from adamant.node.resources.found import Found, Sources
from adamant.node.volumes import spec

RAM_ROOT = {"/": False, "/etc": False, "/usr": False, "/state": True, "/var": True}
"""Whether it can be written, for what must be mounted where `/` is in RAM."""
DISK_ROOT = {"/": True, "/etc": True, "/usr": False, "/state": True}
"""The same where `/` is on disk: /var is a folder of it."""
ACCESS = {False: "read-only", True: "writable"}


def judge(mounts: Sequence[Mount], wanted: Mapping[str, bool]) -> list[Found]:
    """Every mount point with the mount that is seen there, and those of `wanted` that are not there."""
    found = []
    for where, mount in {mount.where: mount for mount in mounts}.items():
        actual = pb.Mount(
            type=mount.type, source=mount.source, access=ACCESS[mount.writable], options=sorted(mount.options)
        )
        if where not in wanted:
            found.append(Found(where, actual))
            continue
        reason = ""
        if mount.writable != wanted[where]:
            reason = "it can be written, and must not be" if mount.writable else "it cannot be written"
        found.append(Found(where, actual, pb.Mount(access=ACCESS[wanted[where]]), reason))
    there = {mount.where for mount in mounts}
    for where in sorted(set(wanted) - there):
        found.append(Found(where, None, pb.Mount(access=ACCESS[wanted[where]]), "nothing is mounted there"))
    return found


def collect(sources: Sources) -> list[Found]:
    """The mounts that the whole machine sees, and the volumes of the config."""
    root = sources.root
    of_posture = DISK_ROOT if posture.rules(root).persistent_root else RAM_ROOT
    volumes = {f"/{spec.MOUNTS}/{volume.name}": True for volume in config(root).volumes}
    return judge(table.read(root), {**of_posture, **volumes})
