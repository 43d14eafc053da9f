"""What the kernel of a hardened posture is told on its command line, and what it is not, each with its reason.

The list follows the Kernel Self Protection Project's recommended settings and kernel-hardening-checker, for Debian's
kernel: what its config has already is not repeated. Builder and audit read these tables.
"""

ARGUMENTS: dict[str, str] = {
    "lockdown=integrity": "root changes no running kernel: no /dev/mem, no unsigned kexec, no writes by BPF",
    "module.sig_enforce=1": "a module that the kernel's maker has not signed is not loaded",
    "slab_nomerge": "an overflow in one cache of objects does not reach those of another",
    "init_on_alloc=1": "memory that is given out holds nothing of before",
    "init_on_free=1": "memory that is given back keeps no secret",
    "page_alloc.shuffle=1": "where pages lie cannot be foretold",
    "randomize_kstack_offset=on": "where a system call's stack begins cannot be foretold",
    "vsyscall=none": "no code at an address that is the same everywhere",
    "debugfs=off": "debugging files of drivers are not there to be read or written",
    "iommu.passthrough=0": "a device reaches only memory that is meant for it",
    "iommu.strict=1": "and loses it at once",
    "proc_mem.force_override=never": "nobody writes to another's read-only memory by /proc/PID/mem",
}
"""Words by their reason."""

OFF: dict[str, str] = {
    "efi=disable_early_pci_dma": "some firmware no longer finds its disks",
    "ia32_emulation=0": "containers with 32-bit programs would not run; a definition may set it",
    "lockdown=confidentiality": "perf and tracing of containers would stop; a definition may set it",
    "mitigations=auto,nosmt": "half of the processors of a host with threads; a definition may set it",
    "slub_debug=FZ": "each object is checked at each use: several percent of all work",
    "spec_store_bypass_disable=on": "the kernel does so for whoever asks by seccomp or prctl",
}
"""What is recommended as well and is left off."""

STRONGER = frozenset({"lockdown=confidentiality"})
"""What a definition may say in place of a word of ARGUMENTS."""
