"""The machine's own console: a screen that only shows. No input is read; no text from outside reaches a terminal raw.

`screen` makes lines of facts (pure). A virtual terminal gets them at its top, drawn again in place; below them the
kernel's messages scroll on, so that a panic can be read there. A serial console is a log as well: it gets one block,
and the next one when something has changed that a person would act on.
"""

import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from adamant.api import node_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.model.posture import FILE
from adamant.node import posture, record
from adamant.node.reading import read_line, read_release, read_text

TERMINAL = "dev/tty1"
CONSOLE = "dev/console"
CONSOLES = "sys/class/tty/console/active"
SIX = "proc/net/if_inet6"

_LOOK_SECONDS = 15.0
"""How often the machine is looked at."""
_PATIENCE_SECONDS = 120.0
"""How long a machine may start before its screen is shown all the same."""
_QUIET_SECONDS = 60.0
"""The least time between two blocks on a serial console."""
_SERIAL_WIDTH = 80
_LEAST_LOG = 5
"""Lines that a virtual terminal keeps for the kernel's messages; a smaller one shows the screen alone."""
_SHOWN = 6
"""Addresses, and checks that do not hold, of which more are only counted."""
_SIOCGIFCONF = 0x8912
_IFREQ = 40
"""Bytes of a `struct ifreq` of 64 bits."""
_COLOURS = {"ok": "30;42", "waiting": "30;43", "failing": "1;37;41"}
"""Of the first line (console_codes(4), SGR): black on green, black on yellow, white on red."""
_STATES = {pb.CHECK_STATE_OK: "ok", pb.CHECK_STATE_WAITING: "waiting", pb.CHECK_STATE_FAILING: "failing"}


class Check(NamedTuple):
    """A health check that does not hold."""

    name: str
    state: str
    message: str


class Access(NamedTuple):
    """How people know this machine and reach it: the fingerprint of its key, and what they do at another computer."""

    key: str
    reach: str


class Facts(NamedTuple):
    """What the screen tells. Texts are as they were found: `screen` makes them harmless."""

    name: str
    image: str
    posture: str
    slot: str
    key: str
    """Fingerprint of the node's key, 64 hexadecimal digits."""
    reach: str
    """What a person does at another computer."""
    addresses: tuple[str, ...]
    health: str
    checks: int
    wrong: tuple[Check, ...]

    def news(self) -> tuple[object, ...]:
        """What has to differ before a serial console is told again: not the wording of a check."""
        return (*self[:-1], tuple((check.name, check.state) for check in self.wrong))


def plain(text: str) -> str:
    """Printable ASCII, with `?` for all else: a console's character set is not known, and no escape may reach it."""
    return "".join(c if " " <= c <= "~" else "?" for c in text.replace("…", "...").replace("\n", " "))


def screen(facts: Facts, width: int) -> list[str]:
    """The screen, as lines of at most `width` (at least 20) printable ASCII characters."""
    width = max(width, 20)
    title = f"adamant  {plain(facts.name) or 'no name'}"
    state = plain(facts.health).upper()
    lines = [f"{title[: width - len(state) - 1]:<{width - len(state)}}{state}"]
    rows = [("image", facts.image), ("posture", facts.posture), ("slot", facts.slot or "none")]
    holds = f"{facts.checks - len(facts.wrong)} of {facts.checks} checks hold"
    rows.append(("health", f"{facts.health}: {holds}"))
    rows += [("", f"{check.state}: {check.name}: {check.message}") for check in facts.wrong[:_SHOWN]]
    if len(facts.wrong) > _SHOWN:
        rows.append(("", f"and {len(facts.wrong) - _SHOWN} more"))
    shown = list(facts.addresses[:_SHOWN])
    if len(facts.addresses) > _SHOWN:
        shown.append(f"and {len(facts.addresses) - _SHOWN} more")
    rows.append(("addresses", ", ".join(shown) or "none yet"))
    rows.append(("key SHA-256", facts.key or "no key"))
    rows.append(("reach it", facts.reach))
    for name, value in rows:
        lines += _row(name, plain(value), width)
    return lines


