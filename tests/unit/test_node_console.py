"""The machine's own screen: it tells what it should, in a form that harms no terminal, and does not flood a log."""

import os
import re
import select
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adamant.api import node_pb2 as pb
from adamant.node import console
from adamant.node.console import Check, Facts

HOSTILE = "x\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\u202e日\x00…"


def facts(**changes: Any) -> Facts:
    usual = Facts(
        name="m1",
        image="example 1",
        posture="guarded",
        slot="usr-a",
        key="0123456789abcdef" * 4,
        reach="port 4510, from another computer: adamant node -c CONTEXT health",
        addresses=("10.0.2.15 (ens3)",),
        health="ok",
        checks=9,
        wrong=(),
    )
    return usual._replace(**changes)


def test_the_screen_tells_who_the_machine_is_how_it_is_and_how_to_reach_it() -> None:
    assert console.screen(facts(), 80) == [
        "adamant  m1" + " " * 67 + "OK",
        "image       example 1",
        "posture     guarded",
        "slot        usr-a",
        "health      ok: 9 of 9 checks hold",
        "addresses   10.0.2.15 (ens3)",
        "key SHA-256 " + "0123456789abcdef" * 4,
        "reach it    port 4510, from another computer: adamant node -c CONTEXT health",
    ]


def test_a_check_that_does_not_hold_is_named_with_what_was_seen_and_many_are_counted() -> None:
    wrong = tuple(Check(f"check-{n}", "failing", f"seen {n}") for n in range(9))
    text = "\n".join(console.screen(facts(health="failing", wrong=wrong), 80))
    assert "health      failing: 0 of 9 checks hold" in text
    assert "            failing: check-0: seen 0\n" in text
    assert "            and 3 more\n" in text


def test_a_machine_that_knows_nothing_yet_says_so() -> None:
    text = "\n".join(console.screen(facts(name="", slot="", key="", addresses=()), 80))
    for told in ("no name", "slot        none", "none yet", "no key"):
        assert told in text


