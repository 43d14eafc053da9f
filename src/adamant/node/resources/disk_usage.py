"""The space of each file system that has any, at the place where it is mounted first."""

from adamant.api import resources_pb2 as pb
from adamant.node import mounts as table
from adamant.node.resources import space
from adamant.node.resources.found import Found, Sources


def collect(sources: Sources) -> list[Found]:
    """Mounted file systems with a size. Those whose mount point another mount hides are left out."""
    found = []
    seen: set[str] = set()
    mounts = table.read(sources.root)
    for mount in mounts:
        if mount.device in seen or table.top(mounts, mount.where) is not mount:
            continue
        room = space.read(sources.root, mount.where)
        if room is None or not room.size:
            continue
        seen.add(mount.device)
        usage = pb.DiskUsage(
            type=mount.type,
            source=mount.source,
            size_bytes=room.size,
            used_bytes=room.used,
            free_bytes=room.free,
            files=room.files,
            files_used=room.files_used,
        )
        found.append(Found(mount.where, usage))
    return found
