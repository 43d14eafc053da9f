"""Capabilities by their numbers (include/uapi/linux/capability.h; capabilities(7))."""

_WORDS = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
NAMES = tuple(_WORDS.split())


def named(mask: int) -> tuple[str, ...]:
    """Names of the capabilities of a mask, sorted; one without a name here is CAP_ and its number."""
    return tuple(sorted(f"CAP_{NAMES[bit] if bit < len(NAMES) else bit}" for bit in range(64) if mask >> bit & 1))


def of_file(value: bytes) -> tuple[str, ...]:
    """Names of the permitted capabilities in the attribute `security.capability` of a file, of any revision."""
    low, high = int.from_bytes(value[4:8], "little"), int.from_bytes(value[12:16], "little")
    return named(low | high << 32)
