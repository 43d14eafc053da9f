"""The pages of the guide as programs: their `console` blocks, run in the order in which they are printed."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from adamant.core import places

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "guide"
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


def run_page(name: str, folder: Path, first: str = "") -> None:
    """Run the commands of a page in the empty `folder`, with the session's cache and a state and keys of its own.

    `first` is run before them: what the page takes for granted. Fails at the first command whose exit code is not what
    the page says.
    """
    programs, work = folder / "bin", folder / "work"
    programs.mkdir()
    work.mkdir()
    launcher = programs / "adamant"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m adamant.cli.main "$@"\n')
    launcher.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "ADAMANT_CACHE": str(places.cache()),
        "ADAMANT_STATE": str(folder / "state"),
        "ADAMANT_CONFIG": str(folder / "config"),
    }
    todo = commands((FOLDER / name).read_text())
    assert todo, f"{name} has no commands"
    if first:
        todo.insert(0, Command(0, first, 0))
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
