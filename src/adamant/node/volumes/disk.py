"""Which disk or partition a volume means, from what udev knows of disks. No device is opened."""

from pathlib import Path

from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.model.machine.document import DiskSelector
from adamant.node.reading import read_line
from adamant.node.resources import udev

_BY_ID = "dev/disk/by-id"
_BY_LABEL = "dev/disk/by-partlabel"
_BLOCK = "sys/class/block"
_SYSTEM = "state"
"""Label of a partition that only the system disk has."""


def find(root: Path, wanted: DiskSelector) -> Path:
    """The one device that fits all that is given.

    Raises AdamantError `volume-no-disk` when there is none (yet), BusyError `volume-many-disks`, and InputError
    `volume-system-disk` for the disk that the machine runs from.
    """
    fitting: set[str] | None = None
    for folder, name in ((_BY_ID, wanted.id), (_BY_LABEL, wanted.label)):
        if name is not None:
            fitting = _both(fitting, _linked(root / folder / name))
    if wanted.serial is not None:
        fitting = _both(fitting, _of_serial(root, wanted.serial))
    found = sorted(fitting or ())
    words = ", ".join(f"{key} {value}" for key, value in _given(wanted))
    if not found:
        raise AdamantError("volume-no-disk", f"no disk fits {words}", hint="adamant node get disks lists them")
    if len(found) > 1:
        raise BusyError("volume-many-disks", f"{', '.join(found)} fit {words}", hint="name the disk by its id")
    if _disk(root, found[0]) in {_disk(root, name) for name in _linked(root / _BY_LABEL / _SYSTEM)}:
        raise InputError("volume-system-disk", f"{found[0]} is the disk that the machine runs from")
    return root / "dev" / found[0]


def _given(wanted: DiskSelector) -> list[tuple[str, str]]:
    pairs = (("id", wanted.id), ("label", wanted.label), ("serial", wanted.serial))
    return [(key, value) for key, value in pairs if value is not None]


def _both(before: set[str] | None, found: set[str]) -> set[str]:
    return found if before is None else before & found


def _linked(path: Path) -> set[str]:
    return {path.resolve().name} if path.exists() else set()


def _of_serial(root: Path, serial: str) -> set[str]:
    """Whole disks with a serial number: as the kernel has it, or udev."""
    found = set()
    for folder in (root / _BLOCK).iterdir() if (root / _BLOCK).is_dir() else ():
        if (folder / "partition").exists():
            continue
        known = udev.of_block(root, folder)
        if serial in {known.get("ID_SERIAL_SHORT"), known.get("ID_SERIAL"), read_line(folder / "serial")}:
            found.add(folder.name)
    return found


def _disk(root: Path, name: str) -> str:
    """The disk that a device is, or is a partition of."""
    folder = (root / _BLOCK / name).resolve()
    return folder.parent.name if (folder / "partition").exists() else folder.name
