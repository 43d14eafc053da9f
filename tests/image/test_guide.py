"""The guide: every command of its pages works, in the order in which it is printed."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from adamant.core import places

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PAGES = ("first-image.md", "reproducible-builds.md")
FENCE = re.compile(r"^```console(?: exit=(?P<exit>\d+))?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 900


@dataclass(frozen=True)
class Command:
    """A command of a page: the line it starts at, its text, and the exit code that the page says."""

    line: int
    text: str
    code: int


def commands(page: str) -> list[Command]:
    """Commands of the `console` blocks: `$ ` begins one, `> ` goes on, anything else is output."""
    found: list[Command] = []
    for block in FENCE.finditer(page):
        first = page.count("\n", 0, block.start("body")) + 1
        code = int(block["exit"] or 0)
        for number, line in enumerate(block["body"].splitlines(), first):
            if line.startswith("$ "):
                found.append(Command(number, line[2:], code))
            elif line.startswith(">"):
                last = found.pop()
                found.append(Command(last.line, f"{last.text}\n{line[2:]}", code))
    return found


def test_commands_are_read_from_console_blocks_only() -> None:
    page = "```console\n$ one\n> two\noutput\n$ three\n```\n```sh\n$ four\n```\n```console exit=2\n$ five\n```\n"
    assert commands(page) == [Command(2, "one\ntwo", 0), Command(5, "three", 0), Command(11, "five", 2)]


@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_the_guide_works(name: str, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    launcher = programs / "adamant"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m adamant.cli.main "$@"\n')
    launcher.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "ADAMANT_CACHE": str(places.cache()),
        "ADAMANT_STATE": str(tmp_path / "state"),
        "ADAMANT_CONFIG": str(tmp_path / "config"),
    }
    todo = commands((GUIDE / name).read_text())
    assert todo
    for command in todo:
        done = subprocess.run(
            ["bash", "-euc", command.text],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        said = f"{name}, line {command.line}: {command.text}\n{done.stdout}{done.stderr}"
        assert done.returncode == command.code, said


def test_every_page_of_the_guide_with_commands_is_tested() -> None:
    assert sorted(p.name for p in GUIDE.glob("*.md") if commands(p.read_text())) == sorted(PAGES)
