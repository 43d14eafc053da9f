"""Whether what lies in memory stays there: swap on a disk could keep a key after its build (proc_swaps(5))."""

from pathlib import Path

from adamant.core import files, limits
from adamant.model.errors import AdamantError

_SWAPS = Path("/proc/swaps")
_IN_MEMORY = ("/dev/zram",)


def on_disk(text: str) -> list[str]:
    """The places of swap that are no memory, from what /proc/swaps says."""
    places = [line.split()[0] for line in text.splitlines()[1:] if line.split()]
    return [place for place in places if not place.startswith(_IN_MEMORY)]


def require_none_on_disk(swaps: Path = _SWAPS) -> None:
    """Raise AdamantError kernel-swap when this computer may write memory to a disk."""
    text = files.read_limited(swaps, limits.PEM_SIZE, "list of swap").decode(errors="replace") if swaps.exists() else ""
    found = on_disk(text)
    if found:
        raise AdamantError(
            "kernel-swap",
            f"this computer writes memory to {', '.join(found)}, so the key of the modules could stay there",
            hint="turn it off with swapoff for the build; or say --with-swap when that swap is encrypted with a key "
            "that a restart forgets",
        )
