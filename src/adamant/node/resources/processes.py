"""Processes, as /proc shows them to everyone (proc_pid_stat(5)): no environment, no memory, no open files."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from adamant.api import resources_pb2 as pb
from adamant.core import limits
from adamant.node.reading import read_line
from adamant.node.resources import accounts, capabilities, keyed, masking
from adamant.node.resources.found import Found, Sources


class Stat(NamedTuple):
    """What the stat file of a process says. Times are ticks, memory is pages, `started` counts from the boot."""

    name: str
    state: str
    parent: int
    cpu: int
    threads: int
    started: int
    pages: int


def parse_stat(content: str) -> Stat | None:
    """The fields of a stat file; None when it is not of that form. The name may hold anything, also `)`."""
    begin, end = content.find("("), content.rfind(")")
    words = content[end + 1 :].split() if 0 <= begin < end else []
    if len(words) < 22:
        return None
    numbers = [keyed.count(word) for word in words]
    return Stat(
        content[begin + 1 : end],
        words[0][:1],
        numbers[1],
        numbers[11] + numbers[12],
        numbers[17],
        numbers[19],
        numbers[21],
    )


def parse_command(data: bytes) -> str:
    """A command line in one line, with what looks secret masked and the words of a shell's taste left plain."""
    text = data.rstrip(b"\0").decode("utf-8", "replace")
    shown = " ".join(masking.words(text.split("\0"))) if text else ""
    shown = "".join(character if character.isprintable() else " " for character in shown)
    return shown if len(shown) <= limits.COMMAND_LINE_SHOWN else shown[: limits.COMMAND_LINE_SHOWN - 1] + "…"


def cgroup_of(content: str) -> str:
    """The group in a cgroup file (cgroups(7)), of version 2."""
    return next((line[3:] for line in content.splitlines() if line.startswith("0::")), "")


def booted_usec(root: Path) -> int:
    """When the system was started, in microseconds since the Unix epoch."""
    line = next((line for line in keyed.text(root / "proc/stat").splitlines() if line.startswith("btime ")), "")
    return min(keyed.number(line[6:]) * 1_000_000, (1 << 63) - 1)


def _bytes(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as source:
            return source.read(limit)
    except OSError:
        return b""


def pids(root: Path) -> list[int]:
    """Numbers of all processes."""
    return sorted(int(name) for name in os.listdir(root / "proc") if name.isascii() and name.isdigit())  # noqa: PTH208


def read(root: Path, numbers: Iterable[int]) -> list[Found]:
    """The processes with these numbers; one that has ended meanwhile is left out."""
    found = []
    users = accounts.read(root)
    booted = booted_usec(root)
    tick, page = 1_000_000 // os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    for number in numbers:
        folder = root / "proc" / str(number)
        stat = parse_stat(_bytes(folder / "stat", 4096).decode("utf-8", "replace"))
        if stat is None:
            continue
        try:
            uid = folder.stat().st_uid
        except OSError:
            continue
        # All that the kernel itself runs comes from its thread 2 (proc(5)).
        of_kernel = 2 in (number, stat.parent)
        status = "" if of_kernel else _bytes(folder / "status", 16384).decode("utf-8", "replace")
        rights = capabilities.parse(status)
        process = pb.Process(
            parent=stat.parent & 0xFFFFFFFF,
            user=users.get(uid, str(uid)),
            name=stat.name,
            command=parse_command(_bytes(folder / "cmdline", limits.COMMAND_LINE_READ)),
            state=stat.state,
            memory_bytes=stat.pages * page & (1 << 64) - 1,
            cpu_usec=stat.cpu * tick & (1 << 64) - 1,
            threads=stat.threads & 0xFFFFFFFF,
            cgroup=cgroup_of(read_line(folder / "cgroup")),
            started_usec=booted + min(stat.started * tick, 1 << 62),
            capabilities=rights.capabilities,
            no_new_privileges=rights.no_new_privileges,
            filtered=rights.filtered,
        )
        found.append(Found(str(number), process))
    return found


def collect(sources: Sources) -> list[Found]:
    """Every process, or those whose numbers are asked for."""
    every = pids(sources.root)
    return read(sources.root, [number for number in every if not sources.names or str(number) in sources.names])
