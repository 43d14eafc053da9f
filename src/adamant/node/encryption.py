"""Whether state and var are encrypted: what the image says, what the kernel has opened, and for whose releases.

Nothing but `release_keys` opens a device.
"""

from collections.abc import Mapping
from pathlib import Path

from adamant.model import luks2
from adamant.model.encryption import FILE, OPENINGS, Encryption
from adamant.node.reading import read_line

VOLUMES = ("state", "var")
"""Labels of the partitions, names of what they are opened as, and the last part of where that is mounted."""
_BLOCK = "sys/class/block"
BY_LABEL = "dev/disk/by-partlabel"
"""Where udev names partitions by their labels."""
PUBLIC_KEY = "run/systemd/tpm2-pcr-public-key.pem"
"""The key of the running release (image/init/extra.c)."""
WAITS = "run/adamant/waits-for-recovery-keys"
"""There while a boot that has failed waits for recovery keys (node/emergency.py)."""
_LUKS2 = "CRYPT-LUKS2-"


def wanted(root: Path) -> Encryption | None:
    """What gives the key of state and var; None in an image that has them open."""
    word = read_line(root / FILE)
    return Encryption(word) if word else None


def opened(root: Path) -> Mapping[str, bool]:
    """For each volume, whether the kernel has a mapping of LUKS2 of its name."""
    found = {}
    for folder in (root / _BLOCK).glob("dm-*/dm"):
        found[read_line(folder / "name")] = read_line(folder / "uuid").startswith(_LUKS2)
    return {name: found.get(name, False) for name in VOLUMES}


def shut(root: Path) -> tuple[str, ...]:
    """The volumes that are there and not open, in the order of VOLUMES."""
    if wanted(root) is None:
        return ()
    return tuple(name for name, is_open in opened(root).items() if not is_open and (root / BY_LABEL / name).exists())


def release_keys(root: Path) -> frozenset[str] | None:
    """Digests of the keys (SHA-256 of their PEM) that must have signed a release for its boot to open all volumes.

    None where volumes open for any release.
    """
    how = wanted(root)
    if how is None or not OPENINGS[how].signed:
        return None
    signers = []
    for name in VOLUMES:
        with (root / BY_LABEL / name).open("rb") as source:
            header = luks2.read(source.read(luks2.HEADER_MOST))
        signers.append({key.public_key for key in header.tpm_keys if key.signed_registers and key.public_key})
    return frozenset(set.intersection(*signers))
