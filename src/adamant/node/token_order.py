"""The program that has the TPM asked first for the key that the running release has signed for (adamant-open@.service).

    /usr/lib/adamant/run token-order VOLUME

systemd-cryptsetup and systemd-cryptenroll of systemd 257 go through the tokens of a volume in their order, and end at
the first whose key has signed nothing for this boot (systemd 29861, 42775). So a volume that opens for releases of two
keys opens for those of the first one only. Before it is opened, this changes the order where that has to be: once
after the first boot by another key. Nothing is written otherwise, and power that goes leaves one header whole.
"""

import hashlib
import os
import sys
from pathlib import Path

_PACKAGES = "/usr/lib/python3/dist-packages"
if _PACKAGES not in sys.path:  # started without `site`, which would load what nobody needs
    sys.path.append(_PACKAGES)

from adamant.model import luks2  # noqa: E402
from adamant.model.errors import AdamantError  # noqa: E402
from adamant.node import encryption  # noqa: E402


def settle(device: Path, public_key: str) -> bool:
    """Have the tokens of `public_key` (its SHA-256) come first. Whether that changed something. Raises OSError."""
    with device.open("rb") as volume:
        made = luks2.first(volume.read(luks2.HEADER_MOST), public_key, os.urandom(64))
    if made is None:
        return False
    with device.open("r+b") as volume:
        for place, header in ((len(made[0]), made[1]), (0, made[0])):
            volume.seek(place)
            volume.write(header)
            volume.flush()
            os.fsync(volume.fileno())
    return True


def main(volume: str, root: Path = Path("/")) -> int:
    """The program. Where it can do nothing, what opens the volume says why that stays shut."""
    try:
        key = hashlib.sha256((root / encryption.PUBLIC_KEY).read_bytes()).hexdigest()
        if settle(root / encryption.BY_LABEL / volume, key):
            sys.stderr.write(f"<5>{volume} is opened by the key of this release from now on\n")
    except (AdamantError, OSError) as error:
        sys.stderr.write(f"<4>the keys of {volume} stay in their order: {' '.join(str(error).split())}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
