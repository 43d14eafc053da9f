"""What each posture lets a machine config change: the kernel's parameters and arguments, units, files below /etc.

Tables of data with the reason of each, which checks, docs and audit read. A name that ends in `*` stands for all that
begin so. What is not listed is refused in the postures guarded and sealed; open allows all but what Adamant owns.
"""

from collections.abc import Mapping

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

DIRECTIVES: Mapping[str, str] = {
    "AllowedCPUs": "which processors",
    "CPUAffinity": "which processors",
    "CPUQuota": "share of the processors",
    "CPUWeight": "share of the processors",
    "IOWeight": "share of the disks",
    "LimitCORE": "size of crash dumps",
    "LimitMEMLOCK": "locked memory",
    "LimitNOFILE": "open files",
    "LimitNPROC": "processes",
    "LogRateLimit*": "how much it may log",
    "MemoryHigh": "share of the memory",
    "MemoryLow": "share of the memory",
    "MemoryMax": "share of the memory",
    "MemoryMin": "share of the memory",
    "MemorySwapMax": "share of the memory",
    "Nice": "priority",
    "OOMScoreAdjust": "what is ended first when memory is short",
    "RestartSec": "pause between starts",
    "StartLimitBurst": "how often it may fail",
    "StartLimitIntervalSec": "how often it may fail",
    "TasksMax": "threads",
    "TimeoutStartSec": "time to start",
    "TimeoutStopSec": "time to stop",
}
"""What such lines may set. None runs a program, opens a path or loads a library."""

VARIABLES: Mapping[str, str] = {
    "GOGC": "memory of programs in Go",
    "GOMAXPROCS": "processors of programs in Go",
    "GOMEMLIMIT": "memory of programs in Go",
    "HTTPS_PROXY": "proxy",
    "HTTP_PROXY": "proxy",
    "NO_PROXY": "proxy",
    "https_proxy": "proxy",
    "http_proxy": "proxy",
    "no_proxy": "proxy",
}
"""Variables that such lines may set with Environment=: any other may load a library (LD_PRELOAD)."""

MOUNTS_REFUSED: Mapping[str, str] = {
    "/var/lib/adamant": "Adamant's own",
    "/var/lib/containerd": "holds the files of all containers",
    "/var/lib/host-containerd": "holds the files of host containers",
    "/var/lib/private": "state of services",
    "/var/lib/systemd": "state of services",
}
"""Folders that no container is given in the postures guarded and sealed, with the reason."""

ETC_OWNED: Mapping[str, str] = {
    "/etc/adamant": "Adamant's own",
    "/etc/binfmt.d": "runs programs",
    "/etc/containerd": "made from registries",
    "/etc/crypttab": "further disks are volumes",
    "/etc/dbus-1": "says who may do what",
    "/etc/fstab": "further disks are volumes",
    "/etc/group": "accounts are part of the image",
    "/etc/gshadow": "accounts are part of the image",
    "/etc/hostname": "made from hostname",
    "/etc/ld.so.cache": "made by the build",
    "/etc/ld.so.conf": "says whose libraries programs load",
    "/etc/ld.so.conf.d": "says whose libraries programs load",
    "/etc/ld.so.preload": "loads a library into every program",
    "/etc/localtime": "made from time.zone",
    "/etc/machine-id": "the machine's identity",
    "/etc/modprobe.d": "runs programs",
    "/etc/modules-load.d": "made from kernel.modules",
    "/etc/nsswitch.conf": "says whose libraries programs load",
    "/etc/os-release": "says what the image is",
    "/etc/pam.d": "logins",
    "/etc/passwd": "accounts are part of the image",
    "/etc/resolv.conf": "made from network.dns",
    "/etc/polkit-1": "says who may do what",
    "/etc/security": "logins",
    "/etc/shadow": "accounts are part of the image",
    "/etc/ssl": "made from certificates.trusted",
    "/etc/sudoers": "logins",
    "/etc/sudoers.d": "logins",
    "/etc/sysctl.d": "made from kernel.sysctls",
    "/etc/systemd": "made from units and network",
    "/etc/tmpfiles.d": "makes files anywhere",
    "/etc/udev": "runs programs",
}
"""Files and folders below /etc that no config may set, with the reason."""


def matches(name: str, table: Mapping[str, str]) -> bool:
    """Whether `name` stands in `table`, by itself or by a name that ends in `*`."""
    return any(name.startswith(entry[:-1]) if entry.endswith("*") else name == entry for entry in table)


def owner(path: str) -> str:
    """The reason why a file below /etc may not be set, or nothing when it may."""
    return _reason(path, ETC_OWNED)


def mount_refused(path: str) -> str:
    """The reason why a container may not be given a folder, or nothing when it may."""
    return _reason(path, MOUNTS_REFUSED)


def _reason(path: str, table: Mapping[str, str]) -> str:
    return next((why for place, why in table.items() if path == place or path.startswith(f"{place}/")), "")
