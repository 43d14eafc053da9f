"""Loaded modules of the kernel (proc_modules(5)), and what taints they brought (kernel, tainted-kernels.rst)."""

from collections.abc import Callable

from adamant.api import resources_pb2 as pb
from adamant.node.reading import read_line
from adamant.node.resources import keyed
from adamant.node.resources.found import Found, Sources

FILE = "proc/modules"
TAINTS = "sys/module/{}/taint"


def parse(content: str, taint: Callable[[str], str]) -> list[Found]:
    """The modules; `taint` returns the letters of a module's taint: E is without a good signature, O foreign."""
    found = []
    for line in content.splitlines():
        words = line.split()
        if len(words) < 5:
            continue
        letters = taint(words[0])
        users = [] if words[3] == "-" else [name for name in words[3].split(",") if name]
        module = pb.Module(
            size_bytes=keyed.count(words[1]),
            uses=keyed.small(words[2]),
            used_by=users,
            state=words[4].lower(),
            signed="E" not in letters,
            foreign="O" in letters,
        )
        found.append(Found(words[0], module))
    return found


def collect(sources: Sources) -> list[Found]:
    """Every loaded module. One that is built into the kernel is none."""
    return parse(keyed.text(sources.root / FILE), lambda name: read_line(sources.root / TAINTS.format(name)))