@pytest.mark.parametrize("width", [1, 20, 40, 41, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_no_text_is_lost(width: int) -> None:
    lines = console.screen(facts(addresses=tuple(f"2001:db8::{n} (ens{n})" for n in range(6))), width)
    assert max(map(len, lines)) <= max(width, 20)
    squeezed = "".join("".join(lines).split())
    assert "0123456789abcdef" * 4 in squeezed
    assert "2001:db8::5(ens5)" in squeezed


@pytest.mark.parametrize("field", ["name", "image", "posture", "slot", "key", "reach", "health"])
def test_no_text_from_outside_reaches_a_terminal_as_anything_but_printable_ascii(field: str) -> None:
    hostile = facts(**{field: HOSTILE})
    for line in console.screen(hostile, 80):
        assert re.fullmatch(r"[ -~]*", line)
    assert re.fullmatch(rb"[ -~\n]*", console.serial(hostile))
    own = re.compile(rb"\x1b(c|7|8|\[[0-9;?]*[rHmKl])")
    assert re.fullmatch(rb"[ -~]*", own.sub(b"", console.drawing(hostile, 80, 25, "now", first=True)))


def test_hostile_messages_and_addresses_are_harmless_too() -> None:
    hostile = facts(wrong=(Check(HOSTILE, HOSTILE, HOSTILE),), addresses=(HOSTILE,))
    assert re.fullmatch(rb"[ -~\n]*", console.serial(hostile))


class Terminal:
    """Just enough of a virtual terminal (console_codes(4)) to see what a person would."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.reset()

    def reset(self) -> None:
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.x = self.y = 0
        self.saved = (0, 0)
        self.top, self.bottom = 0, self.rows - 1

    def feed(self, text: str) -> None:
        for match in re.finditer(r"\x1b(?:\[([0-9;?]*)([A-Za-z])|([c78]))|([\x20-\x7e\n])", text):
            sequence, final, plain = match[1] or "", match[2] or match[3], match[4]
            if plain:
                self._put(plain)
                continue
            numbers = [int(n) for n in sequence.split(";") if n.isdigit()]
            match final:
                case "c":
                    self.reset()
                case "7":
                    self.saved = (self.x, self.y)
                case "8":
                    self.x, self.y = self.saved
                case "r":
                    top, bottom = numbers or (1, self.rows)
                    self.top, self.bottom, self.x, self.y = top - 1, bottom - 1, 0, 0
                case "H":
                    self.y, self.x = numbers[0] - 1, numbers[1] - 1
                case "K":
                    begin = 0 if numbers == [2] else min(self.x, self.columns - 1)
                    self.cells[self.y][begin:] = [" "] * (self.columns - begin)

    def _put(self, character: str) -> None:
        if character == "\n":
            self.x = 0
            if self.y == self.bottom:
                del self.cells[self.top]
                self.cells.insert(self.bottom, [" "] * self.columns)
            else:
                self.y += 1
        elif self.x < self.columns:
            self.cells[self.y][self.x] = character
            self.x += 1

    def text(self) -> list[str]:
        return ["".join(row).rstrip() for row in self.cells]


def test_the_kernel_goes_on_writing_below_the_screen_and_never_scrolls_it_away() -> None:
    terminal = Terminal(80, 25)
    terminal.feed(console.drawing(facts(), 80, 25, "12:00", first=True).decode())
    for number in range(100):
        terminal.feed(f"[   {number}.0] a message of the kernel\n")
    terminal.feed(console.drawing(facts(slot="usr-b"), 80, 25, "12:01", first=False).decode())
    terminal.feed("[  100.0] one more\n")
    shown = terminal.text()
    assert shown[:8] == console.screen(facts(slot="usr-b"), 80)
    assert shown[8].startswith("--- 12:01 ---")
    assert shown[9:] == [*(f"[   {n}.0] a message of the kernel" for n in range(86, 100)), "[  100.0] one more", ""]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[tuple[Path, int, int]]:
    """A root folder whose two terminals are pseudo terminals of this test, and their other ends."""
    (tmp_path / "dev").mkdir()
    active = tmp_path / console.CONSOLES
    active.parent.mkdir(parents=True)
    active.write_text("tty0 ttyS0\n")
    ends = [os.openpty() for _ in range(2)]
    for name, (_, slave) in zip((console.TERMINAL, console.CONSOLE), ends, strict=True):
        (tmp_path / name).symlink_to(os.ttyname(slave))
    yield tmp_path, ends[0][0], ends[1][0]
    for pair in ends:
        for end in pair:
            os.close(end)


def said(master: int) -> bytes:
    """What the terminal got: the kernel hands it over a little later, and in parts when the computer is busy."""
    found = b""
    while select.select([master], [], [], 0.2)[0]:
        found += os.read(master, 1 << 16)
    return found.replace(b"\r\n", b"\n")


def test_a_serial_console_is_told_once_and_again_only_when_something_changed_and_not_often(
    machine: tuple[Path, int, int],
) -> None:
    root, _, serial = machine
    screens = console.Screens(root)
    screens.show(facts(), "now", 100.0)
    assert said(serial) == console.serial(facts())
    screens.show(facts(), "now", 1000.0)
    assert said(serial) == b""
    full = facts(health="failing", wrong=(Check("var-writable", "failing", "3 MiB are free"),))
    screens.show(full, "now", 2000.0)
    assert said(serial) == console.serial(full)
    other = full._replace(wrong=(Check("var-writable", "failing", "2 MiB are free"),))
    screens.show(other, "now", 3000.0)
    assert said(serial) == b"", "another wording alone is no news"
    screens.show(facts(), "now", 4000.0)
    assert said(serial) == console.serial(facts())
    screens.show(full, "now", 4001.0)
    assert said(serial) == b"", "two blocks within a moment"
    screens.show(full, "now", 4100.0)
    assert said(serial) == console.serial(full)


def test_a_virtual_terminal_is_drawn_in_place_and_anew_when_its_size_changed(machine: tuple[Path, int, int]) -> None:
    root, terminal, _ = machine
    termios.tcsetwinsize(terminal, (30, 100))
    screens = console.Screens(root)
    screens.show(facts(), "now", 1.0)
    assert said(terminal) == console.drawing(facts(), 100, 30, "now", first=True)
    screens.show(facts(), "later", 2.0)
    assert said(terminal) == console.drawing(facts(), 100, 30, "later", first=False)
    termios.tcsetwinsize(terminal, (50, 120))
    screens.show(facts(), "later", 3.0)
    assert said(terminal) == console.drawing(facts(), 120, 50, "later", first=True)


def test_a_console_that_is_a_virtual_terminal_gets_no_blocks_as_well(machine: tuple[Path, int, int]) -> None:
    root, _, serial = machine
    (root / console.CONSOLES).write_text("ttyS0 tty0\n")
    console.Screens(root).show(facts(), "now", 1.0)
    assert said(serial) == b""


def test_a_terminal_that_takes_nothing_holds_nobody_up_and_one_that_is_closed_is_told_of_once(
    machine: tuple[Path, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    root, _, _ = machine
    lines: list[str] = []
    screens = console.Screens(root, lines.append)
    for number in range(200):  # nobody reads the other end, whose buffer is a few pages
        screens.show(facts(name=f"m{number}"), "now", number * 100.0)
    assert lines == []
    (root / console.CONSOLE).unlink()
    for number in range(3):
        screens.show(facts(name=f"n{number}"), "now", 1e6 + number * 100.0)
    assert len(lines) == 1
    assert "/dev/console" in lines[0]


def test_addresses_are_those_that_lead_elsewhere() -> None:
    def row(link: bytes, address: bytes) -> bytes:
        return link.ljust(16, b"\0") + b"\2\0\0\0" + address + bytes(16)

    table = row(b"lo", b"\x7f\0\0\1") + row(b"ens3:1", b"\x0a\0\2\x0f") + b"cut off"
    assert console.addresses_four(table) == [("ens3", "10.0.2.15")]
    local = "fe80000000000000505400fffe123456 02 40 20 80     ens3\n"
    wide = "20010db8000000000000000000000001 02 40 00 80     ens3\n"
    loop = "00000000000000000000000000000001 01 80 10 80       lo\n"
    assert console.addresses_six(loop + local + wide) == [("ens3", "2001:db8::1")]
    assert console.addresses_six(loop + local) == [("ens3", "fe80::5054:ff:fe12:3456")]
    assert console.addresses_six("nonsense\nz 1 2 00 4 5\n" + "z" * 32 + " 1 2 00 4 5") == []


def test_facts_come_from_the_machine_and_what_it_lacks_is_empty(tmp_path: Path) -> None:
    failing = pb.HealthCheck(name="network", state=pb.CHECK_STATE_FAILING, message="no way out")
    well = pb.HealthCheck(name="time", state=pb.CHECK_STATE_OK, message="fine")
    answer = pb.HealthResponse(overall=pb.CHECK_STATE_FAILING, checks=[failing, well])
    seen = console.look(tmp_path, answer, console.Access("ab", "port 1"))
    assert (seen.image, seen.slot, seen.key, seen.reach) == ("", "", "ab", "port 1")
    assert (seen.health, seen.checks, seen.wrong) == ("failing", 2, (Check("network", "failing", "no way out"),))
    assert all("127.0.0.1" not in address for address in seen.addresses)
