"""What a volume of the config is to be, as the config leaves it for the volume's unit."""

from pathlib import Path

import msgspec

from adamant.core import files, limits
from adamant.model import decoders
from adamant.model.errors import AdamantError
from adamant.model.machine.document import Volume

FOLDER = "run/adamant/volumes"
MOUNTS = "var/mnt"
"""Where volumes are mounted, relative to `/`."""


def unit(name: str) -> str:
    """The unit that mounts the volume `name`."""
    return f"adamant-volume@{name}.service"


def place(name: str) -> str:
    """Path of the spec of the volume `name`, relative to `/`."""
    return f"{FOLDER}/{name}.json"


def read(root: Path, name: str) -> Volume:
    """The volume `name` of the config. Raises AdamantError `volume-spec`."""
    try:
        data = files.read_limited(root / place(name), limits.SYSTEM_FILE_SIZE, "volume")
        return decoders.of(Volume).decode(data)
    except (AdamantError, msgspec.DecodeError) as error:
        raise AdamantError("volume-spec", f"the config has no volume {name} that can be read: {error}") from error
