"""Volumes of a machine config: for each what it is to be, and a line for the unit that mounts it.

The line names the digest, so that the unit is started again when the volume is another.
"""

from collections.abc import Sequence

import msgspec

from adamant.model.digest import sha256
from adamant.model.machine.document import Volume
from adamant.node.config.rendered import UNITS, File
from adamant.node.volumes import spec


def files(volumes: Sequence[Volume]) -> dict[str, File]:
    """The files of the volumes."""
    made: dict[str, File] = {}
    for volume in volumes:
        data = msgspec.json.encode(volume)
        made[spec.place(volume.name)] = File(data)
        made[f"{UNITS}/{spec.unit(volume.name)}.d/50-adamant-config.conf"] = File(f"# {sha256(data)}\n".encode())
    return made


def units(volumes: Sequence[Volume]) -> set[str]:
    """The units that mount them."""
    return {spec.unit(volume.name) for volume in volumes}


def unit_of(path: str) -> str:
    """The unit that mounts the volume on which a folder of the host lies; empty when it lies on none."""
    inside = path[1:].removeprefix(f"{spec.MOUNTS}/")
    return "" if inside == path[1:] else spec.unit(inside.partition("/")[0])
