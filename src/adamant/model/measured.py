"""What a TPM will have measured of a release: PCR 11 of its UKI, and the EFI programs of its boot. No I/O.

The stub measures each section of the UKI that it knows into PCR 11, in an order of its own: first the name with the NUL
that ends it, then the contents as they lie in memory (systemd-stub(7); systemd 257, src/fundamental/uki.h). The section
that holds signatures of such values is no part of them. The firmware measures each EFI program that it starts into PCR
4, by the digest that Authenticode signs.

PCR 11 alone proves nothing: a program in the stub's place could extend it as the stub would. It counts together with
PCR 4, which says what programs ran before it.
"""

import hashlib
from collections.abc import Iterable, Iterator

from msgspec import Struct

from adamant.model import pcr
from adamant.model.digest import Sha256

SECTIONS = (
    ".linux",
    ".osrel",
    ".cmdline",
    ".initrd",
    ".ucode",
    ".splash",
    ".dtb",
    ".uname",
    ".sbat",
    ".pcrpkey",
    ".profile",
    ".dtbauto",
    ".hwids",
)
"""The sections that the stub measures, in its order."""


class MeasuredSection(Struct, frozen=True, forbid_unknown_fields=True):
    """A section of a UKI: its name, the bytes it has in memory, and their SHA-256."""

    name: str
    size: int
    sha256: Sha256


class MeasuredBoot(Struct, frozen=True, forbid_unknown_fields=True):
    """What a TPM will have measured of a release.

    `loader`, `uki` and `kernel` are Authenticode digests of its EFI programs, the last of the kernel inside of the UKI
    (empty where that is no EFI program). `pcrs` are values of registers by number, in hexadecimal.
    """

    loader: Sha256
    uki: Sha256
    kernel: Sha256
    sections: tuple[MeasuredSection, ...]
    pcrs: dict[str, Sha256]


def measurements(sections: Iterable[MeasuredSection]) -> Iterator[tuple[str, bytes]]:
    """What the stub extends PCR 11 with: for each section its name, twice, with the digests of name and contents."""
    for section in sections:
        yield section.name, hashlib.sha256(section.name.encode() + b"\0").digest()
        yield section.name, bytes.fromhex(section.sha256)


def predict(sections: Iterable[MeasuredSection]) -> dict[str, Sha256]:
    """The registers that depend on the release alone, by number. Nothing is added to the UKI: 12 and 13 are zeros."""
    values = {pcr.KERNEL: pcr.replay(digest for _, digest in measurements(sections))}
    values |= dict.fromkeys((pcr.ADDED, pcr.EXTENSIONS), pcr.ZERO)
    return {str(index): Sha256(value.hex()) for index, value in values.items()}
