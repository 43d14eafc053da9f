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
    hardened_kernel: bool
    """The kernel is started with model/hardening.py's words: locked down, with signed modules alone."""
    policy: bool
    """Mandatory access control (node/policy/) confines the host and its containers, and is enforced."""
    scripts: bool
    """An image has interpreters whether or not its definition lists them."""
    foreign_programs: bool
    """An image has programs that its own units and agent never start, scripts, shells and set-user-id files."""
    debug_containers: bool
    """An admin may run an image with the host's namespaces for a while."""


RULES: dict[Posture, Rules] = {
    Posture.OPEN: Rules(
        built=False,
        persistent_root=True,
        host_shell=True,
        hardened_kernel=False,
        policy=False,
        scripts=True,
        foreign_programs=True,
        debug_containers=True,
    ),
    Posture.GUARDED: Rules(
        built=True,
        persistent_root=False,
        host_shell=False,
        hardened_kernel=True,
        policy=True,
        scripts=False,
        foreign_programs=True,
        debug_containers=True,
    ),
    Posture.SEALED: Rules(
        built=True,
        persistent_root=False,
        host_shell=False,
        hardened_kernel=True,
        policy=True,
        scripts=False,
        foreign_programs=False,
        debug_containers=False,
    ),
}
