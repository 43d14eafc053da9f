"""Whether what lies in memory stays there: swap on a disk could keep a key after its build (proc_swaps(5)).

zram is memory, unless it has a backing device, to which it may write (Linux, admin-guide/blockdev/zram.rst).
"""

import re
from pathlib import Path

from adamant.core import files, limits
from adamant.model.errors import AdamantError

_SWAPS = Path("/proc/swaps")
_BLOCKS = Path("/sys/block")
_ZRAM = re.compile(r"/dev/(zram[0-9]+)")


def require_none_on_disk(swaps: Path = _SWAPS, blocks: Path = _BLOCKS) -> None:
    """Raise AdamantError kernel-swap when this computer may write memory to a disk.

    `swaps` is the kernel's list of swap, `blocks` its folder of block devices.
    """
    text = files.read_limited(swaps, limits.PEM_SIZE, "list of swap").decode(errors="replace") if swaps.exists() else ""
    places = [line.split()[0] for line in text.splitlines()[1:] if line.split()]
    found = [place for place in places if not _is_memory(place, blocks)]
    if found:
        raise AdamantError(
            "kernel-swap",
            f"this computer writes memory to {', '.join(found)}, so the key of the modules could stay there",
            hint="turn it off with swapoff for the build; or say --with-swap when that swap is encrypted with a key "
            "that a restart forgets",
        )


def _is_memory(place: str, blocks: Path) -> bool:
    match = _ZRAM.fullmatch(place)
    if match is None or not (blocks / match[1]).is_dir():
        return False
    backing = blocks / match[1] / "backing_dev"
    # a kernel that cannot write zram to a disk has no such file
    return not backing.exists() or files.read_limited(backing, limits.PEM_SIZE, "backing device") == b"none\n"
