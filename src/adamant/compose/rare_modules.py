"""Kernel modules that a container host is better without.

Debian builds modules for every machine that boots its kernel. The kernel loads many by itself, when somebody asks for a
protocol or a file system by number or name: each is code that runs with all rights and that few people read. What
stands in RARE an image has only when its definition names it (`kernel.modules`), or when its posture leaves modules to
people. What stays true: no module that stays needs one that goes (`tests/tool/test_rare_modules.py` asks those of
Debian's kernel). Imports model only.
"""

import posixpath
from collections.abc import Collection
from fnmatch import fnmatchcase

from adamant.model.errors import InputError
from adamant.model.posture import RULES, Posture
from adamant.model.tree import Tree

EVERY = "*"
"""In the place of a name: all of them."""

RARE: dict[str, str] = {
    "drivers/block/aoe/*": "disks over Ethernet frames, without any authentication",
    "drivers/block/drbd/*": "disks kept on two machines, in a version that those who use it replace by their own",
    "drivers/block/null_blk/*": "a disk for measuring the block layer",
    "drivers/block/xen-blkback/*": "what a host of Xen machines serves them",
    "drivers/bus/mhi/*": "modems of mobile phone networks",
    "drivers/comedi/*": "cards that measure and control",
    "drivers/firmware/google/*": "Chromebooks",
    "drivers/hid/*": "keyboards, mice, tablets and game controllers",
    "drivers/hwtracing/*": "tracing for people who make processors",
    "drivers/input/rmi4/*": "touch pads",
    "drivers/leds/*": "lamps",
    "drivers/md/dm-vdo/*": "deduplication below file systems",
    "drivers/net/mhi_net": "the same",
    "drivers/net/wwan/*": "mobile phone networks",
    "drivers/net/xen-netback/*": "what a host of Xen machines serves them",
    "drivers/platform/surface/*": "tablets",
    "drivers/power/supply/surface_*": "the same",
    "drivers/soundwire/*": "sound",
    "drivers/thermal/intel/int340x_thermal/*": "laptops",
    "drivers/uio/*": "cards with drivers outside the kernel, each for one device",
    "drivers/xen/xen-pciback/*": "what a host of Xen machines serves them",
    "drivers/xen/xen-scsiback": "the same",
    "fs/bcachefs/*": "a file system that the kernel calls experimental",
    "fs/exfat/*": "memory cards",
    "fs/nls/*": "alphabets of file names on disks of other systems",
    "fs/ntfs3/*": "disks of Windows",
    "fs/orangefs/*": "a file system of supercomputers",
    "fs/romfs/*": "devices without disks",
    "fs/smb/server/*": "a server of Windows shares inside the kernel",
    "fs/sysv/*": "disks of System V and Xenix",
    "fs/udf/*": "DVDs; CIS asks to leave it out",
    "net/dccp/*": "a protocol that nobody serves; CIS and the KSPP ask to leave it out",
    "net/kcm/*": "framing of messages over TCP in the kernel",
    "net/rds/*": "a protocol of database clusters; CIS asks to leave it out",
    "net/smc/*": "shared memory over RDMA, for mainframes",
    "net/tipc/*": "a protocol of telephone exchanges; CIS asks to leave it out",
}
"""Patterns of paths below `kernel/`, without `.ko` and what follows, and why no container host needs them."""

KEPT: dict[str, str] = {
    "hid": "what the next ones stand on",
    "hid_generic": "the keyboard of a person who reads the console",
    "hid_hyperv": "the same, on Hyper-V",
    "nls_ascii": "names on the ESP",
    "nls_cp437": "the same",
    "nls_iso8859_1": "the same",
    "nls_ucs2_utils": "what file systems of Windows shares stand on",
    "nls_utf8": "names on Windows shares",
    "uhid": "devices that a program makes up",
    "uio": "what the next ones stand on",
    "uio_hv_generic": "network cards that a program drives (DPDK), on Hyper-V",
    "uio_pci_generic": "the same, on PCI",
}
"""Of those, names of modules that stay, and why."""


def rare(tree: Tree, kernel: str, posture: Posture, wanted: Collection[str]) -> list[str]:
    """Paths of the modules of the release `kernel` that the image does without, sorted.

    `wanted` are names of modules (with `-` or `_`), or EVERY. Raises InputError (`module-unknown`) when one is not of
    this kernel.
    """
    prefix = f"usr/lib/modules/{kernel}/kernel/"
    modules = {path: path[len(prefix) :].split(".ko")[0] for path in tree if path.startswith(prefix) and ".ko" in path}
    names = {_name(module) for module in modules.values()}
    for name in wanted:
        if name != EVERY and _name(name) not in names:
            raise InputError(
                "module-unknown",
                f"the kernel {kernel} has no module {name}",
                context="kernel.modules",
                hint="it may be built in, or of another flavour; `adamant inspect` tells the flavour",
            )
    if RULES[posture].rare_modules or EVERY in wanted:
        return []
    kept = {*KEPT, *map(_name, wanted)}
    return sorted(
        path
        for path, module in modules.items()
        if _name(module) not in kept and any(fnmatchcase(module, pattern) for pattern in RARE)
    )


def _name(module: str) -> str:
    """The name of a module as the kernel has it, without its folder."""
    return posixpath.basename(module).replace("-", "_")
