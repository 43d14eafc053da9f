"""Loaded modules of the kernel (proc_modules(5)), what taints they brought (kernel, tainted-kernels.rst), and those
that files of the image and of the config ask for (modules-load.d(5)).
"""

from collections.abc import Callable, Mapping

from adamant.api import resources_pb2 as pb
from adamant.node.reading import read_line
from adamant.node.resources import drop_ins, kernel, keyed
from adamant.node.resources.desired import Wanted, beside
from adamant.node.resources.found import Found, Sources

FILE = "proc/modules"
TAINTS = "sys/module/{}/taint"
DEPENDENCIES = "usr/lib/modules/{}/modules.dep"
BUILTIN = "usr/lib/modules/{}/modules.builtin"
FOLDERS = ("etc/modules-load.d", "run/modules-load.d", "usr/local/lib/modules-load.d", "usr/lib/modules-load.d")


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


def listed(content: str) -> list[str]:
    """The modules that a file of modules-load.d(5) names, as the kernel writes them."""
    lines = (line.strip() for line in content.splitlines())
    return [line.replace("-", "_") for line in lines if line and line[0] not in "#;"]


def collect(sources: Sources) -> list[Found]:
    """Every loaded module, and those that are to be loaded. One that is built into the kernel is none."""
    root, release = sources.root, kernel.release(sources.root)
    known = files(keyed.text(root / DEPENDENCIES.format(release)))
    builtin = files(keyed.text(root / BUILTIN.format(release)))
    wanted = {
        name: Wanted(pb.Module(state="live"), f"{file} asks for it", file)
        for path in drop_ins.files(root, FOLDERS)
        for file in [f"/{path.relative_to(root)}"]
        for name in listed(keyed.text(path))
        if name not in builtin
    }
    found = parse(keyed.text(root / FILE), lambda name: read_line(root / TAINTS.format(name)), known)
    return beside(found, wanted)
