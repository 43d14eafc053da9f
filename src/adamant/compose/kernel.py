"""The kernel of an image: which release it is, and its image file, which leaves the tree for the UKI.

What stays true: an image has exactly one kernel. Imports model only (and `entries`).
"""

from adamant.compose import entries
from adamant.model.errors import InputError
from adamant.model.tree import Entry, Kind, Tree

_PREFIX = "boot/vmlinuz-"


def take(tree: Tree) -> tuple[str, Entry]:
    """Release and image of the kernel. Takes /boot out of the tree and keeps config as usr/lib/modules/RELEASE/config.

    System.map is left out: nothing here loads symbols, and the running kernel has /proc/kallsyms.
    """
    found = [e for e in entries.inside(tree, "boot") if e.path.startswith(_PREFIX) and e.kind is Kind.FILE]
    if len(found) != 1:
        listed = ", ".join(e.path.removeprefix(_PREFIX) for e in found) or "none"
        raise InputError(
            "kernel-not-one",
            f"an image needs one kernel, and this one has {len(found)}: {listed}",
            hint="leave kernel packages out of the definition: kernel.flavour chooses one",
        )
    release = found[0].path.removeprefix(_PREFIX)
    if (config := tree.get(f"boot/config-{release}")) is not None:
        path = f"usr/lib/modules/{release}/config"
        tree[path] = config.moved(path)
    for path in [p for p in tree if p == "boot" or p.startswith("boot/")]:
        del tree[path]
    return release, found[0]
