"""The kernel's command line (kernel, Documentation/admin-guide/kernel-parameters.rst)."""

from adamant.api import resources_pb2 as pb
from adamant.model.kernel_line import split
from adamant.node.resources import keyed, masking
from adamant.node.resources.found import Found, Sources

FILE = "proc/cmdline"


def parse(line: str) -> list[Found]:
    """The arguments. One that stands there more than once is named with its position from the second time on."""
    found: list[Found] = []
    seen: set[str] = set()
    for position, word in enumerate(split(line), 1):
        name, _, value = masking.pair(word).partition("=")
        title = f"{name}#{position}" if name in seen else name
        seen.add(name)
        found.append(Found(title, pb.KernelArgument(value=value, position=position)))
    return found


def collect(sources: Sources) -> list[Found]:
    """The arguments that the running kernel was started with."""
    return parse(keyed.text(sources.root / FILE))
