"""Words that a config adds to the kernel's command line: the addon on the ESP, made of the one of systemd."""

from pathlib import Path

import pytest

from adamant.core import pe
from adamant.core.source import open_source
from adamant.model.errors import AdamantError
from adamant.node.arguments import addon, run
from adamant.packages.tools import ToolsTree

STUB = "usr/lib/systemd/boot/efi/addonx64.efi.stub"


@pytest.fixture
def root(tmp_path: Path, tree: ToolsTree) -> Path:
    (tmp_path / "usr/lib/systemd/boot/efi").mkdir(parents=True)
    (tmp_path / STUB).write_bytes((tree.root / STUB).read_bytes())
    for folder in ("efi/loader", "run/adamant", "state/adamant"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def _words(path: Path) -> bytes:
    with open_source(path) as source:
        section = pe.read_program(source).section(".cmdline")
        assert section is not None
        return source.read(section.offset, section.size)


def test_the_addon_holds_the_words_and_goes_with_them(root: Path) -> None:
    (root / run.WANTED).write_text("hugepages=4\nmitigations=off\n")
    assert "hugepages=4 mitigations=off" in run.settle(root)
    assert _words(root / run.ADDON).rstrip(b"\0") == b"hugepages=4 mitigations=off"
    assert (root / run.MARK).exists()
    assert run.settle(root) == ""
    (root / run.WANTED).unlink()
    run.settle(root)
    assert not (root / run.ADDON).exists()
    assert not (root / run.MARK).exists()


def test_an_addon_that_was_damaged_is_made_anew(root: Path) -> None:
    (root / run.WANTED).write_text("hugepages=4\n")
    run.settle(root)
    (root / run.ADDON).write_bytes(b"\0" * 100)
    run.settle(root)
    assert _words(root / run.ADDON).rstrip(b"\0") == b"hugepages=4"


def test_what_is_no_addon_is_told_so(root: Path) -> None:
    whole = (root / STUB).read_bytes()
    for length in range(0, len(whole), 7):
        with pytest.raises(AdamantError, match="addon-malformed"):
            addon.make(whole[:length], "x")
