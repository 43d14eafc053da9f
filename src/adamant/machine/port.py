"""Ports of this computer for the API of its machines: each machine keeps its own, running or not."""

import socket
from collections.abc import Collection, Iterator

from adamant.model.errors import BusyError

LOOPBACK = "127.0.0.1"
FIRST = 45100
LAST = 45999


def free(port: int) -> bool:
    """Whether a program may listen on `port` of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # as QEMU does: a connection of an earlier run that lingers does not keep the port
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def candidates(taken: Collection[int]) -> Iterator[int]:
    """Ports of the range that no machine has."""
    return (port for port in range(FIRST, LAST + 1) if port not in taken)


def allocate(taken: Collection[int]) -> int:
    """A port that no machine has and nobody listens on. The caller holds the lock of all machines' ports.

    Raises BusyError ports-exhausted.
    """
    for port in candidates(taken):
        if free(port):
            return port
    raise BusyError(
        "ports-exhausted",
        f"no port from {FIRST} to {LAST} is free on {LOOPBACK}",
        hint="adamant machine delete removes machines that are no longer needed",
    )
