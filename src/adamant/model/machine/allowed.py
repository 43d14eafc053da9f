"""What each posture lets a machine config change: the kernel's parameters and arguments, units, files below /etc.

Tables of data with the reason of each, which checks, docs and audit read. A name that ends in `*` stands for all that
begin so. What is not listed is refused in the postures guarded and sealed; open allows all but what Adamant owns.
"""

from collections.abc import Mapping

from adamant.model.posture import Posture

SYSCTLS: Mapping[str, str] = {
    "fs.aio-max-nr": "asynchronous requests: databases",
    "fs.file-max": "open files",
    "fs.inotify.*": "watches of files: many containers",
    "fs.nr_open": "open files of one process",
    "kernel.msg*": "message queues",
    "kernel.panic": "seconds until a reboot after a panic",
    "kernel.pid_max": "processes",
    "kernel.sem": "semaphores: databases",
    "kernel.shm*": "shared memory: databases",
    "kernel.threads-max": "threads",
    "net.bridge.*": "bridged packets in nftables: container networks",
    "net.core.*": "queues and buffers",
    "net.ipv4.*": "IPv4",
    "net.ipv6.*": "IPv6",
    "net.netfilter.*": "connection tracking",
    "vm.*": "memory",
}
"""Kernel parameters that guarded and sealed machines may set, with what they are for."""

SYSCTLS_REFUSED: Mapping[str, str] = {
    "kernel.core_pattern": "names a program that the kernel runs as root",
    "kernel.kexec_load_disabled": "is locked",
    "kernel.modprobe": "names a program that the kernel runs as root",
    "kernel.modules_disabled": "is locked",
    "net.core.bpf_jit_harden": "hardens the kernel",
    "vm.mmap_min_addr": "hardens the kernel",
    "vm.unprivileged_userfaultfd": "hardens the kernel",
}
"""Kernel parameters that none but the posture open may set, whatever the table above says, with the reason."""

ARGUMENTS: Mapping[str, str] = {
    "console=*": "where the console is",
    "hugepages*": "huge pages",
    "intel_iommu=*": "devices in virtual machines",
    "iommu=*": "devices in virtual machines",
    "isolcpus=*": "processors without other work",
    "mitigations=*": "speed against safety",
    "nohz_full=*": "processors without other work",
    "transparent_hugepage=*": "huge pages",
}
"""Words of the kernel's command line that guarded and sealed machines may add."""

DROP_INS: Mapping[str, str] = {
    "containerd.service": "limits and environment of the container runtime",
    "systemd-journald.service": "how much is logged",
    "systemd-networkd.service": "the network",
    "systemd-resolved.service": "names",
    "systemd-timesyncd.service": "the time",
}
"""Units of the image that guarded and sealed machines may add lines to."""

ETC_OWNED: Mapping[str, str] = {
    "/etc/adamant": "Adamant's own",
    "/etc/containerd": "made from registries",
    "/etc/group": "accounts are part of the image",
    "/etc/gshadow": "accounts are part of the image",
    "/etc/hostname": "made from hostname",
    "/etc/ld.so.cache": "made by the build",
    "/etc/localtime": "made from time.zone",
    "/etc/machine-id": "the machine's identity",
    "/etc/os-release": "says what the image is",
    "/etc/pam.d": "logins",
    "/etc/passwd": "accounts are part of the image",
    "/etc/resolv.conf": "made from network.dns",
    "/etc/shadow": "accounts are part of the image",
    "/etc/ssl": "made from certificates.trusted",
    "/etc/sudoers": "logins",
    "/etc/sudoers.d": "logins",
    "/etc/sysctl.d": "made from kernel.sysctls",
    "/etc/systemd": "made from units and network",
    "/etc/udev": "runs programs",
}
"""Files and folders below /etc that no config may set, with the reason."""

FILES_ALLOWED: frozenset[Posture] = frozenset({Posture.OPEN, Posture.GUARDED})
"""Postures in which a config may set files below /etc."""

UNITS_ALLOWED: frozenset[Posture] = frozenset({Posture.OPEN})
"""Postures in which a config may add units."""


def matches(name: str, table: Mapping[str, str]) -> bool:
    """Whether `name` stands in `table`, by itself or by a name that ends in `*`."""
    return any(name.startswith(entry[:-1]) if entry.endswith("*") else name == entry for entry in table)


def owner(path: str) -> str:
    """The reason why a file below /etc may not be set, or nothing when it may."""
    return next((why for place, why in ETC_OWNED.items() if path == place or path.startswith(f"{place}/")), "")
