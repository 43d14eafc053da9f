"""Which kernel modules the initrd needs, and in which order they are loaded.

Owns the table of what it takes to reach a slot: drivers of disks, dm-verity, EROFS, overlay, the watchdog; and ext4
where `/` is on disk. The rest of
a kernel's modules is loaded from the verified `/usr`. Pure functions over what depmod writes (modules.dep(5));
must not import other rooms.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from adamant.model.arch import Arch
from adamant.model.errors import AdamantError, VerificationError

BOTH = (Arch.AMD64, Arch.ARM64)
CLOUD = "cloud"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A module by the name that `lsmod` prints, why it is wanted, and for which architectures.

    `absent` names the flavours of Debian's kernel, by architecture, that are built without it on purpose.
    """

    name: str
    why: str
    arches: tuple[Arch, ...] = BOTH
    absent: tuple[tuple[Arch, str], ...] = ()
    rare: bool = False
    """Loaded only when the slot is on no disk that the other drivers found."""
    root: bool = False
    """Wanted only where `/` is on disk."""


WANTED: tuple[Wanted, ...] = (
    Wanted("i6300esb", "the watchdog of QEMU's PCs and of many hosts", absent=((Arch.ARM64, CLOUD),)),
    Wanted("sbsa_gwdt", "the watchdog of Arm servers", (Arch.ARM64,)),
    Wanted("virtio_pci", "virtual devices on PCI"),
    Wanted("virtio_mmio", "virtual devices of small machines without PCI", rare=True),
    Wanted("virtio_blk", "disks of virtual machines"),
    Wanted("virtio_scsi", "disks of virtual machines behind a SCSI controller", rare=True),
    Wanted("sd_mod", "SCSI and SATA disks", rare=True),
    Wanted("ahci", "SATA controllers", rare=True),
    Wanted("nvme", "NVMe disks", rare=True),
    Wanted("sha256_ssse3", "SHA-256 by the instructions of the processor, four times as fast", (Arch.AMD64,)),
    Wanted("sha2_ce", "SHA-256 by the instructions of the processor", (Arch.ARM64,)),
    Wanted("dm_verity", "checks each block of the usr image"),
    Wanted("erofs", "the file system of the usr image"),
    Wanted("overlay", "/ and /etc"),
    Wanted("crc32c_generic", "checksums of ext4, which asks for them by name and not as a dependency", root=True),
    Wanted("ext4", "the file system of /", root=True),
)

_SUFFIXES = ("", ".gz", ".xz", ".zst")


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """Paths of modules, each after all that it needs: those of every boot, and those of rarer disks."""

    first: tuple[str, ...]
    disks: tuple[str, ...]


def module_name(path: str) -> str:
    """Name of the module in the file `path`: base name without suffixes, dashes as the kernel writes them."""
    return posixpath.basename(path).split(".ko")[0].replace("-", "_")


def parse_dependencies(text: str) -> dict[str, tuple[str, ...]]:
    """`modules.dep`: paths of the modules that each module needs, by its path (all relative to the folder)."""
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        path, colon, needs = line.partition(":")
        paths = (path, *needs.split())
        if not colon or any(not _is_module(p) for p in paths) or path in found:
            raise VerificationError("modules-dep-malformed", f"modules.dep is not what depmod writes: line {number}")
        found[path] = paths[1:]
    return found


def _is_module(path: str) -> bool:
    parts = path.split("/")
    ends = any(path.endswith(f".ko{suffix}") for suffix in _SUFFIXES)
    return ends and not any(part in {"", ".", ".."} for part in parts)


def flavour(release: str, arch: Arch) -> str:
    """Flavour of Debian's kernel `release`: `cloud` of `6.12.0+deb13-cloud-amd64`, or empty."""
    return CLOUD if release.endswith(f"-{CLOUD}-{arch.value}") else ""


def load_order(
    release: str,
    arch: Arch,
    dependencies: Mapping[str, tuple[str, ...]],
    builtin: str,
    *,
    root_on_disk: bool = False,
) -> LoadOrder:
    """The modules to load for the kernel `release`; `root_on_disk` says that `/` is on disk.

    `builtin` is the text of `modules.builtin`. A wanted module that is neither there, nor built in, nor left out of
    this flavour on purpose is an error: an image without it would not boot, or not guard its boot.
    """
    by_name = {module_name(path): path for path in dependencies}
    compiled_in = {module_name(line) for line in builtin.split()}
    first: list[str] = []
    disks: list[str] = []

    def add(path: str, order: list[str], trail: tuple[str, ...]) -> None:
        if path in first or path in disks:
            return
        if path in trail or path not in dependencies:
            raise VerificationError("modules-dep-malformed", f"modules.dep does not resolve: {path}")
        # modprobe(8) loads them from the last to the first.
        for need in reversed(dependencies[path]):
            add(need, order, (*trail, path))
        order.append(path)

    for wanted in sorted(WANTED, key=lambda w: w.rare):
        if arch not in wanted.arches or wanted.name in compiled_in or (wanted.root and not root_on_disk):
            continue
        if wanted.name in by_name:
            add(by_name[wanted.name], disks if wanted.rare else first, ())
        elif (arch, flavour(release, arch)) not in wanted.absent:
            raise AdamantError(
                "initrd-module-missing",
                f"the kernel {release} has no module {wanted.name}, which the initrd needs",
                context=f"why: {wanted.why}",
            )
    return LoadOrder(tuple(first), tuple(disks))
