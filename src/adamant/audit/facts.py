"""What rules look at: facts of an image and facts of a node, as frozen values. No I/O.

Paths of an image are relative to `/usr`. Texts of an image and of a node are foreign; what shows them makes them
printable. A part that could not be found out is None, and `told` makes a breach of that: nothing passes unseen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from adamant.model.arch import Arch
from adamant.model.posture import Posture

T = TypeVar("T")


class Untold(Exception):
    """A fact that a rule needs is not there: the message says which one, and why."""


def names(text: str) -> frozenset[str]:
    """The words of a text, as a set: tables of names are easier to read so."""
    return frozenset(text.split())


def told(value: T | None, what: str) -> T:
    """The value, which must be there. Raises Untold."""
    if value is None:
        raise Untold(what)
    return value


@dataclass(frozen=True, slots=True)
class Placed:
    """A path of the image and what is to be said of it, such as its mode."""

    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class Program:
    """A file that can be executed. `interpreter` is the word after `#!` of a script, empty for an ELF program.

    `runs` says that the interpreter of a script is in the image; `is_shell` that the contents are those of a shell.
    """

    path: str
    interpreter: str = ""
    runs: bool = True
    is_shell: bool = False

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Alias:
    """A symbolic link to a program of the image, whose path is `program`."""

    path: str
    program: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ImageUnit:
    """A unit of systemd in the image: whether a target starts it at boot, and the lines that are looked at."""

    name: str
    starts: bool
    masked: bool
    programs: tuple[str, ...] = ()
    """Programs of its Exec lines."""
    options: frozenset[str] = frozenset()
    """Options of a mount."""


@dataclass(frozen=True, slots=True)
class KernelModule:
    """A module of the kernel. `problem` says why it has no signature; empty when it has one."""

    path: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What the files of an image hold."""

    programs: tuple[Program, ...]
    aliases: tuple[Alias, ...]
    units: tuple[ImageUnit, ...]
    modules: tuple[KernelModule, ...]
    kernel_config: Mapping[str, str]
    sysctls: Mapping[str, str]
    """Values by name with dots, of the lines that count."""
    private_keys: tuple[str, ...]
    passwords: tuple[str, ...]
    """Accounts that a password lets in, or that need none."""
    sshd: Mapping[str, str] | None
    """Settings of sshd by name in lower case, the first of each; None when the image has no sshd."""
    packages: frozenset[tuple[str, str]]
    """Names and versions in dpkg's status file."""
    posture: str
    """What the image itself says."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Facts of an image: a build's output folder."""

    name: str
    version: str
    arch: Arch
    posture: Posture
    problems: tuple[Placed, ...]
    """What differs from the manifest: files and values."""
    root_hash: str
    """Root hash of the verity tree; empty when there is none."""
    broken_blocks: int
    uki_root_hash: str
    """What the UKI's command line names; empty when it names none, or several."""
    uki_sections: tuple[str, ...]
    """Names of the UKI's sections, in their order."""
    unsigned: tuple[str, ...]
    """Programs of the boot chain without a signature: the UKI, and what else lies on the disk image's ESP."""
    outdated: tuple[str, ...]
    """Programs that were changed after they were signed."""
    disk_policy: str
    """What is wrong with the UKI's signature of its PCR 11; empty when nothing is, or it has no key for one."""
    arguments: Mapping[str, tuple[str, ...]]
    """The UKI's command line by `kernel_line.by_name`."""
    disk: tuple[Placed, ...]
    """What is on the disk image and not of this build; nothing without a disk image."""
    boot_menu_editor: bool | None
    """Whether the boot menu lets a person edit the command line; None without a disk image."""
    files: int
    set_id: tuple[Placed, ...]
    capabilities: tuple[Placed, ...]
    world_writable: tuple[Placed, ...]
    devices: tuple[Placed, ...]
    foreign: tuple[Placed, ...]
    """Files that belong to another user than root."""
    sbom: frozenset[tuple[str, str]] | None
    """Names and versions of the binary packages in the SBOM; None when there is none."""
    contents: Contents | None
    why_no_contents: str = ""

    def inside(self) -> Contents:
        """The contents. Raises Untold."""
        return told(self.contents, f"the files of the usr image cannot be read: {self.why_no_contents}")


@dataclass(frozen=True, slots=True)
class Mounted:
    """A mounted file system."""

    where: str
    type: str
    writable: bool
    options: frozenset[str]

    @property
    def on_disk(self) -> bool:
        """Whether it keeps what is written over a reboot."""
        return self.type in ("btrfs", "ext4", "vfat", "xfs")


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket of the network that takes what comes from anywhere: `protocol` is tcp or udp."""

    protocol: str
    address: str
    port: int
    unit: str
    """The unit that opened it; empty when the kernel does not say."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process that is no thread of the kernel."""

    pid: int
    name: str
    user: str
    unit: str
    """The unit that it belongs to, such as containerd.service or init.scope."""
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class UnitState:
    """A unit of systemd on a node. `wanted` says that the image or the config wants it active."""

    name: str
    active: str
    wanted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LoadedModule:
    """A loaded module of the kernel. `file` is empty when neither image nor extension has it.

    `foreign` is one that is no part of the kernel's own sources.
    """

    name: str
    signed: bool
    file: str
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate of the node, with its times in microseconds since the Unix epoch."""

    name: str
    begins_usec: int
    ends_usec: int
    authority: bool


@dataclass(frozen=True, slots=True)
class Differing:
    """Something on the node that is not as the image or the config says."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Facts of a node. What it does not tell is None; `untold` says why, by kind of resource."""

    name: str
    posture: Posture | None
    arch: Arch | None
    now_usec: int
    """By the clock of who asks."""
    untold: Mapping[str, str]
    root_hash: str
    verity: str
    secure_boot: str
    arguments: Mapping[str, tuple[str, ...]] | None
    protections: Mapping[str, str] | None
    kernel_config: Mapping[str, str]
    mounts: tuple[Mounted, ...] | None
    listening: tuple[Listening, ...] | None
    processes: tuple[Running, ...] | None
    units: tuple[UnitState, ...] | None
    sysctls: Mapping[str, str] | None
    """Values of those that were asked for and that the kernel has."""
    modules: tuple[LoadedModule, ...] | None
    certificates: tuple[Held, ...] | None
    failing: tuple[Differing, ...] | None
    """Health checks that fail."""
    drift: tuple[Differing, ...] | None
    packages: int | None

    def tell(self, value: T | None, kind: str) -> T:
        """The value, which the node must tell. Raises Untold."""
        return told(value, f"the node does not tell its {kind}: {self.untold.get(kind, 'it runs an older version')}")
