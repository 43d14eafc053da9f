"""The console: foreign bytes become plain lines, phases are recognised, whatever portions the bytes come in."""

import itertools
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import limits
from adamant.machine.console import Line, Lines, Phase, Reached, Watcher, phase_of, plain, tail

# Texts of real boots.
BOOT = (
    b'\x1b[2J\x1b[01;01H\x1b[=3h\x1b[2J\x1b[01;01HBdsDxe: loading Boot0001 "UEFI Misc Device" from PciRoot(0x0)\r\n'
    b'BdsDxe: starting Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x3,0x0)\r\n'
    b"\x1b[2J\x1b[01;01HEFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path\r\n"
    b"[    0.000000] Linux version 6.12.107+deb13-cloud-amd64 (debian-kernel@lists.debian.org)\r\n"
    b"[    2.400000] Run /init as init process\r\n"
    b"[    3.100000] adamant: the usr image comes from slot: usr-a\r\n"
    b"[    3.400000] systemd[1]: systemd 257.13-1~deb13u1 running in system mode\r\n"
    b"[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39madamant-agent.service\x1b[0m - Answers the API.\r\n"
)
PHASES = [Phase.FIRMWARE, Phase.LOADER, Phase.KERNEL, Phase.INITRD, Phase.SYSTEM, Phase.AGENT]


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"\x1b[0;32m  OK  \x1b[0m] done\r\n", ["  OK  ] done"]),
        (b"one\rtwo", ["one", "two"]),
        (b"\x1b[2J\x1b[01;01Hone\x1b[5;1Htwo", ["one", "two"]),
        (b"\x1b]0;title\x07text", ["text"]),
        (b"\x1b]52;c;ZXZpbA==\x1b\\text", ["text"]),
        (b"\x1bPq#0;2;0;0;0\x1b\\text", ["text"]),
        (b"\xc2\x9b31mred", ["red"]),
        (b"\xc2\x9d0;title\xc2\x9ctext", ["text"]),
        (b"bell\x07 back\x08 null\x00", ["bell back null"]),
        ("a\u202etxt.exe\u2066b\u200bc".encode(), ["atxt.exebc"]),
        (b"\xff\xfe broken", ["\ufffd\ufffd broken"]),
        (b"tab\there", ["tab     here"]),
        ("größe ✓".encode(), ["größe ✓"]),
        (b"\r\n\r\n   \r\n", []),
        (b"\x1b", []),
        (b"\x1b[", []),
        (b"\x1b]never ends", []),
    ],
)
def test_foreign_bytes_become_plain_lines(data: bytes, lines: list[str]) -> None:
    assert plain(data) == lines


@given(st.binary(max_size=4000))
def test_nothing_that_controls_a_terminal_passes(data: bytes) -> None:
    for line in plain(data):
        assert 0 < len(line) <= limits.CONSOLE_LINE
        assert [c for c in line if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}] == []


@given(st.lists(st.sampled_from([b"\x1b", b"[", b"]", b"0;", b"J", b"\x9b", b"\n", b"\r", b"text", b"\x07", b"P"])))
def test_nothing_passes_that_is_made_of_pieces_of_sequences(pieces: list[bytes]) -> None:
    for line in plain(b"".join(pieces)):
        assert "\x1b" not in line
        assert line.isprintable()


@given(st.lists(st.integers(1, len(BOOT) - 1), max_size=12))
def test_the_portions_in_which_bytes_come_do_not_matter(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(BOOT)]
    reader = Lines()
    assert [line for a, b in itertools.pairwise(at) for line in reader.feed(BOOT[a:b])] == plain(BOOT)


def test_a_line_without_an_end_does_not_grow_for_ever() -> None:
    reader = Lines()
    seen = [line for _ in range(200) for line in reader.feed(b"x" * 1000)]
    assert max(map(len, seen)) <= limits.CONSOLE_LINE
    assert sum(map(len, seen)) + sum(map(len, reader.rest())) == 200_000


def test_a_boot_shows_its_phases_in_order(tmp_path: Path) -> None:
    clock = Clock()
    log = tmp_path / "console.log"
    watcher = Watcher(log, clock)
    assert watcher.poll() == []
    reached: list[Reached] = []
    for count, line in enumerate(BOOT.splitlines(keepends=True)):
        with log.open("ab") as out:
            out.write(line)
        clock.now = float(count)
        reached += [seen for seen in watcher.poll() if isinstance(seen, Reached)]
    assert [r.phase for r in reached] == PHASES
    assert [r.seconds for r in reached] == [0.0, 1.0, 2.0, 4.0, 6.0, 7.0]
    assert {r.boot for r in reached} == {1}


def test_a_reset_begins_another_boot(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(BOOT + BOOT)
    reached = [seen for seen in Watcher(log).poll() if isinstance(seen, Reached)]
    assert [(r.boot, r.phase) for r in reached] == [(boot, phase) for boot in (1, 2) for phase in PHASES]


def test_a_reset_shows_also_where_the_firmware_is_silent(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"[    0.000000] Linux version 6.12.117\n[    2.0] Kernel panic - not syncing: x\n" * 3)
    reached = [seen for seen in Watcher(log).poll() if isinstance(seen, Reached)]
    assert [(r.boot, r.phase) for r in reached] == [(boot, Phase.KERNEL) for boot in (1, 2, 3)]


def test_words_of_an_earlier_phase_do_not_turn_a_boot_back(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(BOOT + b"Welcome to Adamant\r\nBoot in 3 s\r\n")
    reached = [seen for seen in Watcher(log).poll() if isinstance(seen, Reached)]
    assert [r.phase for r in reached] == PHASES


def test_a_firmware_that_tries_its_next_option_is_still_in_the_same_boot(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(BOOT[: BOOT.index(b"\x1b[2J\x1b[01;01HEFI stub")] * 2)
    assert {seen.boot for seen in Watcher(log).poll() if isinstance(seen, Reached)} == {1}


def test_a_log_that_began_anew_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"a long line of the run before\n")
    watcher = Watcher(log)
    watcher.poll()
    log.write_bytes(b"new\n")
    assert watcher.poll() == [Line("new")]


def test_following_ends_with_the_machine_and_loses_nothing(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"first\n")
    answers = iter([True, False])

    def running() -> bool:
        with log.open("ab") as out:
            out.write(b"more\n")
        return next(answers, False)

    seen = list(zip(Watcher(log).follow(running, 60.0), range(5), strict=False))
    assert [line for line, _ in seen][:3] == [Line("first"), Line("more"), Line("more")]


def test_the_tail_is_whole_lines_and_the_prompt(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"".join(b"line %d\n" % n for n in range(1000)) + b"login: ")
    lines = tail(log, 100)
    assert lines[-1] == "login:"
    assert lines[-2] == "line 999"
    assert lines[0].startswith("line ")
    assert tail(tmp_path / "none") == []


def test_ordinary_lines_are_no_sign() -> None:
    assert phase_of("[    0.1] pci 0000:00:1f.0: quirk: [io  0x0600-0x067f] claimed by ICH6") is None
