"""The order in which units start, as the real systemd sees it: none waits for one that waits for it.

systemd breaks such a circle at boot, by leaving out a unit of its choice.
"""

import shutil
from pathlib import Path

import pytest

from adamant.core import proc
from adamant.model.encryption import Encryption, TangServer
from adamant.model.posture import Posture
from adamant.model.tree import Kind
from adamant.node import house
from adamant.packages.tools import ToolsTree

UNITS = Path("usr/lib/systemd/system")


def image(tree: ToolsTree, root: Path, how: Encryption | None) -> Path:
    """A root with the units of systemd and ours, enabled as in an image."""
    shutil.copytree(tree.root / UNITS, root / UNITS, symlinks=True)
    servers = (TangServer("http://10.0.0.5", "a" * 43),) if how is Encryption.TANG else ()
    for entry in house.house_files(Posture.GUARDED, 128 << 20, how, servers):
        path = root / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if entry.kind is Kind.SYMLINK:
            path.symlink_to(entry.target)
        else:
            path.write_bytes(entry.content or b"")
    started = [switch.unit for switch in house.switches(Posture.GUARDED, {"systemd-timesyncd"}, how) if switch.enable]
    there = [unit for unit in started if (root / UNITS / unit).exists()]
    assert "state.mount" in there
    proc.run("enable", tree.argv("systemctl", f"--root={root}", "enable", *there), environment=tree.environment)
    return root


def said(tree: ToolsTree, root: Path) -> str:
    """What systemd-analyze says of the units that a boot starts."""
    argv = tree.argv("systemd-analyze", "verify", "--man=no", f"--root={root}", "multi-user.target")
    done = proc.run("verify", argv, check=False, environment=tree.environment)
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("how", [None, *Encryption])
def test_no_unit_waits_for_one_that_waits_for_it(tree: ToolsTree, tmp_path: Path, how: Encryption | None) -> None:
    assert "ordering cycle" not in said(tree, image(tree, tmp_path, how))


def test_a_circle_would_be_seen(tree: ToolsTree, tmp_path: Path) -> None:
    root = image(tree, tmp_path, Encryption.TANG)
    unit = root / UNITS / "adamant-disk-key.service"
    unit.write_text(unit.read_text().replace("After=", "After=adamant-config.service ", 1))
    assert "ordering cycle" in said(tree, root)
