"""Whether state and var are encrypted: what the image says, and what the kernel has opened. It opens no device."""

from collections.abc import Mapping
from pathlib import Path

from adamant.node.reading import read_line

VOLUMES = ("state", "var")
"""Labels of the partitions, names of what they are opened as, and the last part of where that is mounted."""
_WORD = "usr/lib/adamant/encryption"
_BLOCK = "sys/class/block"
_LUKS2 = "CRYPT-LUKS2-"


def wanted(root: Path) -> bool:
    """Whether the image has its state and var encrypted."""
    return (root / _WORD).exists()


def opened(root: Path) -> Mapping[str, bool]:
    """For each volume, whether the kernel has a mapping of LUKS2 of its name."""
    found = {}
    for folder in (root / _BLOCK).glob("dm-*/dm"):
        found[read_line(folder / "name")] = read_line(folder / "uuid").startswith(_LUKS2)
    return {name: found.get(name, False) for name in VOLUMES}
