"""Whether a unit of systemd starts at boot, and who wants it so."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Switch:
    """A unit to enable or disable; `reason` says who wants it, or why."""

    unit: str
    enable: bool
    reason: str
