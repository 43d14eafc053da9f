"""The architectures Adamant builds for, with every name that others have for them."""

from dataclasses import dataclass
from enum import StrEnum

from adamant.model.errors import InputError


class Arch(StrEnum):
    """An architecture by Debian's name."""

    AMD64 = "amd64"
    ARM64 = "arm64"


@dataclass(frozen=True, slots=True)
class ArchNames:
    """What one architecture is called elsewhere.

    `usr_type`, `usr_verity_type` and `root_type` are partition types of the Discoverable Partitions Specification.
    """

    kernel: str
    """`uname -m`."""
    triplet: str
    """Debian multiarch triplet, the folder below /usr/lib."""
    efi: str
    """Suffix of EFI programs, as in BOOTX64.EFI and linuxx64.efi.stub."""
    loader: str
    """Path of the dynamic loader below /."""
    elf_machine: int
    """e_machine of ELF files."""
    usr_type: str
    usr_verity_type: str
    root_type: str


NAMES: dict[Arch, ArchNames] = {
    Arch.AMD64: ArchNames(
        kernel="x86_64",
        triplet="x86_64-linux-gnu",
        efi="x64",
        loader="usr/lib64/ld-linux-x86-64.so.2",
        elf_machine=62,
        usr_type="8484680c-9521-48c6-9c11-b0720656f69e",
        usr_verity_type="77ff5f63-e7b6-4633-acf4-1565b864c0e6",
        root_type="4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
    ),
    Arch.ARM64: ArchNames(
        kernel="aarch64",
        triplet="aarch64-linux-gnu",
        efi="aa64",
        loader="usr/lib/ld-linux-aarch64.so.1",
        elf_machine=183,
        usr_type="b0e01050-ee5f-4390-949a-9101b17104e9",
        usr_verity_type="6e11a4e7-fbca-4ded-b9e9-e1a512bb664e",
        root_type="b921b045-1df0-41c3-af44-4c6f280d3fae",
    ),
}


def host_arch(machine: str) -> Arch:
    """Architecture of a host whose `uname -m` prints `machine`."""
    for arch, names in NAMES.items():
        if names.kernel == machine:
            return arch
    raise InputError(
        "host-architecture",
        f"this computer is {machine}; Adamant builds on x86_64 and aarch64",
    )
