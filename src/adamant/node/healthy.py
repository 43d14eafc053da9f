"""The program that finds a boot on trial good, or ends it (adamant-healthy.service).

    /usr/lib/adamant/run healthy [SECONDS]

It runs only while the boot loader counts. Healthy is: all units have been started, every health check of the agent is
ok but for units that failed, those of the config too, and the agent makes a TLS handshake. Then the entry loses its
counter. When that does not come within the deadline it fails, and the machine reboots (adamant-boot-failed.service);
sd-boot has counted the try.

The counter must be that of the UKI that runs: after firmware refused one UKI, sd-boot's variable still names that one
(reference: systemd, Automatic Boot Assessment), and blessing would bless what never ran.
"""

import re
import socket
import ssl
import sys
import time
from pathlib import Path

_PACKAGES = "/usr/lib/python3/dist-packages"
if _PACKAGES not in sys.path:  # started without `site`, which would load what nobody needs
    sys.path.append(_PACKAGES)

from adamant.api.methods import PORT  # noqa: E402
from adamant.core import limits  # noqa: E402
from adamant.model.errors import AdamantError  # noqa: E402
from adamant.node import efivars, health, probes  # noqa: E402
from adamant.node.config import wanted  # noqa: E402
from adamant.node.update import esp  # noqa: E402

_POLL_SECONDS = 2.0
_FAILED_UNITS = ("systemd", health.FAILING)


def bless(root: Path) -> None:
    """Take the counter from the entry that was started: from now on it boots for as long as it is there."""
    folder = esp.EspFolder(root / "efi")
    name = efivars.uki(root)
    for entry in folder.entries():
        good = entry._replace(left=None, done=0)
        if good.name == name and not entry.good:
            folder.rename(entry, good)


def same_entry(root: Path) -> bool:
    """Whether the boot counter is that of the UKI that was started."""
    counted = efivars.parse_text(efivars.read(root, "LoaderBootCountPath", efivars.LOADER))
    started = efivars.parse_text(efivars.read(root, "StubImageIdentifier", efivars.LOADER))
    names = [re.split(r"[\\/]", text)[-1].lower() for text in (counted, started) if text]
    return len(names) == 2 and names[0] == names[1]


def unhealthy(root: Path) -> str:
    """What is not healthy yet, in words; empty when all is."""
    checks = [*health.judge(health.look(root)), *probes.run(wanted.read(root).health, root)]
    # A failed unit is not the machine's end, but one that has not started yet may be.
    ill = [check for check in checks if check.state != health.OK and (check.name, check.state) != _FAILED_UNITS]
    if ill:
        return ", ".join(f"{check.name} ({check.message})" for check in ill)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", PORT), timeout=limits.HANDSHAKE_SECONDS) as plain,
            context.wrap_socket(plain),
        ):
            return ""
    except OSError as error:
        return f"agent ({error})"


def main(seconds: float = limits.HEALTHY_SECONDS, root: Path = Path("/")) -> int:
    """The program: 0 when the boot was found good within `seconds` or is not on trial, 1 when it is to end."""
    if not same_entry(root):
        sys.stderr.write("<5>the boot counter is not that of the release that runs: nothing is decided\n")
        return 0
    end = time.monotonic() + seconds
    said = ""
    while (why := unhealthy(root)) and time.monotonic() < end:
        if why != said:
            sys.stderr.write(f"<6>not healthy yet: {why}\n")
            said = why
        time.sleep(_POLL_SECONDS)
    if why:
        sys.stderr.write(f"<3>this release was not found good: {why}\n")
        return 1
    try:
        esp.mount()
        bless(root)
    except AdamantError as error:
        sys.stderr.write(f"<3>this release is good, and its entry could not be told so: {error.message}\n")
        return 1
    sys.stderr.write("<5>this release was found good\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else limits.HEALTHY_SECONDS))
