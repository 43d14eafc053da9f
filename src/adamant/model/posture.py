"""Postures: how immutable a machine is. One table that builder, agent and audit read (docs/design.md, Postures)."""

from dataclasses import dataclass
from enum import StrEnum


class Posture(StrEnum):
    """What may change on a running machine, and how."""

    OPEN = "open"
    GUARDED = "guarded"
    SEALED = "sealed"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a posture means. `built` is False while this version cannot build the posture."""

    built: bool
    persistent_root: bool
    """`/` and `/etc` are on disk and writable; otherwise in RAM and read-only."""
    host_shell: bool
    """A person may get a shell on the host (SSH with keys, console login)."""
    any_config: bool
    """A machine config may set all but what Adamant owns; otherwise what model/machine/allowed.py lists."""
    debug_containers: bool
    """An admin may run an image with the host's namespaces for a while."""


RULES: dict[Posture, Rules] = {
    Posture.OPEN: Rules(built=True, persistent_root=True, host_shell=True, any_config=True, debug_containers=True),
    Posture.GUARDED: Rules(
        built=True, persistent_root=False, host_shell=False, any_config=False, debug_containers=True
    ),
    Posture.SEALED: Rules(
        built=False, persistent_root=False, host_shell=False, any_config=False, debug_containers=False
    ),
}
