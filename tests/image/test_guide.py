"""The guide: every command of its pages works, in the order in which it is printed."""

from pathlib import Path

import pytest

from tests import guide
from tests.guide import Command, commands


def test_commands_are_read_from_console_blocks_only() -> None:
    page = "```console\n$ one\n> two\noutput\n$ three\n```\n```sh\n$ four\n```\n```console exit=2\n$ five\n```\n"
    assert commands(page) == [Command(2, "one\ntwo", 0), Command(5, "three", 0), Command(11, "five", 2)]


@pytest.mark.parametrize(
    "name", ["access.md", "first-image.md", "machine-config.md", "reproducible-builds.md", "updates.md"]
)
def test_every_command_of_the_guide_works(name: str, tmp_path: Path) -> None:
    guide.run_page(name, tmp_path)


def test_every_page_with_commands_is_run_by_a_test() -> None:
    tests = "".join(p.read_text() for room in ("image", "vm") for p in (guide.ROOT / "tests" / room).glob("*.py"))
    pages = [p.name for p in guide.FOLDER.glob("*.md") if commands(p.read_text())]
    assert [name for name in pages if f'"{name}"' not in tests] == []
