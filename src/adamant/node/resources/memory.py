"""Memory: how much the machine has, and for what (proc_meminfo(5))."""

from adamant.api import resources_pb2 as pb
from adamant.node.resources import keyed
from adamant.node.resources.found import Found, Sources

FILE = "proc/meminfo"
_FIELDS = {
    "total_bytes": "MemTotal",
    "available_bytes": "MemAvailable",
    "free_bytes": "MemFree",
    "buffers_bytes": "Buffers",
    "cached_bytes": "Cached",
    "slab_bytes": "Slab",
    "shared_bytes": "Shmem",
    "dirty_bytes": "Dirty",
    "swap_total_bytes": "SwapTotal",
    "swap_free_bytes": "SwapFree",
}


def parse(content: str) -> pb.Memory:
    """The fields of /proc/meminfo, which counts in KiB."""
    lines = keyed.pairs(content, ":")
    memory = pb.Memory()
    for field, name in _FIELDS.items():
        value = keyed.number(lines.get(name, "").removesuffix(" kB"))
        setattr(memory, field, min(value << 10, (1 << 64) - 1))
    return memory


def collect(sources: Sources) -> list[Found]:
    """One resource, `memory`."""
    return [Found("memory", parse(keyed.text(sources.root / FILE)))]
