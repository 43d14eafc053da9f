"""Keys of the dashboard, from the bytes that a terminal sends for them (ECMA-48; xterm's control sequences)."""

import re
from enum import Enum, auto


class Key(Enum):
    """What a key means."""

    QUIT = auto()
    NEXT = auto()
    PREVIOUS = auto()
    LOGS = auto()
    EVENTS = auto()


_KEYS: dict[bytes, Key] = {
    b"q": Key.QUIT,
    b"Q": Key.QUIT,
    b"\x04": Key.QUIT,
    b"\t": Key.NEXT,
    b"j": Key.NEXT,
    b"k": Key.PREVIOUS,
    b"l": Key.LOGS,
    b"e": Key.EVENTS,
    **{begin + end: Key.NEXT for begin in (b"\x1b[", b"\x1bO") for end in (b"B", b"C")},
    **{begin + end: Key.PREVIOUS for begin in (b"\x1b[", b"\x1bO") for end in (b"A", b"D")},
    b"\x1b[Z": Key.PREVIOUS,
}
_PRESSED = re.compile(rb"\x1b[\[O][0-9;]{0,16}[A-Za-z~]|\x1b|.", re.DOTALL)


def decode(data: bytes) -> list[Key]:
    """The keys that `data` stands for, in order; keys without a meaning are left out."""
    return [_KEYS[press] for press in _PRESSED.findall(data) if press in _KEYS]
