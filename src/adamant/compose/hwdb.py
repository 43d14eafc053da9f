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

NAMES: dict[str, str] = {
    "20-OUI.hwdb": "makers of network cards",
    "20-acpi-vendor.hwdb": "makers of computers and screens",
    "20-bluetooth-vendor-product.hwdb": "makers of radios",
    "20-pci-classes.hwdb": "kinds of cards",
    "20-pci-vendor-model.hwdb": "makers and models of cards",
    "20-sdio-classes.hwdb": "kinds of memory cards",
    "20-sdio-vendor-model.hwdb": "makers and models of memory cards",
    "20-usb-classes.hwdb": "kinds of USB devices",
    "20-usb-vendor-model.hwdb": "makers and models of USB devices",
    "20-vmbus-class.hwdb": "kinds of devices on Hyper-V",
    "80-ieee1394-unit-function.hwdb": "makers and models of FireWire devices",
}
"""Sources of udev's own package that only put names to numbers, for people who read lists: no rule and no program of
the base acts on them. They are nine tenths of hwdb.bin."""


def sources(tree: Tree) -> list[str]:
    """What hwdb.bin is made of, and nothing reads any more once it is made: 9 MB of text."""
    return [e.path for folder in _FOLDERS for e in entries.inside(tree, folder, ".hwdb")]


def make(tree: Tree, tools: ToolsTree, store: Store, *, names: bool = True) -> list[Entry]:
    """hwdb.bin, or nothing when the tree has no source for it; without `names`, without what stands in NAMES."""
    left_out = frozenset() if names else {f"{_FOLDERS[1]}/{name}" for name in NAMES}
    wanted = [e for folder in _FOLDERS for e in entries.inside(tree, folder, ".hwdb") if e.path not in left_out]
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
