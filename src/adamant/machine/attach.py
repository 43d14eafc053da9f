"""A person at a machine's console: their terminal and the machine's serial port joined, until the escape key.

The guest's bytes reach the terminal as they are, escape sequences included, as with any serial line: for a machine that
is not trusted, read the log instead (`console.tail`).
"""

import os
import select
import socket
import termios
import tty
from pathlib import Path

from adamant.core import limits
from adamant.machine.qmp import unix_socket

ESCAPE = 0x1D
"""Control and ]."""
_CHUNK = 4096


def attach(path: Path, source: int, sink: int) -> bool:
    """Join the console socket `path` with the file descriptors `source` and `sink`.

    Returns True when the person left with the escape key, False when the machine ended or `source` did. A terminal is
    raw meanwhile, and as before afterwards. Raises UnreachableError machine-silent.
    """
    with unix_socket(path, limits.QMP_SECONDS) as connection:
        connection.settimeout(None)
        before = termios.tcgetattr(source) if os.isatty(source) else None
        try:
            if before is not None:
                tty.setraw(source)
            return _join(connection, source, sink)
        finally:
            if before is not None:
                termios.tcsetattr(source, termios.TCSADRAIN, before)


def _join(connection: socket.socket, source: int, sink: int) -> bool:
    machine = connection.fileno()
    while True:
        ready, _, _ = select.select([machine, source], [], [])
        if machine in ready:
            try:
                data = connection.recv(_CHUNK)
            except ConnectionError:
                return False
            if not data:
                return False
            _write(sink, data)
        if source in ready:
            typed = os.read(source, _CHUNK)
            keys, escape, _ = typed.partition(bytes([ESCAPE]))
            try:
                connection.sendall(keys)
            except ConnectionError:
                return False
            if escape or not typed:
                return bool(escape)


def _write(sink: int, data: bytes) -> None:
    while data:
        data = data[os.write(sink, data) :]
