"""What a hardened kernel is started and set with: data that builder, agent and audit may read, and how it is judged.

From the Kernel Self-Protection Project's recommended settings, which Talos asks for at boot (pkg/kernel/kspp), the CIS
Benchmark for Debian 12, and kernel-hardening-checker. What is not asked for stands in NOT_ASKED with its reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from adamant.model.arch import Arch
from adamant.model.sysctl import equal

KSPP = "KSPP"
TALOS = "KSPP; Talos pkg/kernel/kspp"
BOTH = frozenset(Arch)
AMD64 = frozenset({Arch.AMD64})


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of the kernel, and the values that are good; the last one of a line counts.

    `config` is the kernel's own configuration that does the same without the argument: a name without CONFIG_, and its
    value (y, m or n); without it only the argument will do.
    """

    name: str
    values: tuple[str, ...]
    reason: str
    source: str = KSPP
    config: tuple[str, str] | None = None
    arches: frozenset[Arch] = BOTH

    @property
    def word(self) -> str:
        """The argument as it is best written."""
        return f"{self.name}={self.values[0]}" if self.values[0] else self.name


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the kernel (sysctl) and the values that are good.

    `default` is what any kernel has when nobody sets it; empty where that is not good, or a distribution's choice. A
    kernel that lacks an `optional` one does not have what it would restrict.
    """

    name: str
    values: tuple[str, ...]
    reason: str
    source: str = TALOS
    default: str = ""
    optional: bool = False


ARGUMENTS: tuple[Argument, ...] = (
    Argument(
        "slab_nomerge",
        ("", "1", "y", "yes", "on"),
        "caches of one size kept apart: what overflows one kind of object reaches no other",
        TALOS,
        ("SLAB_MERGE_DEFAULT", "n"),
    ),
    Argument(
        "init_on_alloc",
        ("1", "y", "yes", "on"),
        "memory is cleared before use, so that nothing of its last owner leaks",
        config=("INIT_ON_ALLOC_DEFAULT_ON", "y"),
    ),
    Argument("page_alloc.shuffle", ("1", "y", "yes", "on"), "which page comes next cannot be foretold"),
    Argument(
        "randomize_kstack_offset",
        ("on", "1", "y", "yes"),
        "the kernel's stack begins elsewhere at each system call",
        config=("RANDOMIZE_KSTACK_OFFSET_DEFAULT", "y"),
    ),
    Argument(
        "vsyscall",
        ("none",),
        "no code at an address that is the same everywhere",
        config=("LEGACY_VSYSCALL_NONE", "y"),
        arches=AMD64,
    ),
    Argument(
        "hardened_usercopy",
        ("on", "1", "y", "yes"),
        "copies between kernel and programs stay inside of one object",
        config=("HARDENED_USERCOPY", "y"),
    ),
    Argument(
        "iommu.passthrough",
        ("0", "n", "no", "off"),
        "devices reach no memory that they were not given",
        config=("IOMMU_DEFAULT_PASSTHROUGH", "n"),
    ),
    Argument(
        "iommu.strict",
        ("1", "y", "yes", "on"),
        "a device loses memory at once when it is taken from it, not some time later",
        config=("IOMMU_DEFAULT_DMA_STRICT", "y"),
    ),
    Argument(
        "debugfs",
        ("off", "no-mount"),
        "files for developers that give the kernel's insides away",
        "kernel-hardening-checker",
        ("DEBUG_FS_ALLOW_NONE", "y"),
    ),
    Argument(
        "proc_mem.force_override",
        ("never",),
        "/proc/PID/mem does not write what the program itself may not",
        "Talos pkg/machinery/kernel",
        ("PROC_MEM_NO_FORCE", "y"),
    ),
)
"""In the order in which they are reported."""

SETTINGS: tuple[Setting, ...] = (
    Setting("dev.tty.ldisc_autoload", ("0",), "a program loads no rare driver of terminals by opening one"),
    Setting(
        "dev.tty.legacy_tiocsti",
        ("0",),
        "a program puts no keystrokes into another's terminal",
        optional=True,
    ),
    Setting("fs.protected_fifos", ("2", "1"), "a pipe that waits in /tmp tricks nobody into writing to it"),
    Setting("fs.protected_hardlinks", ("1",), "no hard link to a file that one may not write"),
    Setting("fs.protected_regular", ("2", "1"), "a file that waits in /tmp tricks nobody into writing to it"),
    Setting("fs.protected_symlinks", ("1",), "a link in /tmp leads nobody astray"),
    Setting("fs.suid_dumpable", ("0",), "programs with more rights than their caller leave no core", default="0"),
    Setting("kernel.dmesg_restrict", ("1",), "the kernel's log holds addresses"),
    Setting(
        "kernel.io_uring_disabled",
        ("1", "2"),
        "a way around filters of system calls, with many holes so far, is for those with all rights",
        "kernel-hardening-checker",
        optional=True,
    ),
    Setting(
        "kernel.kexec_load_disabled",
        ("1",),
        "no other kernel is started in place of the verified one",
        "KSPP; Bottlerocket, SELinux policy",
    ),
    Setting("kernel.kptr_restrict", ("2", "1"), "addresses of the kernel are shown to nobody"),
    Setting("kernel.panic_on_oops", ("1",), "a kernel that has found itself broken does not go on", KSPP),
    Setting("kernel.perf_event_paranoid", ("3", "4"), "counters of the processor tell programs of each other", TALOS),
    Setting("kernel.randomize_va_space", ("2",), "addresses in programs cannot be foretold", TALOS, "2"),
    Setting("kernel.sysrq", ("0",), "keys on the console do not reach into the kernel", KSPP),
    Setting("kernel.unprivileged_bpf_disabled", ("1", "2"), "programs bring no code into the kernel", TALOS),
    Setting("kernel.yama.ptrace_scope", ("2", "3"), "a program does not read another's memory"),
    Setting("net.core.bpf_jit_harden", ("2",), "constants of a filter do not become code"),
    Setting(
        "vm.unprivileged_userfaultfd",
        ("0",),
        "a program does not halt the kernel in the middle of a copy",
        default="0",
        optional=True,
    ),
    Setting(
        "net.ipv4.conf.all.accept_redirects", ("0",), "no neighbour sends traffic elsewhere", "CIS Debian 12, 3.3.5"
    ),
    Setting(
        "net.ipv4.conf.default.accept_redirects", ("0",), "no neighbour sends traffic elsewhere", "CIS Debian 12, 3.3.5"
    ),
    Setting("net.ipv4.conf.all.secure_redirects", ("0",), "nor does a gateway", "CIS Debian 12, 3.3.6"),
    Setting("net.ipv4.conf.default.secure_redirects", ("0",), "nor does a gateway", "CIS Debian 12, 3.3.6"),
    Setting(
        "net.ipv4.conf.all.send_redirects",
        ("0",),
        "this machine sends nobody's traffic elsewhere",
        "CIS Debian 12, 3.3.2; Talos kernel_param_defaults",
    ),
    Setting(
        "net.ipv4.conf.default.send_redirects",
        ("0",),
        "this machine sends nobody's traffic elsewhere",
        "CIS Debian 12, 3.3.2; Talos kernel_param_defaults",
    ),
    Setting(
        "net.ipv4.conf.all.accept_source_route", ("0",), "a packet does not choose its way", "CIS Debian 12, 3.3.8", "0"
    ),
    Setting(
        "net.ipv4.icmp_echo_ignore_broadcasts",
        ("1",),
        "one packet does not call forth many",
        "CIS Debian 12, 3.3.4; Talos kernel_param_defaults",
        "1",
    ),
    Setting(
        "net.ipv4.icmp_ignore_bogus_error_responses",
        ("1",),
        "wrong answers do not fill the log",
        "CIS Debian 12, 3.3.3; Talos kernel_param_defaults",
        "1",
    ),
    Setting(
        "net.ipv4.tcp_syncookies", ("1",), "half-open connections do not use up memory", "CIS Debian 12, 3.3.10", "1"
    ),
    Setting(
        "net.ipv6.conf.all.accept_redirects",
        ("0",),
        "no neighbour sends traffic elsewhere",
        "CIS Debian 12, 3.3.5",
        optional=True,
    ),
    Setting(
        "net.ipv6.conf.default.accept_redirects",
        ("0",),
        "no neighbour sends traffic elsewhere",
        "CIS Debian 12, 3.3.5",
        optional=True,
    ),
    Setting(
        "net.ipv6.conf.all.accept_source_route",
        ("0",),
        "a packet does not choose its way",
        "CIS Debian 12, 3.3.8",
        "0",
        optional=True,
    ),
)
"""In the order in which they are reported."""

WEAKENING: Mapping[str, tuple[str, ...]] = {
    "init_on_alloc": ("0", "n", "no", "off"),
    "kpti": ("0", "n", "no", "off"),
    "iomem": ("relaxed",),
    "mds": ("off",),
    "mitigations": ("off",),
    "module.sig_enforce": ("0", "n", "no", "off"),
    "no_hash_pointers": ("",),
    "nokaslr": ("",),
    "nopti": ("",),
    "nosmap": ("",),
    "nosmep": ("",),
    "nospectre_v1": ("",),
    "nospectre_v2": ("",),
    "pti": ("off",),
    "spectre_v2": ("off",),
}
"""Arguments that take a protection away, with the values that do."""

NOT_ASKED: Mapping[str, str] = {
    "init_on_free=1": "clears memory a second time: init_on_alloc=1 has done so before anybody reads it (Talos too)",
    "mitigations=auto,nosmt": "half of the processors: for hosts that run code of strangers side by side, it is theirs",
    "net.ipv4.ip_forward=0": "containers are reached by forwarding (CIS Debian 12, 3.3.1)",
    "net.ipv4.conf.all.rp_filter=1": "networks of containers answer by other ways than they were asked (CIS 3.3.7)",
    "net.ipv4.conf.all.log_martians=1": "anybody could fill the log (CIS Debian 12, 3.3.9)",
    "pti=on": "the kernel does so on processors that need it, and on others each system call costs more (KSPP, Talos)",
    "user.max_user_namespaces=0": "containers whose root is nobody on the host need them (KSPP, Talos)",
    "kernel.modules_disabled=1": "devices and networks of containers load modules at run time; signatures guard them",
    "kernel.io_uring_disabled=2": "it is 1 here: workloads with all rights may use it",
}
"""What lists of others ask for and this one does not, and why."""

CONFIGS: frozenset[str] = frozenset(argument.config[0] for argument in ARGUMENTS if argument.config) | {
    "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY",
    "LOCK_DOWN_KERNEL_FORCE_INTEGRITY",
    "MODULE_SIG_FORCE",
}
"""Names of the kernel's configuration that are looked at."""

