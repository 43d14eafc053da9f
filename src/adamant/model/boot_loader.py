"""The boot loader, systemd-boot: where it lies, in the usr image and on the ESP, and how a release signs it.

The usr image has it unsigned, so that it is the same bytes for every builder. Its signature travels in the release's
UKI.
"""

from adamant.model.arch import NAMES, Arch

SIGNATURE = ".ldrsig"
"""The section of a UKI with the loader's signature: SignedData in DER. No stub reads it, and no TPM measures it."""


def boot_path(arch: Arch) -> str:
    """Where firmware looks for a boot loader of a disk (UEFI Specification 2.10, section 3.5.1.1)."""
    return f"EFI/BOOT/BOOT{NAMES[arch].efi.upper()}.EFI"


def loader_path(arch: Arch) -> str:
    """Where it lies besides, as bootctl(1) has it: for firmware that has an entry of its own for it."""
    return f"EFI/systemd/systemd-boot{NAMES[arch].efi}.efi"


def previous_path(arch: Arch) -> str:
    """Where the one before is kept. Nothing starts it by itself."""
    return f"EFI/systemd/systemd-boot{NAMES[arch].efi}.previous.efi"


def source_path(arch: Arch) -> str:
    """Where Debian's systemd-boot-efi has it, in the image's tree."""
    return f"usr/lib/systemd/boot/efi/systemd-boot{NAMES[arch].efi}.efi"
