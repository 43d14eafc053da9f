"""What a collector of resources returns, and where it looks."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Found(NamedTuple):
    """A resource: its name, the message of its kind as it is (None: not there), as it should be, and why not."""

    name: str
    actual: Any
    desired: Any = None
    reason: str = ""


class Sources(NamedTuple):
    """Where collectors look: the machine's `/`, and answers of the agent that are resources too.

    `names` are those that were asked for, for the kinds that cannot list all they know; empty asks for all.
    """

    root: Path
    boot: Callable[[], Any]
    health: Callable[[], Any]
    certificates: Callable[[], Mapping[str, bytes]] = dict
    """Certificates in PEM, by what they are for."""
    names: Collection[str] = ()
    next_look: Callable[[], float] = float
    """When the agent looks for a release next, in seconds since the Unix epoch; 0 when it does not."""
