"""What a hardened kernel is built with: one table, and how a finished config is judged by it.

Rows are what kernel-hardening-checker asks and the Kernel Self-Protection Project recommends, for one architecture or
for both: an option may have a row for each, with other values or another reason. One with `off` is one that Adamant's
own config does not follow, and says why. What else a config lacks is a finding, which only a person's word (`accept` of
the definition) with a reason lets pass; a row that is `required` nothing lets pass, since the promise of this kernel
rests on it. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from adamant.model.arch import Arch
from adamant.model.kernel.config import Config, line

KSPP = "KSPP"
CHECKER = "kernel-hardening-checker"
OURS = "Adamant"
BOTH = frozenset(Arch)
AMD64 = frozenset({Arch.AMD64})
ARM64 = frozenset({Arch.ARM64})


@dataclass(frozen=True, slots=True)
class Ask:
    """One option and the values that are good, best first: `n` is also the value of an option that is not there."""

    option: str
    values: tuple[str, ...]
    source: str = KSPP
    off: str = ""
    required: bool = False
    arches: frozenset[Arch] = BOTH


class State(StrEnum):
    """What became of a row."""

    MET = "met"
    OFF = "off"
    """Not met, and the table says why."""
    ACCEPTED = "accepted"
    """Not met, and the definition says why."""
    MISSING = "missing"
    """Not met, and nobody says why."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A row with what the config has, and the reason where it is not met."""

    ask: Ask
    state: State
    there: str
    reason: str


def _on(*options: str, source: str = KSPP, arches: frozenset[Arch] = BOTH) -> tuple[Ask, ...]:
    return tuple(Ask(option, ("y",), source, arches=arches) for option in options)


def _without(*options: str, source: str = CHECKER, arches: frozenset[Arch] = BOTH) -> tuple[Ask, ...]:
    return tuple(Ask(option, ("n",), source, arches=arches) for option in options)


_REQUIRED: tuple[Ask, ...] = (
    Ask("MODULE_SIG", ("y",), KSPP, required=True),
    Ask("MODULE_SIG_ALL", ("y",), KSPP, required=True),
    Ask("MODULE_SIG_FORCE", ("y",), KSPP, required=True),
    Ask("MODULE_SIG_KEY", ('"certs/signing_key.pem"',), OURS, required=True),
    Ask("MODULE_FORCE_LOAD", ("n",), CHECKER, required=True),
    Ask("SYSTEM_TRUSTED_KEYS", ('""',), OURS, required=True),
    Ask("SYSTEM_EXTRA_CERTIFICATE", ("n",), OURS, required=True),
    Ask("SECONDARY_TRUSTED_KEYRING", ("n",), OURS, required=True),
    Ask("STRICT_KERNEL_RWX", ("y",), KSPP, required=True),
    Ask("STRICT_MODULE_RWX", ("y",), KSPP, required=True),
    Ask("DEVMEM", ("n",), KSPP, required=True),
)
"""Without one of these somebody could add code to the kernel after all."""

