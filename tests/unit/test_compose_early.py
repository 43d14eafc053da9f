"""What is read ahead: what the agent starts with, in the order of the table; and libbpf withheld where nobody asks."""

import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from adamant.compose import early, entries
from adamant.compose.units import Units
from adamant.model.tree import Tree

SOURCES = Path(early.__file__).parents[2]
START = """
import sys
from adamant.node import agent
print(*(m.__file__ for n, m in sys.modules.items() if n.startswith("adamant.")), sep="\\n")
"""


def _tree(*paths: str) -> Tree:
    return {path: entries.file(path, "x") for path in paths}


def _units(text: str) -> Units:
    unit = entries.file("usr/lib/systemd/system/one.service", text)
    return Units({entry.path: entry for entry in [*entries.parents({}, [unit]), unit]})


def _listed(tree: Tree) -> list[str]:
    return entries.text(early.ahead(tree)).splitlines()


def test_files_are_listed_below_usr_in_the_order_of_the_table() -> None:
    tree = _tree("usr/bin/containerd", "usr/bin/other", "usr/lib/systemd/systemd", "etc/passwd")
    assert _listed(tree) == ["lib/systemd/systemd", "bin/containerd"]


def test_byte_code_is_found_by_its_module() -> None:
    code = "usr/lib/python3.13/json/__pycache__/decoder.cpython-313.pyc"
    assert _listed(_tree(code, "usr/lib/python3.13/json/decoder.py")) == [code.removeprefix("usr/")]


def test_every_module_of_ours_that_the_agent_starts_with_is_listed() -> None:
    """As a machine's agent imports them; those of other rooms would be missing here."""
    done = subprocess.run([sys.executable, "-c", START], check=True, capture_output=True, text=True)
    of_agent = [Path(line).relative_to(SOURCES) for line in done.stdout.splitlines()]
    assert len(of_agent) > 20
    paths = [f"usr/lib/python3/dist-packages/{cache_from_source(path)}" for path in map(str, of_agent)]
    listed = {f"usr/{path}" for path in _listed(_tree(*paths))}
    missing = [path for path in paths if path not in listed and "/adamant/__pycache__/" not in path]
    assert missing == []


def test_a_list_is_no_longer_than_the_initrd_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "LIST_BYTES", 40)
    listed = _listed(_tree("usr/bin/containerd", "usr/lib/systemd/systemd", "usr/lib/systemd/systemd-executor"))
    assert listed == ["lib/systemd/systemd", "bin/containerd"]


@pytest.mark.parametrize("key", [*early.BPF_KEYS, "RestrictFileSystems"])
def test_libbpf_is_withheld_unless_a_unit_needs_it(key: str) -> None:
    (made,) = early.no_bpf(_units("[Service]\nExecStart=/usr/bin/one\n"))
    assert made.path.endswith("/libbpf.so.1")
    assert early.no_bpf(_units(f"[Service]\n{key}=lo\n")) == []
