"""The end of a boot that has failed, on a machine with encrypted disks (emergency.service).

    /usr/lib/adamant/run emergency

A disk that the TPM did not open may be opened by its recovery keys, so the machine waits for them, and the agent hears
of it by a file. After a while it starts again all the same: a TPM that was locked out may answer then. A release on
trial, or a boot that has failed for another reason, waits for nobody. It always ends as failed, which systemd takes as
the word to reboot.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

_PACKAGES = "/usr/lib/python3/dist-packages"
if _PACKAGES not in sys.path:  # started without `site`, which would load what nobody needs
    sys.path.append(_PACKAGES)

from adamant.core import files, limits  # noqa: E402
from adamant.model.encryption import OPENINGS, Encryption  # noqa: E402
from adamant.model.errors import AdamantError  # noqa: E402
from adamant.node import efivars, encryption  # noqa: E402
from adamant.node.systemd import Systemd  # noqa: E402

_READ_SECONDS = 30.0
"""For a person who reads the console."""
_POLL_SECONDS = 1.0


def opening() -> bool:
    """Whether a unit that opens a volume is still at work."""
    try:
        with Systemd() as systemd:
            return bool(systemd.units(["activating"], ["adamant-open@*.service"]))
    except AdamantError:
        return False


def main(
    root: Path = Path("/"), opening: Callable[[], bool] = opening, sleep: Callable[[float], None] = time.sleep
) -> int:
    """The program."""
    while opening():
        sleep(_POLL_SECONDS)
    shut = encryption.shut(root)
    how = encryption.wanted(root)
    if not shut or how is not Encryption.TPM or efivars.read(root, "LoaderBootCountPath", efivars.LOADER):
        sleep(_READ_SECONDS)
        return 1
    minutes = limits.SHUT_SECONDS / 60
    sys.stderr.write(
        f"<3>{' and '.join(shut)} did not open: {OPENINGS[how].missing}.\n"
        f"<3>This machine waits for their recovery keys, and starts again in {minutes:.0f} minutes.\n"
    )
    (root / encryption.WAITS).parent.mkdir(parents=True, exist_ok=True)
    files.write_atomic(root / encryption.WAITS, b"", 0o600)
    sleep(limits.SHUT_SECONDS)
    return 1


if __name__ == "__main__":
    sys.exit(main())
