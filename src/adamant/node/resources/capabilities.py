"""Rights of a process, from its status file (proc_pid_status(5), capabilities(7))."""

from typing import NamedTuple

from adamant.model.capability import named
from adamant.node.resources import keyed


class Rights(NamedTuple):
    """Effective capabilities by name, sorted; whether more can be had; whether a filter of system calls is on it."""

    capabilities: tuple[str, ...] = ()
    no_new_privileges: bool = False
    filtered: bool = False


def parse(content: str) -> Rights:
    """The rights in a status file; none where it does not say."""
    fields = keyed.pairs(content, ":")
    try:
        mask = int(fields.get("CapEff", "0")[:16], 16)
    except ValueError:
        mask = 0
    return Rights(named(mask & (1 << 64) - 1), fields.get("NoNewPrivs") == "1", fields.get("Seccomp") == "2")
