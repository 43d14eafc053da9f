"""What makes the config's files at boot, before the network and all else that reads them starts.

    /usr/lib/adamant/run config

It runs once, as adamant-config.service, and only on a machine that has a config or gets one with the credential
`adamant.config`. It brings the journal up to this boot, writes the files, and leaves all else to the agent, which
judges what is new and starts what is to be started. It never keeps a machine from booting: what fails is said, and the
machine runs what was good, or what the image has.
"""

import os
import sys

PACKAGES = "/usr/lib/python3/dist-packages"
CREDENTIAL = "adamant.config"


def main() -> int:
    """The program. Its words go to standard error with a priority for the journal (sd-daemon(3))."""
    sys.path.append(PACKAGES)
    from pathlib import Path  # noqa: PLC0415 - only now can the packages be found

    from adamant.node.config import provision, rendering  # noqa: PLC0415

    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    root, passed = Path("/"), Path(folder) / CREDENTIAL if folder else None
    for words in provision.bring_up(root, passed, rendering.renderer(root), rendering.canonical):
        sys.stderr.write(f"<4>{words}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