ASKS: tuple[Ask, ...] = (
    *_REQUIRED,
    Ask("MODULE_SIG_SHA512", ("y",), KSPP),
    *_on(
        "BUG",
        "BUG_ON_DATA_CORRUPTION",
        "CPU_MITIGATIONS",
        "DEBUG_WX",
        "FORTIFY_SOURCE",
        "HARDENED_USERCOPY",
        "INIT_ON_ALLOC_DEFAULT_ON",
        "INIT_STACK_ALL_ZERO",
        "IOMMU_DEFAULT_DMA_STRICT",
        "IOMMU_SUPPORT",
        "KFENCE",
        "LIST_HARDENED",
        "PANIC_ON_OOPS",
        "PROC_MEM_NO_FORCE",
        "RANDOMIZE_BASE",
        "RANDOMIZE_KSTACK_OFFSET_DEFAULT",
        "RANDOM_KMALLOC_CACHES",
        "SCHED_STACK_END_CHECK",
        "SECCOMP",
        "SECCOMP_FILTER",
        "SECURITY",
        "SECURITY_DMESG_RESTRICT",
        "SECURITY_LANDLOCK",
        "SECURITY_LOCKDOWN_LSM",
        "SECURITY_LOCKDOWN_LSM_EARLY",
        "SECURITY_YAMA",
        "SHUFFLE_PAGE_ALLOCATOR",
        "SLAB_BUCKETS",
        "SLAB_FREELIST_HARDENED",
        "SLAB_FREELIST_RANDOM",
        "STACKPROTECTOR_STRONG",
        "SYN_COOKIES",
        "THREAD_INFO_IN_TASK",
        "UBSAN_BOUNDS",
        "UBSAN_TRAP",
        "VMAP_STACK",
        "ZERO_CALL_USED_REGS",
        "BPF_JIT_ALWAYS_ON",
        "BPF_UNPRIV_DEFAULT_OFF",
    ),
    *_on(
        "DEBUG_BUGVERBOSE",
        "SCHED_CORE",
        "SECURITY_APPARMOR",
        "SLUB_DEBUG",
        "STACKPROTECTOR",
        source=CHECKER,
    ),
    *_without(
        "ACPI_CONFIGFS",
        "ACPI_CUSTOM_METHOD",
        "ACPI_TABLE_UPGRADE",
        "BCACHE_CLOSURES_DEBUG",
        "BINFMT_AOUT",
        "BINFMT_MISC",
        "BLK_DEV_FD",
        "BLK_DEV_FD_RAWCMD",
        "BLK_DEV_IO_TRACE",
        "BLK_DEV_UBLK",
        "BLK_DEV_WRITE_MOUNTED",
        "CACHESTAT_SYSCALL",
        "CHECKPOINT_RESTORE",
        "COMPAT",
        "COMPAT_BRK",
        "CORESIGHT",
        "CRASH_DUMP",
        "DEBUG_FS",
        "DEBUG_KMEMLEAK",
        "DEVKMEM",
        "DEVPORT",
        "DRM_I915_DEBUG",
        "DRM_LEGACY",
        "DVB_C8SECTPFE",
        "EDAC_DEBUG",
        "EFI_CUSTOM_SSDT_OVERLAYS",
        "EFI_TEST",
        "ENABLE_DEFAULT_TRACERS",
        "FAIL_FUTEX",
        "FAULT_INJECTION",
        "GENERIC_TRACER",
        "HIBERNATION",
        "HIST_TRIGGERS",
        "HWPOISON_INJECT",
        "INPUT_EVBUG",
        "IOMMU_DEFAULT_PASSTHROUGH",
        "IP_DCCP",
        "IP_SCTP",
        "KALLSYMS_ALL",
        "KCOV",
        "KEXEC",
        "KGDB",
        "KSM",
        "LATENCYTOP",
        "LDISC_AUTOLOAD",
        "LEGACY_PTYS",
        "LEGACY_TIOCSTI",
        "LIVEPATCH",
        "MEM_SOFT_DIRTY",
        "MPTCP",
        "MTD_PHRAM",
        "MTD_SLRAM",
        "NOTIFIER_ERROR_INJECTION",
        "NOUVEAU_LEGACY_CTX_SUPPORT",
        "N_GSM",
        "OABI_COMPAT",
        "PAGE_OWNER",
        "PREEMPTIRQ_TRACEPOINTS",
        "PROC_KCORE",
        "PROC_VMCORE",
        "PROVE_LOCKING",
        "PTDUMP_DEBUGFS",
        "SECURITY_SELINUX_BOOTPARAM",
        "SECURITY_SELINUX_DEBUG",
        "SECURITY_SELINUX_DEVELOP",
        "SECURITY_SELINUX_DISABLE",
        "SECURITY_WRITABLE_HOOKS",
        "SLAB_MERGE_DEFAULT",
        "SMB_SERVER",
        "STACKLEAK_METRICS",
        "STACKLEAK_RUNTIME_DISABLE",
        "STACK_TRACER",
        "STAGING",
        "SUNRPC_DEBUG",
        "SUSPEND",
        "TIPC",
        "TLS",
        "UBSAN_ALIGNMENT",
        "UBSAN_BOOL",
        "UBSAN_DIV_ZERO",
        "UBSAN_ENUM",
        "UBSAN_SHIFT",
        "UBSAN_UNREACHABLE",
        "USELIB",
        "USERFAULTFD",
        "VCAP_KUNIT_TEST",
        "VIDEO_VIVID",
        "XFS_ONLINE_SCRUB_STATS",
        "XFS_SUPPORT_V4",
        "XMON",
        "ZSMALLOC_STAT",
    ),
    *_on(
        "MITIGATION_PAGE_TABLE_ISOLATION",
        "MITIGATION_RETPOLINE",
        "MITIGATION_SLS",
        "RANDOMIZE_MEMORY",
        "X86_KERNEL_IBT",
        "X86_USER_SHADOW_STACK",
        "LEGACY_VSYSCALL_NONE",
        "AMD_IOMMU",
        "INTEL_IOMMU",
        "INTEL_IOMMU_DEFAULT_ON",
        arches=AMD64,
    ),
    *_on(
        "INTEL_IOMMU_SVM",
        "MICROCODE",
        "MITIGATION_RFDS",
        "MITIGATION_SPECTRE_BHI",
        "MITIGATION_SRSO",
        "X86_INTEL_TSX_MODE_OFF",
        "X86_MCE",
        "X86_MCE_AMD",
        "X86_MCE_INTEL",
        "X86_UMIP",
        source=CHECKER,
        arches=AMD64,
    ),
    *_without(
        "COMPAT_VDSO",
        "IA32_EMULATION",
        "MMIOTRACE",
        "MMIOTRACE_TEST",
        "MODIFY_LDT_SYSCALL",
        "PROVIDE_OHCI1394_DMA_INIT",
        "PUNIT_ATOM_DEBUG",
        "X86_16BIT",
        "X86_CPUID",
        "X86_IOPL_IOPERM",
        "X86_MSR",
        "X86_PTDUMP",
        "X86_X32",
        "X86_X32_ABI",
        arches=AMD64,
    ),
    *_on(
        "ARM64_SW_TTBR0_PAN",
        "SHADOW_CALL_STACK",
        arches=ARM64,
    ),
    *_on(
        "ARM64_BTI",
        "ARM64_E0PD",
        "ARM64_EPAN",
        "ARM64_MTE",
        "ARM64_PAN",
        "ARM64_PTR_AUTH",
        "ARM64_PTR_AUTH_KERNEL",
        "MITIGATE_SPECTRE_BRANCH_HISTORY",
        "RANDOMIZE_MODULE_REGION_FULL",
        "RODATA_FULL_DEFAULT_ENABLED",
        "STACKPROTECTOR_PER_TASK",
        "UNMAP_KERNEL_AT_EL0",
        source=CHECKER,
        arches=ARM64,
    ),
    Ask("ARM64_BTI_KERNEL", ("y",), CHECKER, "needs clang: this compiler forgets the mark at some jumps", arches=ARM64),
    Ask(
        "UNWIND_PATCH_PAC_INTO_SCS",
        ("y",),
        KSPP,
        "needs clang; returns are signed where the processor can, and kept apart on all (SHADOW_CALL_STACK)",
        arches=ARM64,
    ),
    Ask(
        "KASAN_HW_TAGS",
        ("y",),
        KSPP,
        "costs time at each access where a processor has tags, and few servers have them; KFENCE looks at samples",
        arches=ARM64,
    ),
    Ask(
        "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY",
        ("y",),
        KSPP,
        "it forbids root to read the kernel by BPF and perf, which runs observers of clusters; integrity is built in",
    ),
    Ask("LOCK_DOWN_KERNEL_FORCE_INTEGRITY", ("y",), OURS),
    Ask("PANIC_TIMEOUT", ("-1",), KSPP, "a person can read the console for ten seconds before the machine restarts"),
    Ask("INIT_ON_FREE_DEFAULT_ON", ("y",), KSPP, "costs up to a tenth of the speed; memory is cleared when given"),
    Ask(
        "GCC_PLUGIN_LATENT_ENTROPY",
        ("y",),
        KSPP,
        "plugins tie the kernel to one compiler; there are better sources",
    ),
    Ask("GCC_PLUGIN_STACKLEAK", ("y",), KSPP, "plugins tie the kernel to one compiler; stacks begin as zeros anyway"),
    Ask(
        "RANDSTRUCT_FULL",
        ("y",),
        KSPP,
        "its seed would have to be a secret, and the build is one that others can look at",
    ),
    Ask(
        "CFI_CLANG",
        ("y",),
        KSPP,
        "needs clang; with this compiler the processor checks where jumps end (IBT)",
        arches=AMD64,
    ),
    Ask("CFI_CLANG", ("y",), KSPP, "needs clang; this compiler guards returns, and no jumps", arches=ARM64),
    Ask("SECURITY_SELINUX", ("y",), KSPP, "AppArmor holds the policy, and the kernel has one of the two"),
    Ask("SECURITY_LOADPIN", ("y",), KSPP, "a module must be signed with this build's key, wherever it lies"),
    Ask("EFI_DISABLE_PCI_DMA", ("y",), KSPP, "some servers do not boot with it: a device works on meanwhile"),
    Ask("PAGE_TABLE_CHECK", ("y",), KSPP, "costs time at each change of a mapping, which containers do all the time"),
    Ask("PAGE_TABLE_CHECK_ENFORCED", ("y",), KSPP, "as PAGE_TABLE_CHECK"),
    Ask("STATIC_USERMODEHELPER", ("y",), KSPP, "the kernel starts modprobe itself, from the verified /usr"),
    Ask("DEBUG_VIRTUAL", ("y",), KSPP, "costs time at each address that a driver translates"),
    Ask("DEBUG_NOTIFIERS", ("y",), KSPP, "finds mistakes of developers, and the modules here are the build's own"),
    Ask("DEBUG_SG", ("y",), KSPP, "costs time at each piece of each transfer of a device"),
    Ask("DEBUG_CREDENTIALS", ("y", "n"), KSPP),
    Ask("WERROR", ("y",), CHECKER, "a warning of a newer compiler is no reason to be without a kernel"),
    Ask(
        "DEBUG_LIST", ("y",), CHECKER, "costs time at each list; LIST_HARDENED checks the ones that an attack would use"
    ),
    Ask(
        "RESET_ATTACK_MITIGATION",
        ("y",),
        CHECKER,
        "the firmware would clear all memory after a crash, which takes minutes on a large server",
    ),
    Ask("KCMP", ("n",), CHECKER, "systemd compares open files by it"),
    Ask("KFENCE_SAMPLE_INTERVAL", ("100",), CHECKER),
    Ask("DEFAULT_MMAP_MIN_ADDR", ("65536",), CHECKER, arches=AMD64),
    Ask("DEFAULT_MMAP_MIN_ADDR", ("65536", "32768"), CHECKER, arches=ARM64),
    Ask("MAGIC_SYSRQ_DEFAULT_ENABLE", ("0x0",), CHECKER),
    Ask("ARCH_MMAP_RND_BITS", ("32",), CHECKER, arches=AMD64),
    Ask("ARCH_MMAP_RND_BITS", ("33",), CHECKER, arches=ARM64),
    Ask("BUILD_SALT", ("n", '""'), CHECKER),
    Ask("HW_RANDOM_TPM", ("y",), CHECKER),
    Ask("TRIM_UNUSED_KSYMS", ("y",), CHECKER, "own modules may need what no module of Linux does"),
    Ask("MODULES", ("n",), CHECKER, "filters of clusters are loaded as they are asked for, each signed"),
    Ask("USER_NS", ("n",), CHECKER, "containers without root are made of it; the posture limits who may make one"),
    Ask("BPF_SYSCALL", ("n",), CHECKER, "networks of clusters are BPF programs; only root may load one"),
    Ask("KPROBES", ("n",), CHECKER, "BPF programs attach to them; lockdown guards what they may do"),
    Ask("KPROBE_EVENTS", ("n",), CHECKER, "as KPROBES"),
    Ask("UPROBES", ("n",), CHECKER, "as KPROBES"),
    Ask("UPROBE_EVENTS", ("n",), CHECKER, "as KPROBES"),
    Ask("BPF_EVENTS", ("n",), CHECKER, "as KPROBES"),
    Ask("FTRACE", ("n",), CHECKER, "KPROBES needs it"),
    Ask("FUNCTION_TRACER", ("n",), CHECKER),
    Ask("PERF_EVENTS", ("n",), CHECKER, "BPF programs attach to probes by it; kernel.perf_event_paranoid is 3"),
    Ask("IO_URING", ("n",), CHECKER, "databases in containers use it; the profile of containers says who may"),
    Ask(
        "KEXEC_FILE",
        ("n",),
        CHECKER,
        "starts only signed kernels; kernel.kexec_load_disabled turns it off at boot",
        arches=AMD64,
    ),
    Ask("KEXEC_FILE", ("n",), CHECKER, arches=ARM64),
    Ask("IKCONFIG", ("n",), CHECKER),
    Ask("KALLSYMS", ("n",), CHECKER, "BPF and crash records need names; kernel.kptr_restrict hides addresses"),
    Ask("MAGIC_SYSRQ", ("n",), CHECKER, "a stuck machine is restarted by it; kernel.sysrq is 0"),
    Ask("PROC_PAGE_MONITOR", ("n",), CHECKER, "what a container holds of memory is counted by it"),
    Ask("AIO", ("n",), CHECKER, "databases in containers use it"),
    Ask("INET_DIAG", ("n",), CHECKER, "the agent lists sockets by it"),
    Ask("VT", ("n",), CHECKER, "the machine's own screen"),
    Ask("FB", ("n",), CHECKER, "the machine's own screen"),
    Ask("COREDUMP", ("n",), CHECKER, "crashes of programs are looked into; fs.suid_dumpable is 0"),
    Ask(
        "X86_VSYSCALL_EMULATION",
        ("n",),
        CHECKER,
        "nothing is at the address: LEGACY_VSYSCALL_NONE is set",
        arches=AMD64,
    ),
    Ask("RSEQ", ("n",), CHECKER, "the C library uses it at each start of a program"),
    Ask("MEMBARRIER", ("n",), CHECKER, "run times of languages use it"),
)
"""In the order in which they are reported."""


