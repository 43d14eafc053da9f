"""Kernel modules that a container host is better without.

Debian builds modules for every machine that boots its kernel. The kernel loads many by itself, when somebody asks for a
protocol or a file system by number or name: each is code that runs with all rights and that few people read. What
stands in RARE an image has only when its definition names it (`kernel.modules`), or when its posture leaves modules to
people. What stays true: no module that stays needs one that goes (`tests/tool/test_rare_modules.py` asks those of
Debian's kernel). Imports model and core only (and `entries`).
"""

import lzma
import posixpath
import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from adamant.compose import entries
from adamant.core import limits, xz
from adamant.model.errors import InputError, VerificationError
from adamant.model.posture import RULES, Posture
from adamant.model.tree import Entry, Tree

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")

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

PRIVILEGED: dict[str, str] = {
    "drivers/block/rbd": "disks of Ceph",
    "drivers/infiniband/*": "memory of other machines: a container gets no device of it",
    "drivers/md/bcache/*": "disks that keep others' blocks, which only root puts together",
    "drivers/nvme/host/nvme-rdma": "disks by InfiniBand",
    "drivers/nvme/target/*": "serves disks to other machines",
    "drivers/target/*": "serves disks to other machines",
    "drivers/vhost/vhost_scsi": "the same, to virtual machines",
    "fs/btrfs/*": "the agent makes and mounts ext4 and XFS",
    "fs/cachefiles/*": "a cache of network file systems",
    "fs/ceph/*": "a network file system",
    "fs/lockd/*": "locks of NFS",
    "fs/netfs/*": "what network file systems stand on",
    "fs/nfs/*": "a network file system",
    "fs/nfs_common/*": "the same",
    "fs/nfsd/*": "a server of NFS inside the kernel",
    "fs/smb/*": "a network file system",
    "fs/zonefs/*": "disks of zones, as files",
    "net/ceph/*": "a network file system",
    "net/sunrpc/*": "what NFS stands on",
}
"""The same where no container has all rights: what only root on the host could bring into use, and nothing there does.
What Kubernetes or a package of the definition mounts by itself, the definition names (`kernel.modules`)."""


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
    rules = RULES[posture]
    if rules.rare_modules or EVERY in wanted:
        return []
    left_out = RARE if rules.privileged_containers else {**RARE, **PRIVILEGED}
    kept = {*KEPT, *_with_needed({_name(module): tree[path] for path, module in modules.items()}, wanted)}
    return sorted(
        path
        for path, module in modules.items()
        if _name(module) not in kept and any(fnmatchcase(module, pattern) for pattern in left_out)
    )


def _with_needed(modules: Mapping[str, Entry], wanted: Collection[str]) -> set[str]:
    """The names `wanted`, and those of all modules that these need."""
    found: set[str] = set()
    waiting = [_name(name) for name in wanted]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _needed(modules[name]) if name in modules else []
    return found


def _needed(module: Entry) -> list[str]:
    """Names of the modules that one needs, as its `modinfo` says. Raises VerificationError (`xz-broken`)."""
    data = entries.read(module)
    if data.startswith(xz.MAGIC):
        try:
            data = lzma.LZMADecompressor(memlimit=limits.XZ_MEMORY).decompress(data, limits.MODULE_SIZE)
        except lzma.LZMAError as error:
            raise VerificationError("xz-broken", f"an xz file cannot be unpacked: {module.path}: {error}") from error
    said = _DEPENDS.search(data)
    names = said[1].decode("ascii", "replace") if said else ""
    return [_name(name) for name in names.split(",") if name]


def _name(module: str) -> str:
    """The name of a module as the kernel has it, without its folder."""
    return posixpath.basename(module).replace("-", "_")
