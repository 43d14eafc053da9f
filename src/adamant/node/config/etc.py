"""What a machine config changes below /etc: its own files, certificates that programs trust, and the time zone.

These files wait in FOLDER. Where /etc is read-only from the boot on, the next boot lays them over the image's own
(node.config.layer), and each asks for a reboot; where it is on disk, they are put there at once.
"""

from collections.abc import Callable, Mapping

from adamant.model.digest import sha256
from adamant.model.errors import InputError
from adamant.model.machine.document import Machine
from adamant.model.machine.secret import Secret
from adamant.node.config.rendered import ETC, File

FOLDER = ETC
FACTORY = "usr/share/factory/etc"
"""/etc as the image has it."""
_ZONES = "usr/share/zoneinfo"
_BUNDLE = "ssl/certs/ca-certificates.crt"

OfImage = Callable[[str], bytes | None]
"""The contents of a file of the image by its path below `/`; None when the image has no such file."""


def files(machine: Machine, reveal: Callable[[Secret], str], of_image: OfImage) -> dict[str, File]:
    """The files, as they wait in FOLDER. `reveal` gives the text of a secret. Raises InputError `zone-missing`."""
    made: dict[str, File] = {}
    for file in machine.files:
        text = reveal(file.secret) if file.secret is not None else file.content or ""
        made[_waits(file.path.removeprefix("/etc/"))] = File(text.encode(), int(file.mode, 8))
    if machine.certificates.trusted:
        own = of_image(f"{FACTORY}/{_BUNDLE}") or b""
        added = "".join(f"{text.strip()}\n" for text in machine.certificates.trusted)
        made[_waits(_BUNDLE)] = File(own + added.encode())
    if machine.time.zone != "UTC":
        zone = of_image(f"{_ZONES}/{machine.time.zone}")
        if zone is None:
            raise InputError(
                "zone-missing",
                f"the image knows no time zone {machine.time.zone}",
                context="$.time.zone",
                hint="check its name, or add tzdata to the image's packages",
            )
        made[_waits("localtime")] = File(zone)
        made[_waits("timezone")] = File(f"{machine.time.zone}\n".encode())
    return made


def _waits(path: str) -> str:
    return f"{FOLDER}/{path}"


def reboot(made: Mapping[str, File]) -> dict[str, str]:
    """What of them takes effect at the next boot: the path below /etc, and what it is to be."""
    inside = {path.removeprefix(f"{FOLDER}/"): file for path, file in made.items() if path.startswith(f"{FOLDER}/")}
    return {f"/etc/{path}": f"{file.mode:o} {sha256(file.data)}" for path, file in inside.items()}
