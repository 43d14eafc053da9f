"""The guide to access: each of its commands that needs no node works, in the order in which it is printed."""

from pathlib import Path

from tests import guide


def test_every_command_of_the_guide_works(tmp_path: Path) -> None:
    guide.run_page("access.md", tmp_path)
