"""Boot: which slot and UKI the system was booted from, and where the time from power-on to the API went.

One time line, in microseconds after power-on. The kernel's monotonic clock begins when the kernel does; what ran before
it is known by the firmware's and the loader's own word, as systemd hands it on (org.freedesktop.systemd1(5),
FirmwareTimestampMonotonic and LoaderTimestampMonotonic: how long before the kernel each began).
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from adamant.api import node_pb2 as pb
from adamant.model.errors import AdamantError
from adamant.node import efivars, firmware_keys, record, verity
from adamant.node import mounts as mount_table
from adamant.node.reading import read_line
from adamant.node.systemd import Systemd

SLOWEST = 10
_TIMED = ("*.service", "*.mount", "*.socket", "*.device")
_MANAGER = (
    "FirmwareTimestampMonotonic",
    "LoaderTimestampMonotonic",
    "UserspaceTimestampMonotonic",
    "FinishTimestampMonotonic",
)


class Times(NamedTuple):
    """When what began, in microseconds after the start of the kernel; the first two before it. 0 is unknown."""

    firmware: int
    loader: int
    userspace: int
    finish: int
    """0 while the system still starts."""
    agent_begin: int
    agent_ready: int


class Served(NamedTuple):
    """When the agent's process began and when it served, in microseconds of the monotonic clock."""

    begin: int
    ready: int


def phases(times: Times, made: record.BootRecord | None, now: int) -> list[pb.BootPhase]:
    """The phases of the boot. A phase that nobody tells of is left out; `now` ends a system that still starts."""
    zero = max(times.firmware, times.loader)
    found = []
    if times.firmware > times.loader:
        found.append(pb.BootPhase(name="firmware", start_usec=0, duration_usec=times.firmware - times.loader))
    if times.loader:
        found.append(pb.BootPhase(name="loader", start_usec=zero - times.loader, duration_usec=times.loader))
    kernel_end = min(made.begin_usec, times.userspace) if made and times.userspace else times.userspace
    found.append(pb.BootPhase(name="kernel", start_usec=zero, duration_usec=kernel_end))
    if made and times.userspace:
        parts, begin = [], made.begin_usec
        for step, end in made.ends_usec:
            parts.append(pb.BootPhase(name=step, start_usec=zero + begin, duration_usec=max(0, end - begin)))
            begin = max(begin, end)
        found.append(
            pb.BootPhase(
                name="initrd", start_usec=zero + kernel_end, duration_usec=times.userspace - kernel_end, parts=parts
            )
        )
    end = times.finish or now
    found.append(
        pb.BootPhase(name="system", start_usec=zero + times.userspace, duration_usec=max(0, end - times.userspace))
    )
    found.append(
        pb.BootPhase(
            name="agent",
            start_usec=zero + times.agent_begin,
            duration_usec=max(0, times.agent_ready - times.agent_begin),
        )
    )
    return found


def slowest(timed: Sequence[tuple[str, int, int]], zero: int) -> list[pb.UnitTime]:
    """The slowest of (unit, began to start, was up), by the monotonic clock, without units that took no time."""
    took = [(up - began, began, name) for name, began, up in timed if began and up > began]
    took.sort(key=lambda item: (-item[0], item[2]))
    return [
        pb.UnitTime(unit=name, start_usec=zero + began, duration_usec=duration)
        for duration, began, name in took[:SLOWEST]
    ]


def _ask(systemd: Systemd, served: Served) -> tuple[Times, list[tuple[str, int, int]]]:
    firmware, loader, userspace, finish = (int(value or 0) for value in systemd.manager(*_MANAGER))
    units = [unit for unit in systemd.units(["active", "activating", "inactive"], _TIMED) if unit.load == "loaded"]
    names = ("InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    values = systemd.get([(unit.path, "Unit", name) for unit in units for name in names])
    timed = [
        (unit.name, int(values[2 * index] or 0), int(values[2 * index + 1] or 0)) for index, unit in enumerate(units)
    ]
    return Times(firmware, loader, userspace, finish, served.begin, served.ready), timed


def answer(root: Path, served: Served, now: int) -> pb.BootResponse:
    """The answer to Boot. `now` is the monotonic clock in microseconds. What the machine does not say is empty."""
    made = None
    with contextlib.suppress(AdamantError):  # a machine that our /init did not start says so by an empty slot
        made = record.read(root)
    response = pb.BootResponse(
        slot=made.slot if made else "",
        disk=made.disk if made else "",
        uki=efivars.uki(root),
        secure_boot=efivars.secure_boot(root),
        secure_boot_keys=[
            pb.SecureBootKey(variable=key.variable.value, name=key.name, sha256=key.sha256)
            for key in firmware_keys.keys(root)
        ],
        secure_boot_revoked=len(firmware_keys.revoked(root)),
        secure_boot_waiting=firmware_keys.waiting(root),
        boot_id=read_line(root / "proc/sys/kernel/random/boot_id").replace("-", ""),
    )
    try:
        below = verity.look(mount_table.read(root), root)
    except AdamantError:
        response.verity = pb.VERITY_UNSPECIFIED
    else:
        state = pb.VERITY_CORRUPTED if below and below.corrupted else pb.VERITY_VERIFIED
        response.verity = state if below else pb.VERITY_ABSENT
        response.root_hash = below.root_hash if below else ""
    try:
        with Systemd() as systemd:
            times, timed = _ask(systemd, served)
    except AdamantError:
        times, timed = Times(0, 0, 0, 0, served.begin, served.ready), []
    zero = max(times.firmware, times.loader)
    response.total_usec = zero + served.ready
    response.phases.extend(phases(times, made, now))
    response.slowest_units.extend(slowest(timed, zero))
    return response