def asks(arch: Arch) -> tuple[Ask, ...]:
    """The rows of an architecture: one for each option."""
    return tuple(ask for ask in ASKS if arch in ask.arches)


def judge(arch: Arch, final: Config, accepted: Mapping[str, str] | None = None) -> tuple[Judged, ...]:
    """Every row of `arch` against a finished config. `accepted` are the reasons of a definition, by option."""
    words = accepted or {}
    found = []
    for ask in asks(arch):
        there = final.get(ask.option, "n")
        if there in ask.values:
            found.append(Judged(ask, State.MET, there, ""))
        elif ask.off:
            found.append(Judged(ask, State.OFF, there, ask.off))
        elif ask.option in words and not ask.required:
            found.append(Judged(ask, State.ACCEPTED, there, words[ask.option]))
        else:
            found.append(Judged(ask, State.MISSING, there, ""))
    return tuple(found)


def missing(judged: Sequence[Judged]) -> list[str]:
    """What is not met and has no reason, a text for each."""
    return [
        f"{line(j.ask.option, j.ask.values[0])} ({j.ask.source}): the config has {line(j.ask.option, j.there)}"
        for j in judged
        if j.state is State.MISSING
    ]


def required() -> dict[str, str]:
    """The options that no fragment may set otherwise, with their value."""
    return {ask.option: ask.values[0] for ask in ASKS if ask.required}
