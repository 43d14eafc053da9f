"""Control groups, the tree of them (kernel, Documentation/admin-guide/cgroup-v2.rst)."""

import os
from collections.abc import Iterator
from pathlib import Path

from adamant.api import resources_pb2 as pb
from adamant.core import limits
from adamant.node.reading import read_line
from adamant.node.resources import keyed
from adamant.node.resources.found import Found, Sources

FOLDER = "sys/fs/cgroup"


def parse_io(content: str) -> tuple[int, int]:
    """Bytes read and written, of all disks, in an io.stat file."""
    read = written = 0
    for line in content.splitlines():
        fields = keyed.pairs("\n".join(line.split()[1:]))
        read += keyed.count(fields.get("rbytes", ""))
        written += keyed.count(fields.get("wbytes", ""))
    return min(read, (1 << 64) - 1), min(written, (1 << 64) - 1)


def usage(folder: Path) -> tuple[int, int]:
    """Memory and processor time in microseconds of the group at `folder`."""
    return keyed.read_count(folder / "memory.current"), keyed.count(
        keyed.read(folder / "cpu.stat", " ").get("usage_usec", "")
    )


def walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Groups below `folder` with their folder's state, parents first: `/` is the root, at most limits.CGROUPS."""
    todo = ["/"]
    for _ in range(limits.CGROUPS):
        if not todo:
            return
        name = todo.pop()
        here = folder / name.lstrip("/")
        try:
            state = here.stat()
            inner = sorted(
                (entry.name for entry in os.scandir(here) if entry.is_dir(follow_symlinks=False)), reverse=True
            )
        except OSError:  # it is gone
            continue
        yield name, state
        todo += [f"{name.rstrip('/')}/{part}" for part in inner]


def collect(sources: Sources) -> list[Found]:
    """Every group."""
    found = []
    root = sources.root / FOLDER
    for name, _ in walk(root):
        folder = root / name.lstrip("/")
        memory, cpu = usage(folder)
        read, written = parse_io(keyed.text(folder / "io.stat"))
        group = pb.Cgroup(
            memory_bytes=memory,
            memory_max_bytes=keyed.count(read_line(folder / "memory.max")),
            cpu_usec=cpu,
            tasks=keyed.small(read_line(folder / "pids.current")),
            read_bytes=read,
            written_bytes=written,
            killed=keyed.count(keyed.read(folder / "memory.events", " ").get("oom_kill", "")),
        )
        found.append(Found(name, group))
    return found
