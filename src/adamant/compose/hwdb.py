"""The hardware database, hwdb.bin, which udev looks things up in.

What stays true: the bytes do not depend on the folder in which it was made. Imports model, core and packages.tools
only (and `entries`, `staging`).
"""

from pathlib import Path

from adamant.compose import entries, staging
from adamant.core import proc
from adamant.core.store import Store
from adamant.model.tree import Entry, Tree
from adamant.packages.tools import ToolsTree

PATH = "usr/lib/udev/hwdb.bin"
_FOLDERS = ("etc/udev/hwdb.d", "usr/lib/udev/hwdb.d")


def sources(tree: Tree) -> list[str]:
    """What hwdb.bin is made of, and nothing reads any more once it is made: 9 MB of text."""
    return [e.path for folder in _FOLDERS for e in entries.inside(tree, folder, ".hwdb")]


def make(tree: Tree, tools: ToolsTree, store: Store) -> list[Entry]:
    """hwdb.bin, or nothing when the tree has no source for it."""
    wanted = [e for folder in _FOLDERS for e in entries.inside(tree, folder, ".hwdb")]
    if not wanted:
        return []

    def work(out: Path) -> None:
        staging.stage(wanted, out)
        # The names of the sources stand in the file with the root before them: a root that is called the same
        # everywhere keeps the folder of this build out.
        proc.run(
            "make the hardware database",
            tools.argv("systemd-hwdb", "update", "--usr", "--root=/proc/self/cwd"),
            cwd=out,
        )
        staging.keep(out, [out / PATH])

    step = store.step("hwdb", {"sources": staging.inputs(wanted), "tools": tools.identity, "format": 1}, work)
    return [entries.stored(PATH, step.path / "hwdb.bin", 0o444)]
