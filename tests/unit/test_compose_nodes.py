"""Device nodes of modules: the lines that kmod would write at boot, and nothing that depmod does not write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.compose import entries, nodes
from adamant.model.errors import VerificationError
from adamant.model.tree import Tree

KERNEL = "6.12.0"
PATH = f"usr/lib/modules/{KERNEL}/modules.devname"


def _tree(text: str | bytes) -> Tree:
    return {PATH: entries.file(PATH, text)}


def test_each_node_becomes_a_line_behind_its_folder() -> None:
    text = "# A comment.\nfuse fuse c10:229\ntun net/tun c10:200\nbrd ram0 b1:0\n"
    (made,) = nodes.make(_tree(text), KERNEL)
    assert made.path == nodes.CONF
    assert entries.text(made).splitlines() == [
        "c! /dev/fuse 0600 root root - 10:229",
        "d /dev/net 0755 root root -",
        "c! /dev/net/tun 0600 root root - 10:200",
        "b! /dev/ram0 0600 root root - 1:0",
    ]


def test_a_kernel_without_such_nodes_needs_no_file() -> None:
    assert nodes.make({}, KERNEL) == []
    assert nodes.make(_tree("# nothing\n"), KERNEL) == []


@pytest.mark.parametrize("line", ["a ../b c1:1", "a /b c1:1", "a b c1", "a b p1:1", "a b c1:1 x", "a b%n c1:1"])
def test_what_depmod_does_not_write_is_an_error(line: str) -> None:
    with pytest.raises(VerificationError) as caught:
        nodes.make(_tree(line), KERNEL)
    assert caught.value.reference == "modules-devname-malformed"


@given(st.binary(max_size=200))
def test_any_bytes_give_lines_or_a_refusal(data: bytes) -> None:
    try:
        made = nodes.make(_tree(data), KERNEL)
    except VerificationError:
        return
    for line in (line for entry in made for line in entries.text(entry).splitlines()):
        assert line.split()[1].startswith("/dev/")
        assert ".." not in line