_NOT_SET = " is not set"


def words(arch: Arch) -> list[str]:
    """The arguments as words of a command line."""
    return [argument.word for argument in ARGUMENTS if arch in argument.arches]


def sysctls() -> str:
    """The settings as a file of sysctl.d(5), each with its reason."""
    lines = [f"# {one.reason}\n{'-' if one.optional else ''}{one.name} = {one.values[0]}\n" for one in SETTINGS]
    return "".join(lines)


def parse_config(text: str) -> dict[str, str]:
    """Values of CONFIGS in a kernel's configuration (the file `config`), `n` for what is not set."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# CONFIG_") and line.endswith(_NOT_SET):
            name, value = line[len("# CONFIG_") : -len(_NOT_SET)], "n"
        else:
            name, _, value = line.removeprefix("CONFIG_").partition("=")
        if name in CONFIGS:
            found[name] = value
    return found


def argument_missing(argument: Argument, line: Mapping[str, tuple[str, ...]], config: Mapping[str, str]) -> str:
    """Why a kernel with the command `line` and `config` is not as `argument` asks; empty when it is.

    `line` is as `kernel_line.by_name` makes it. A part of `config` that is not there counts as `n`, when any is there.
    """
    given = line.get(argument.name.replace("-", "_"), ())
    if given:
        return "" if given[-1] in argument.values else f"it is {argument.name}={given[-1]}, not {argument.word}"
    if argument.config and config and config.get(argument.config[0], "n") == argument.config[1]:
        return ""
    return f"{argument.word} is not on it"


def setting_wrong(setting: Setting, value: str) -> str:
    """Why `value` is not good for `setting`; empty when it is."""
    if any(equal(value, good) for good in setting.values):
        return ""
    return f"it is {value[:40]!r}, not {' or '.join(setting.values)}"


def weakening(line: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Words of a command line that take a protection away."""
    return [
        f"{name}={value}" if value else name
        for name, values in line.items()
        for value in values
        if value in WEAKENING.get(name, ())
    ]