def _row(name: str, value: str, width: int) -> list[str]:
    """A name and its value, which goes on below itself where it is too long."""
    indent = 12 if width > 40 else 2
    room = width - indent
    parts, rest = [], value
    while len(rest) > room:
        cut = rest.rfind(" ", room // 2, room + 1)
        cut = cut if cut > 0 else room
        parts.append(rest[:cut])
        rest = rest[cut:].lstrip()
    parts.append(rest)
    if indent == 2:
        return ([name] if name else []) + [f"  {part}" for part in parts]
    return [f"{name if at == 0 else '':<{indent}}{part}".rstrip() for at, part in enumerate(parts)]


def serial(facts: Facts) -> bytes:
    """The block for a serial console."""
    return ("\n" + "\n".join(screen(facts, _SERIAL_WIDTH)) + "\n\n").encode()


def drawing(facts: Facts, columns: int, rows: int, now: str, *, first: bool) -> bytes:
    """What draws the screen on a virtual terminal (console_codes(4)), without a line end that could scroll it.

    The `first` drawing clears the terminal and leaves the cursor below the screen, where the kernel writes. The others
    put it back to where it was.
    """
    lines = screen(facts, columns)[:rows]
    region = f"\x1b[{len(lines) + 2};{rows}r" if len(lines) + 1 + _LEAST_LOG <= rows else "\x1b[r"
    begin = "\x1bc\x1b[?25l" if first else "\x1b7"
    parts = [begin, region]
    for number, line in enumerate(lines, 1):
        # Erased before it is written: behind the last column, the cursor stands on the last character.
        look = f"\x1b[{_COLOURS.get(facts.health, '7')}m" if number == 1 else ""
        parts.append(f"\x1b[{number};1H\x1b[0m\x1b[2K{look}{line}\x1b[0m")
    if len(lines) < rows:
        parts.append(f"\x1b[{len(lines) + 1};1H{f'--- {now} '.ljust(columns, '-')[:columns]}")
    parts.append(f"\x1b[{rows};1H" if first else "\x1b8")
    return "".join(parts).encode()


def addresses_four(table: bytes) -> list[tuple[str, str]]:
    """(link, address) of each `struct ifreq` of SIOCGIFCONF (netdevice(7)), without the loopback's."""
    found = []
    for at in range(0, len(table) - _IFREQ + 1, _IFREQ):
        link = table[at : at + 16].partition(b"\0")[0].decode("ascii", "replace")
        address = table[at + 20 : at + 24]
        if address[0] != 127:
            found.append((link.partition(":")[0], socket.inet_ntop(socket.AF_INET, address)))
    return found


def addresses_six(text: str) -> list[tuple[str, str]]:
    """(link, address) of each line of /proc/net/if_inet6 of global scope; of link scope when there is no other."""
    scopes: dict[str, list[tuple[str, str]]] = {"00": [], "20": []}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 6 and len(fields[0]) == 32 and fields[3] in scopes:
            try:
                address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(fields[0]))
            except ValueError:
                continue
            scopes[fields[3]].append((fields[5], address))
    return scopes["00"] or scopes["20"]


def _addresses(root: Path) -> tuple[str, ...]:
    """Every address with its link. It asks in the ways that cost least."""
    import array  # noqa: PLC0415
    import fcntl  # noqa: PLC0415

    table = array.array("B", bytes(_IFREQ * 64))
    place, size = table.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            size = struct.unpack("iP", fcntl.ioctl(asking, _SIOCGIFCONF, struct.pack("iP", size, place)))[0]
        except OSError:
            size = 0
    try:
        six = addresses_six(read_text(root / SIX, limits.SYSTEM_FILE_SIZE))
    except AdamantError:
        six = []
    return tuple(f"{address} ({link})" for link, address in addresses_four(table.tobytes()[:size]) + six)


