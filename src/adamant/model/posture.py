"""Postures: how immutable a machine is. One table that builder, agent and audit read (docs/design.md, Postures)."""

from dataclasses import dataclass, replace
from enum import StrEnum

FILE = "usr/lib/adamant/posture"
"""Where an image says which posture it was built for."""
POLICY = "usr/lib/adamant/policy"
"""Where an image has its policy of mandatory access control, if the posture has one; the initrd looks there."""


class Posture(StrEnum):
    """What may change on a running machine, and how."""

    OPEN = "open"
    GUARDED = "guarded"
    SEALED = "sealed"


class Lockdown(StrEnum):
    """How far root is kept out of the kernel, in the kernel's words (kernel_lockdown(7)). Each includes the former."""

    NONE = "none"
    INTEGRITY = "integrity"
    CONFIDENTIALITY = "confidentiality"

    def reaches(self, wanted: "Lockdown") -> bool:
        """Whether this is `wanted` or more."""
        order = list(Lockdown)
        return order.index(self) >= order.index(wanted)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a posture means."""

    persistent_root: bool
    """`/` and `/etc` are on disk and writable; otherwise in RAM and read-only."""
    host_shell: bool
    """A person may get a shell on the host (SSH with keys, console login)."""
    foreign_programs: bool
    """The image may hold programs of the base that its own units and agent never start."""
    whole_packages: bool
    """The image has all parts of its packages; otherwise none of the base that nothing on such a machine reads."""
    policy: bool
    """Mandatory access control (node/policy/) confines the host and its containers, and is enforced."""
    any_config: bool
    """A machine config may set all but what Adamant owns; otherwise what model/machine/allowed.py lists."""
    privileged_containers: bool
    """A machine config may give a container all rights."""
    host_containers: bool
    """A machine config may have containers that look after the host, and are shown some of it."""
    config_files: bool
    """A machine config may set files below `/etc`."""
    debug_containers: bool
    """An admin may run an image with the host's namespaces for a while."""
    message_bus: bool
    """The image has a message bus (D-Bus) by which programs ask services; otherwise only where a package wants one."""
    shells: bool
    """The image may hold shells."""
    interpreters: frozenset[str] | None
    """Interpreters that the image may hold, by the program's name without its version; None allows any."""
    scripts: bool
    """The image may hold programs that are scripts and whose interpreter is there."""
    package_managers: bool
    """The image may hold programs that install others."""
    development_tools: bool
    """The image may hold compilers, linkers and debuggers."""
    login_programs: bool
    """The image may hold programs that let a person in at a console, or change who a person is."""
    remote_login: bool
    """The image may hold programs that let a person in over the network (SSH)."""
    set_id: bool
    """Files may run with the rights of their owner or group: those that are known to need it."""
    file_capabilities: bool
    """Files may bring capabilities to whoever runs them."""
    var_flags: frozenset[str]
    """Options that `/var` is mounted with (mount(8)); none where it is a folder of `/`."""
    writable: frozenset[str] | None
    """Where file systems may be writable, each with all that is below it; None allows all but `/usr`."""
    signed_boot: bool
    """The UKI is signed, and the firmware checks it."""
    lockdown: Lockdown
    """The least that the kernel is locked down to."""
    signed_modules: bool
    """The kernel loads no module without a good signature."""
    rare_modules: bool
    """The image has those modules of its kernel too that container hosts are better without."""
    image_modules: bool
    """No module is loaded that is not of the image or an extension."""
    own_kernel: bool
    """The kernel is one whose key was destroyed after its build, unless the definition accepts Debian's by a word."""
    hardened: bool
    """The kernel's arguments and settings are those of `model.hardening`."""


_RUN_TIME = frozenset({"/dev", "/proc", "/run", "/sys", "/tmp"})  # noqa: S108 - a mount point, no temporary file
_KEPT = frozenset({"/efi", "/state", "/var"})

_OPEN = Rules(
    persistent_root=True,
    host_shell=True,
    foreign_programs=True,
    whole_packages=True,
    policy=False,
    any_config=True,
    privileged_containers=True,
    host_containers=True,
    config_files=True,
    debug_containers=True,
    message_bus=True,
    shells=True,
    interpreters=None,
    scripts=True,
    package_managers=True,
    development_tools=True,
    login_programs=True,
    remote_login=True,
    set_id=True,
    file_capabilities=True,
    var_flags=frozenset(),
    writable=None,
    signed_boot=False,
    lockdown=Lockdown.NONE,
    signed_modules=False,
    rare_modules=True,
    image_modules=False,
    own_kernel=False,
    hardened=False,
)
_GUARDED = Rules(
    persistent_root=False,
    host_shell=False,
    foreign_programs=True,
    whole_packages=True,
    policy=True,
    any_config=False,
    privileged_containers=True,
    host_containers=True,
    config_files=True,
    debug_containers=True,
    message_bus=True,
    shells=False,
    interpreters=frozenset(),
    scripts=True,
    package_managers=False,
    development_tools=False,
    login_programs=False,
    remote_login=False,
    set_id=True,
    file_capabilities=False,
    var_flags=frozenset({"nodev", "nosuid"}),
    writable=_RUN_TIME | _KEPT,
    signed_boot=True,
    lockdown=Lockdown.INTEGRITY,
    signed_modules=True,
    rare_modules=False,
    image_modules=True,
    own_kernel=False,
    hardened=True,
)

RULES: dict[Posture, Rules] = {
    Posture.OPEN: _OPEN,
    Posture.GUARDED: _GUARDED,
    Posture.SEALED: replace(
        _GUARDED,
        foreign_programs=False,
        whole_packages=False,
        scripts=False,
        set_id=False,
        privileged_containers=False,
        host_containers=False,
        config_files=False,
        debug_containers=False,
        message_bus=False,
        own_kernel=True,
    ),
}
"""Sealed is guarded, and less, on a kernel to which nobody can add."""
