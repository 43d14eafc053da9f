"""Platform configuration registers of a TPM 2.0, the SHA-256 bank: which one holds what, and how they are extended.

A register holds 32 bytes, zeros at power-on. It is never written: a measurement extends it, and its new value is the
SHA-256 of the old one and the digest of what was measured (TPM 2.0 Library, part 1, section 17). So a list of
measurements has one value, and a value has one list. Who extends which: TCG PC Client Platform Firmware Profile,
section 3.3.4, and the Linux TPM PCR Registry of the UAPI Group.
"""

import hashlib
from collections.abc import Iterable

FIRMWARE, BOOT_MANAGER, SECURE_BOOT = 0, 4, 7
KERNEL = 11
"""The sections of the UKI, by its stub."""
ADDED = 12
"""Command lines, addons and credentials beside the UKI, by its stub."""
EXTENSIONS = 13
"""Extensions beside the UKI, by its stub."""
QUOTED = (0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14)
"""What a machine quotes: firmware, boot loader, kernel and what was added to it. Others change while a system runs."""

SIZE = 32
ZERO = bytes(SIZE)


def extend(value: bytes, digest: bytes) -> bytes:
    """The register's value after a measurement. Both, and the result, have 32 bytes."""
    return hashlib.sha256(value + digest).digest()


def replay(digests: Iterable[bytes], start: bytes = ZERO) -> bytes:
    """The register's value after measurements, in their order."""
    value = start
    for digest in digests:
        value = extend(value, digest)
    return value
