"""Figures: samples of one side of one row, what is printed of them, and the memory of running programs."""

import math
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Series:
    """Samples in the order in which they were taken: seconds or bytes."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle sample, or the mean of the middle two."""
        return statistics.median(self.samples)

    def part(self, part: float) -> float:
        """The sample that `part` of all do not exceed: 0.99 for the 99th percentile (nearest rank)."""
        ordered = sorted(self.samples)
        return ordered[max(0, math.ceil(part * len(ordered)) - 1)]

    @property
    def least(self) -> float:
        """The smallest sample."""
        return min(self.samples)

    @property
    def most(self) -> float:
        """The largest sample."""
        return max(self.samples)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of `work`, in seconds."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process takes: `resident` bytes, of which `share` is its own part where pages are shared; `threads`."""

    resident: int
    share: int
    threads: int


def memory(pid: int) -> Memory:
    """Memory of a process (proc_pid_smaps(5): Rss and Pss of all of it)."""
    process = Path("/proc") / str(pid)
    fields = dict(line.partition(":")[::2] for line in (process / "smaps_rollup").read_text().splitlines()[1:])
    rss, pss = (int(fields[name].split()[0]) << 10 for name in ("Rss", "Pss"))
    return Memory(rss, pss, len(list((process / "task").iterdir())))


@dataclass(slots=True)
class Peak:
    """The largest sum of resident memory that was seen, in bytes."""

    value: int = 0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Watch the resident memory of all descendants of this process, in sum, every 50 ms.

    Pages that several processes share count in each, so the figure is an upper bound of what was in use at the samples;
    a peak between two samples is missed.
    """
    peak = Peak()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_POLL_SECONDS):
            peak.value = max(peak.value, _resident(os.getpid()))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def _resident(ancestor: int) -> int:
    """Resident bytes of all descendants of the process `ancestor` (proc(5))."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # the name in parentheses may hold anything, so count from its end
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            parents[int(entry.name)] = int(fields[1])
            pages[int(entry.name)] = int(fields[21])
    total = 0
    for process, count in pages.items():
        above = process
        while above in parents and above != ancestor:
            above = parents[above]
        if above == ancestor and process != ancestor:
            total += count * _PAGE
    return total
