"""Loaded modules of the kernel (proc_modules(5)), and what taints they brought (kernel, tainted-kernels.rst)."""

from collections.abc import Callable, Mapping

from adamant.api import resources_pb2 as pb
from adamant.node.reading import read_line
from adamant.node.resources import kernel, keyed
from adamant.node.resources.found import Found, Sources

FILE = "proc/modules"
TAINTS = "sys/module/{}/taint"
DEPENDENCIES = "usr/lib/modules/{}/modules.dep"


def files(dependencies: str) -> dict[str, str]:
    """Files of modules by the module's name, from modules.dep(5)."""
    paths = [line.partition(":")[0] for line in dependencies.splitlines()]
    return {path.rpartition("/")[2].partition(".ko")[0].replace("-", "_"): path for path in paths if ".ko" in path}


def parse(content: str, taint: Callable[[str], str], known: Mapping[str, str]) -> list[Found]:
    """The modules; `taint` returns the letters of a module's taint: E is without a good signature, O foreign.

    `known` are `files` of the image.
    """
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
            file=known.get(words[0], ""),
        )
        found.append(Found(words[0], module))
    return found


def collect(sources: Sources) -> list[Found]:
    """Every loaded module. One that is built into the kernel is none."""
    known = files(keyed.text(sources.root / DEPENDENCIES.format(kernel.release(sources.root))))
    return parse(keyed.text(sources.root / FILE), lambda name: read_line(sources.root / TAINTS.format(name)), known)
