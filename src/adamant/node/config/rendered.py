"""What a config is on the machine: files below /run, kernel variables, and what follows when they change.

Plain values, and pure functions over them. Which action follows from which file stands in one table, so that a dry run
prints what an apply does.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from adamant.model.machine.areas import AREAS
from adamant.node.containers import spec
from adamant.node.containers.runtime import RUNTIMES
from adamant.node.systemd import Verb


class File(NamedTuple):
    """The contents and mode of a file; root owns it."""

    data: bytes
    mode: int = 0o644


class Rendered(NamedTuple):
    """A config as this machine's files. Paths are relative to `/` and lie below `run/`."""

    files: Mapping[str, File] = MappingProxyType({})
    sysctls: Mapping[str, str] = MappingProxyType({})
    """Kernel variables by their path below /proc/sys (`net/ipv4/ip_forward`), the host name among them."""
    started: frozenset[str] = frozenset()
    """Units that run under this config and not without it."""
    netdevs: Mapping[str, str] = MappingProxyType({})
    """Network devices that this config makes, each with the path of its file."""
    reboot: Mapping[str, str] = MappingProxyType({})
    """What takes effect at boot alone: a name of it, and what it is to be."""
    etc_now: bool = False
    """/etc can be written: files of the config that wait for it go there at once."""
    ending: frozenset[str] = frozenset()
    """Those of `started` that may come to an end: nobody starts them again."""


NOTHING = Rendered()
"""No config: the machine as the image has it."""


class Action(NamedTuple):
    """What is done to a unit. `daemon-reload` and `delete` (of a network device) have verbs of their own."""

    verb: Verb | str
    unit: str

    def __str__(self) -> str:
        return f"{self.verb} {self.unit}".strip()


DAEMON_RELOAD = Action("daemon-reload", "")
UNITS = "run/systemd/system"
ETC = "run/adamant/etc"
"""Where files for /etc wait."""
SYSCTLS = "run/sysctl.d/95-adamant-config.conf"
"""After the files of the image, which it may overrule (sysctl.d(5))."""
BEFORE = "run/sysctl.d/05-adamant-before.conf"
"""The values that variables had before a config set them, so that they return; what the image sets stands after it."""
MANIFEST = "run/adamant/config/files.json"


def _of_area(name: str) -> Action:
    area = next(area for area in AREAS if area.name == name)
    return Action(area.act.value, area.unit)


CONSEQUENCES: tuple[tuple[str, Action], ...] = (
    ("run/sysctl.d", Action("restart", "systemd-sysctl.service")),
    ("run/adamant/arguments", Action("restart", "adamant-arguments.service")),
    ("run/modules-load.d", Action("restart", "adamant-modules.service")),
    ("run/systemd/network", _of_area("network")),
    ("run/systemd/resolved.conf.d", _of_area("resolver")),
    ("run/systemd/timesyncd.conf.d", _of_area("time")),
)
"""What follows when a file, or one in a folder, changes, in the order in which it is done.

The programs of the first three run once and end; the others are what the table of areas says.
"""


def with_sysctls(rendered: Rendered) -> Rendered:
    """The same, with the file that sets its kernel variables."""
    if not rendered.sysctls:
        return rendered
    lines = "".join(f"{name} = {value}\n" for name, value in sorted(rendered.sysctls.items()))
    return rendered._replace(files={**rendered.files, SYSCTLS: File(lines.encode())})


class Changes(NamedTuple):
    """Paths of files that differ between two configs."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def all(self) -> tuple[str, ...]:
        """Every path that differs."""
        return (*self.added, *self.changed, *self.removed)


def changes(old: Rendered, new: Rendered) -> Changes:
    """What differs in files from `old` to `new`."""
    return Changes(
        tuple(sorted(new.files.keys() - old.files.keys())),
        tuple(sorted(path for path in new.files.keys() & old.files.keys() if new.files[path] != old.files[path])),
        tuple(sorted(old.files.keys() - new.files.keys())),
    )


def _unit_of(path: str) -> str:
    """The unit that a file below UNITS is part of: itself, or the one that it is a drop-in of."""
    name = PurePosixPath(path).relative_to(UNITS).parts[0]
    return name.removesuffix(".d")


def _reader(path: str) -> str:
    """The unit of the container whose spec or variables the file is; empty for another file."""
    folder, name = str(PurePosixPath(path).parent), PurePosixPath(path).stem
    return spec.unit(name) if any(folder == runtime.specs for runtime in RUNTIMES.values()) else ""


def _turn(unit: str) -> tuple[bool, str]:
    """Volumes come before those who use them, who would be started twice otherwise."""
    return not unit.startswith("adamant-volume@"), unit


class Running(NamedTuple):
    """What a config has set going on a machine, besides its files."""

    started: frozenset[str] = frozenset()
    netdevs: Mapping[str, str] = MappingProxyType({})


def running(rendered: Rendered) -> Running:
    """What a config sets going."""
    return Running(rendered.started, rendered.netdevs)


def actions(before: Running, new: Rendered, differing: Changes, *, etc_now: bool = False) -> list[Action]:
    """What makes a machine run `new`, in its order.

    `before` is what may run on it now, `differing` says which files are changed, or have changed and nothing followed.
    `etc_now` says that /etc can be written on this machine.
    """
    paths = differing.all()
    units = {_unit_of(path) for path in paths if path.startswith(f"{UNITS}/")}
    gone = {unit for unit in units if f"{UNITS}/{unit}" in differing.removed}
    stopped = sorted((before.started | gone) - new.started)
    found = [Action("stop", unit) for unit in stopped]
    if units:
        found.append(DAEMON_RELOAD)
    deleted = [
        device
        for device, path in sorted(before.netdevs.items())
        if new.netdevs.get(device) != path or path in differing.changed
    ]
    found += [Action("delete", device) for device in deleted]
    for folder, action in CONSEQUENCES:
        if any(path == folder or path.startswith(f"{folder}/") for path in paths):
            again = deleted and action.unit == "systemd-networkd.service"
            found.append(Action("restart", action.unit) if again else action)
    if etc_now and any(path.startswith(f"{ETC}/") for path in paths):
        found.append(Action("restart", "adamant-etc.service"))
    units |= {unit for path in paths if (unit := _reader(path))}
    # A unit of the image is started again when a drop-in of it changes; one that is only a file of ours is not.
    of_image = {unit for unit in units if f"{UNITS}/{unit}" not in {*new.files, *differing.removed}} - set(stopped)
    found += [Action("restart", unit) for unit in sorted((units & new.started) | of_image, key=_turn)]
    found += [Action("start", unit) for unit in sorted(new.started - before.started - units, key=_turn)]
    return found


def reboot_reasons(old: Rendered, new: Rendered) -> list[str]:
    """What differs and takes effect at the next boot alone, in words."""
    names = sorted(old.reboot.keys() | new.reboot.keys())
    return [name for name in names if old.reboot.get(name) != new.reboot.get(name)]
