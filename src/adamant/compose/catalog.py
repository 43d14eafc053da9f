"""The catalogue of the journal's messages, made from the .catalog files of packages.

What stays true: the database lies below /usr, and tmpfiles.d links it to where journalctl looks. Imports model, core
and packages.tools only (and `entries`, `staging`).
"""

from pathlib import Path

from adamant.compose import entries, staging
from adamant.core import proc
from adamant.core.store import Store
from adamant.model.tree import Entry, Tree
from adamant.packages.tools import ToolsTree

PATH = "usr/lib/adamant/catalog/database"
WANTED_AT = "/var/lib/systemd/catalog/database"
_FOLDER = "usr/lib/systemd/catalog"


def make(tree: Tree, tools: ToolsTree, store: Store) -> list[Entry]:
    """The database, or nothing when the tree has no catalogue."""
    wanted = entries.inside(tree, _FOLDER, ".catalog")
    if not wanted:
        return []

    def work(out: Path) -> None:
        staging.stage(wanted, out)
        proc.run("make the journal's catalogue", tools.argv("journalctl", "--update-catalog", f"--root={out}"))
        staging.keep(out, [out / WANTED_AT[1:]])

    step = store.step("catalog", {"sources": staging.inputs(wanted), "tools": tools.identity, "format": 1}, work)
    return [entries.stored(PATH, step.path / "database")]


def tmpfiles() -> list[str]:
    """Lines of tmpfiles.d that put the database where it is looked for."""
    return ["d /var/lib/systemd/catalog 0755 root root -", f"L+ {WANTED_AT} - - - - /{PATH}"]
