"""Dependencies of kernel modules: the files `modules.*` that depmod(8) makes.

What stays true: the work is redone only when a module, a depmod.d file or the tool changed. Imports model, core and
packages.tools only (and `entries`, `staging`).
"""

from pathlib import Path

from adamant.compose import entries, staging
from adamant.core import proc
from adamant.core.store import Store
from adamant.model.errors import AdamantError
from adamant.model.tree import Entry, Tree
from adamant.packages.tools import ToolsTree

_MODULES = "usr/lib/modules"
_CONFIG = ("etc/depmod.d", "usr/lib/depmod.d")


def make(tree: Tree, kernel: str, tools: ToolsTree, store: Store) -> list[Entry]:
    """The files that depmod makes for the modules of the release `kernel`."""
    folder = f"{_MODULES}/{kernel}"
    wanted = entries.below(tree, folder) + [e for config in _CONFIG for e in entries.below(tree, config)]
    if not any(e.path.startswith(f"{folder}/kernel/") for e in wanted):
        raise AdamantError("kernel-modules-missing", f"the image has no modules for the kernel {kernel}")

    def work(out: Path) -> None:
        staging.stage(wanted, out)
        # depmod looks in lib/modules and takes no other folder.
        (out / "lib").symlink_to("usr/lib")
        proc.run("find the dependencies of the kernel modules", tools.argv("depmod", "-b", str(out), kernel))
        staging.keep(out, [out / folder / name for name in _made(out / folder, tree)])

    step = store.step(
        "depmod", {"kernel": kernel, "modules": staging.inputs(wanted), "tools": tools.identity, "format": 1}, work
    )
    return [entries.stored(f"{folder}/{path.name}", path) for path in sorted(step.path.iterdir())]


def _made(folder: Path, tree: Tree) -> list[str]:
    names = [p.name for p in folder.iterdir() if p.is_file() and p.name.startswith("modules.")]
    return sorted(n for n in names if f"{folder.relative_to(folder.parents[3])}/{n}" not in tree)
