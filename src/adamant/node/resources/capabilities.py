"""Rights of a process, from its status file (proc_pid_status(5), capabilities(7))."""

from typing import NamedTuple

from adamant.node.resources import keyed

NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split()
"""By their numbers (include/uapi/linux/capability.h)."""


class Rights(NamedTuple):
    """Effective capabilities by name, sorted; whether more can be had; whether a filter of system calls is on it."""

    capabilities: tuple[str, ...] = ()
    no_new_privileges: bool = False
    filtered: bool = False


def named(mask: int) -> tuple[str, ...]:
    """Names of the capabilities of a mask, sorted; one without a name here is CAP_ and its number."""
    return tuple(sorted(f"CAP_{NAMES[bit] if bit < len(NAMES) else bit}" for bit in range(64) if mask >> bit & 1))


def parse(content: str) -> Rights:
    """The rights in a status file; none where it does not say."""
    fields = keyed.pairs(content, ":")
    try:
        mask = int(fields.get("CapEff", "0")[:16], 16)
    except ValueError:
        mask = 0
    return Rights(named(mask & (1 << 64) - 1), fields.get("NoNewPrivs") == "1", fields.get("Seccomp") == "2")
