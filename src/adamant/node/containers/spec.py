"""What a container of the config is to be, as the config leaves it for the container's unit, in files of root's."""

from pathlib import Path

import msgspec
from msgspec import Struct

from adamant.core import files, limits
from adamant.model.errors import AdamantError
from adamant.model.machine.document import ContainerNetwork, Mount

FOLDER = "run/adamant/containers"
NAMESPACE = "adamant"
"""containerd's namespace for them."""


class Spec(Struct, frozen=True, forbid_unknown_fields=True):
    """A container. `memory` is in bytes; 0 is no limit, as with `cpus`."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    network: ContainerNetwork = ContainerNetwork.HOST
    memory: int = 0
    cpus: float = 0
    privileged: bool = False
    variables: bool = False
    """Whether there is a file with variables."""


def unit(name: str) -> str:
    """The unit that runs the container `name`."""
    return f"adamant-container@{name}.service"


def place(name: str) -> str:
    """Path of the spec of the container `name`, relative to `/`."""
    return f"{FOLDER}/{name}.json"


def variables(name: str) -> str:
    """Path of its file with variables, a line each (NAME=VALUE)."""
    return f"{FOLDER}/{name}.env"


def encode(spec: Spec) -> bytes:
    """The bytes of the file."""
    return msgspec.json.encode(spec)


def read(root: Path, name: str) -> Spec:
    """The spec of the container `name`. Raises AdamantError `container-spec`."""
    try:
        return msgspec.json.decode(files.read_limited(root / place(name), limits.GENERATION_SIZE, "spec"), type=Spec)
    except (OSError, AdamantError, msgspec.DecodeError) as error:
        raise AdamantError("container-spec", f"the config has no container {name} that can be read: {error}") from error


def wanted(root: Path) -> set[str]:
    """The images that containers of the config want."""
    names = [path.stem for path in (root / FOLDER).glob("*.json")]
    return {read(root, name).image for name in names}
