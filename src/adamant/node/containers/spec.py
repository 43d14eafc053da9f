"""What a container of the config is to be, as the config leaves it for the container's unit, in files of root's."""

from pathlib import Path

import msgspec
from msgspec import Struct

from adamant.core import files, limits
from adamant.model import decoders
from adamant.model.errors import AdamantError
from adamant.model.machine.document import ContainerNetwork, Mount, Sight
from adamant.node.containers.runtime import Runtime


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
    sees: tuple[Sight, ...] = ()
    """What of the host it is shown."""


def unit(name: str) -> str:
    """The unit that runs the container `name`."""
    return f"adamant-container@{name}.service"


def encode(spec: Spec) -> bytes:
    """The bytes of the file."""
    return msgspec.json.encode(spec)


def read(root: Path, runtime: Runtime, name: str) -> Spec:
    """The spec of the container `name` of `runtime`. Raises AdamantError `container-spec`."""
    try:
        data = files.read_limited(root / runtime.spec(name), limits.GENERATION_SIZE, "spec")
        return decoders.of(Spec).decode(data)
    except (OSError, AdamantError, msgspec.DecodeError) as error:
        raise AdamantError("container-spec", f"the config has no container {name} that can be read: {error}") from error


def wanted(root: Path, runtime: Runtime) -> set[str]:
    """The images that containers of the config want of `runtime`."""
    names = [path.stem for path in (root / runtime.specs).glob("*.json")]
    return {read(root, runtime, name).image for name in names}
