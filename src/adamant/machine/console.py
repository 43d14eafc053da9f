"""The console of a machine: foreign bytes as plain lines, and how far the boot has come.

What a guest prints is never trusted: it is for people to read, and the phases seen in it are for a progress bar.
Whether a machine is healthy is for its API to say. No control character, escape sequence or invisible character of a
guest reaches a terminal through this module (ECMA-48; Unicode categories Cc, Cf, Cs, Co, Zl, Zp).
"""

import re
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from adamant.core import limits

_MOVES = re.compile(r"\x1b\[[0-9;=?]{0,32}[ABEFHJfhl]|[\r\v\f\x85]")
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]?"  # control sequence
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # string, to its terminator
    r"|\x1b[ -/]{0,8}[0-~]?"
)
_VERSION = re.compile(r"\] Linux version \d")
"""A kernel says this once."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_PENDING = 4 * limits.CONSOLE_LINE
_POLL = 0.1


class Phase(Enum):
    """How far a boot has come, in order. The value is what people read."""

    FIRMWARE = "firmware"
    LOADER = "boot loader"
    KERNEL = "kernel"
    INITRD = "initrd"
    SYSTEM = "system"
    AGENT = "agent"


ORDER = tuple(Phase)

_SIGNS: tuple[tuple[Phase, re.Pattern[str]], ...] = (
    (Phase.AGENT, re.compile(r"Started adamant-agent\.service|adamant-agent\[\d+\]|Started .*Adamant agent", re.I)),
    (Phase.SYSTEM, re.compile(r"systemd\[1\]: (systemd \d|Detected |Hostname set|Queued start job)|^Welcome to ")),
    (Phase.INITRD, re.compile(r"Run /init as init process|\] adamant: ")),
    (Phase.KERNEL, re.compile(r"Linux version \d|EFI stub: ")),
    (Phase.LOADER, re.compile(r"BdsDxe: starting |systemd-boot |Boot in \d+ s")),
    (Phase.FIRMWARE, re.compile(r"BdsDxe: loading |UEFI firmware|TianoCore|SeaBIOS")),
)
"""The first sign that a line shows counts. A kernel that loads tells of EFI before it tells its version."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the console, plain and at most CONSOLE_LINE characters."""

    text: str


@dataclass(frozen=True, slots=True)
class Reached:
    """A boot has come to `phase`, `seconds` after watching began. `boot` counts from 1; a reset begins the next one."""

    phase: Phase
    boot: int
    seconds: float


Seen = Line | Reached


class Lines:
    """Bytes in any portions to plain lines. Holds at most a few thousand bytes of an unfinished line."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that end in `data`."""
        parts = (self._pending + data).split(b"\n")
        self._pending = parts.pop()
        if len(self._pending) > _PENDING:
            parts.append(self._pending)
            self._pending = b""
        return [line for part in parts for line in plain(part)]

    def rest(self) -> list[str]:
        """What stands after the last line end, such as a prompt."""
        return plain(self._pending)


def plain(data: bytes) -> list[str]:
    """Bytes of a guest as lines that are safe to show; empty ones are left out, long ones broken."""
    lines = []
    for part in _MOVES.sub("\n", data.decode("utf-8", errors="replace")).split("\n"):
        text = _SEQUENCES.sub("", part).expandtabs()
        text = "".join(c for c in text if unicodedata.category(c) not in _HIDDEN).rstrip()
        lines += [text[at : at + limits.CONSOLE_LINE] for at in range(0, len(text), limits.CONSOLE_LINE)]
    return [line for line in lines if line]


def tail(log: Path, size: int = limits.MACHINE_LOG_TAIL) -> list[str]:
    """The last lines of a console log, of at most `size` bytes; none when there is no log."""
    try:
        with log.open("rb") as source:
            start = max(0, source.seek(0, 2) - size)
            source.seek(start)
            data = source.read(size)
    except OSError:
        return []
    reader = Lines()
    lines = reader.feed(data.partition(b"\n")[2] if start and b"\n" in data else data)
    return lines + reader.rest()


def phase_of(line: str) -> Phase | None:
    """The phase that a line is a sign of."""
    return next((phase for phase, sign in _SIGNS if sign.search(line)), None)


class Watcher:
    """Reads a console log as it grows. A log that is not there yet is empty; one that shrank has begun anew."""

    def __init__(self, log: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._begin = clock()
        self._position = 0
        self._lines = Lines()
        self._boot = 1
        self._phase: Phase | None = None
        self._version = False

    def poll(self) -> list[Seen]:
        """What has come since the last call, at most CONSOLE_READ bytes of it."""
        try:
            with self._log.open("rb") as source:
                if source.seek(0, 2) < self._position:
                    self._position = 0
                    self._lines = Lines()
                source.seek(self._position)
                data = source.read(limits.CONSOLE_READ)
        except FileNotFoundError:
            return []
        self._position += len(data)
        seen: list[Seen] = []
        for text in self._lines.feed(data):
            seen.append(Line(text))
            reached = self._advance(text)
            if reached is not None:
                seen.append(reached)
        return seen

    def follow(self, running: Callable[[], bool], seconds: float) -> Iterator[Seen]:
        """Everything until `running` says no or `seconds` are over; what was written until then is still read."""
        end = self._clock() + seconds
        while True:
            more = running() and self._clock() < end
            seen = self.poll()
            yield from seen
            if not more and not seen:
                return
            if not seen:
                time.sleep(_POLL)

    def _advance(self, text: str) -> Reached | None:
        phase = phase_of(text)
        if phase is None:
            return None
        now = ORDER.index(phase)
        before = -1 if self._phase is None else ORDER.index(self._phase)
        version = _VERSION.search(text) is not None
        # A boot begins with its firmware or, where that is silent, with its kernel; an earlier phase's words in a later
        # one are just words. The firmware tries several loaders in one boot, so from a loader it may come back.
        again = phase is Phase.FIRMWARE and before > ORDER.index(Phase.LOADER)
        if again or (version and self._version):
            self._boot += 1
            self._version = False
        elif now <= before:
            return None
        self._version |= version
        self._phase = phase
        return Reached(phase, self._boot, self._clock() - self._begin)
