"""Ports of this computer for the API of its machines: each machine keeps its own, running or not.

Two state folders know nothing of one another's machines, and one that is off does not listen. So each folder begins to
look at another place of the range: else a machine's port would often go to one of another folder meanwhile.
"""

import os
import socket
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

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


def candidates(taken: Collection[int], folder: Path) -> Iterator[int]:
    """Ports of the range that no machine in `folder`, which holds machines, has."""
    ports = range(FIRST, LAST + 1)
    begin = zlib.crc32(os.fsencode(folder)) % len(ports)
    return (port for port in (*ports[begin:], *ports[:begin]) if port not in taken)


def allocate(taken: Collection[int], folder: Path) -> int:
    """A port that no machine in `folder` has and nobody listens on. The caller holds the lock of its machines' ports.

    Raises BusyError ports-exhausted.
    """
    for port in candidates(taken, folder):
        if free(port):
            return port
    raise BusyError(
        "ports-exhausted",
        f"no port from {FIRST} to {LAST} is free on {LOOPBACK}",
        hint="adamant machine delete removes machines that are no longer needed",
    )
