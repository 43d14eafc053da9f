"""The kernel's command line (kernel, Documentation/admin-guide/kernel-parameters.rst)."""

from collections.abc import Sequence

from adamant.api import resources_pb2 as pb
from adamant.model.kernel_line import split
from adamant.node.resources import keyed, masking
from adamant.node.resources.desired import Wanted, beside, config
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


def judge(line: str, wanted: Sequence[str]) -> list[Found]:
    """The arguments, and those of the config beside them. They come after all others, with the next boot."""
    found, words = parse(line), split(line)
    names = {word: item.name for word, item in zip(reversed(words), reversed(found), strict=True)}
    taken = {item.name for item in found}
    made: dict[str, Wanted] = {}
    for word in dict.fromkeys(plain for argument in wanted for plain in split(argument)):
        name, _, value = masking.pair(word).partition("=")
        if word not in names:
            words.append(word)
            names[word] = f"{name}#{len(words)}" if name in taken else name
            taken.add(name)
        made[names[word]] = Wanted(pb.KernelArgument(value=value), "it waits for a reboot")
    return beside(found, made)


def collect(sources: Sources) -> list[Found]:
    """The arguments that the running kernel was started with, and those that the config adds."""
    return judge(keyed.text(sources.root / FILE), config(sources.root).kernel.arguments)