def look(root: Path, answer: pb.HealthResponse, access: Access) -> Facts:
    """The facts of this machine, with the health as it was `answer`ed. It raises nothing."""
    release = read_release(root)
    try:
        slot = record.read(root).slot
    except AdamantError:
        slot = ""
    return Facts(
        name=socket.gethostname(),
        image=f"{release.get('IMAGE_ID', '')} {release.get('IMAGE_VERSION', '')}".strip(),
        posture=read_line(root / FILE),
        slot=slot,
        key=access.key,
        reach=access.reach,
        addresses=_addresses(root),
        health=_STATES.get(answer.overall, "unknown"),
        checks=len(answer.checks),
        wrong=tuple(
            Check(check.name, _STATES.get(check.state, "unknown"), check.message)
            for check in answer.checks
            if check.state != pb.CHECK_STATE_OK
        ),
    )


class Screens:
    """The terminals of a machine, and what each shows. `say` gets a line for the log, once, when one cannot be had."""

    def __init__(self, root: Path, say: Callable[[str], object] = sys.stderr.write) -> None:
        self._root = root
        self._say = say
        self._silent: set[str] = set()
        self._size: tuple[int, int] | None = None
        self._told: tuple[object, ...] | None = None
        self._next = 0.0

    def show(self, facts: Facts, now: str, clock: float) -> None:
        """Draw the screen on a virtual terminal, and tell a serial console what is new. `clock` counts in seconds."""
        if (self._root / TERMINAL).exists():
            self._open(TERMINAL, lambda terminal: self._draw(terminal, facts, now))
        # The last console of the kernel's list is /dev/console. A virtual terminal shows the screen already.
        last = read_line(self._root / CONSOLES).split()[-1:]
        if last and not last[0].removeprefix("tty").isdigit() and facts.news() != self._told and clock >= self._next:
            self._told, self._next = facts.news(), clock + _QUIET_SECONDS
            self._open(CONSOLE, lambda console: _write(console, serial(facts)))

    def _draw(self, terminal: int, facts: Facts, now: str) -> None:
        size = _size(terminal)
        _write(terminal, drawing(facts, *size, now, first=size != self._size))
        self._size = size

    def _open(self, name: str, use: Callable[[int], None]) -> None:
        try:
            # Never this process's own terminal, and never waiting for one that takes nothing.
            terminal = os.open(self._root / name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                use(terminal)
            finally:
                os.close(terminal)
        except OSError as error:
            if name not in self._silent:
                self._silent.add(name)
                self._say(f"<4>the console's screen cannot be shown at /{name}: {error.strerror}\n")


def _size(terminal: int) -> tuple[int, int]:
    try:
        columns, rows = os.get_terminal_size(terminal)
    except OSError:
        return 80, 25
    return columns or 80, rows or 25


def _write(terminal: int, data: bytes) -> None:
    """All of `data`; the rest of it is dropped when the terminal takes nothing for a second."""
    tries = 10
    while data and tries:
        try:
            data = data[os.write(terminal, data) :]
        except BlockingIOError:
            tries -= 1
            time.sleep(0.1)


def run(root: Path, health: Callable[[], pb.HealthResponse], access: Callable[[], Access]) -> None:
    """Keep the screen for ever, in a thread of its own; begin once the boot is over, or nearly.

    A machine with a shell on the host has none: there, people log in at the console.
    """
    if posture.rules(root).host_shell:
        return
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)  # of this thread alone
    screens = Screens(root)
    begin = time.monotonic()
    while True:
        answer = health()
        clock = time.monotonic()
        # While it starts, the boot's own messages say more.
        if answer.overall != pb.CHECK_STATE_WAITING or clock - begin > _PATIENCE_SECONDS:
            now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
            screens.show(look(root, answer, access()), now, clock)
        time.sleep(_LOOK_SECONDS)
