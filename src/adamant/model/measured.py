"""What a TPM will have measured of a release: PCR 11 of its UKI, the EFI programs of its boot, and PCR 7. No I/O.

The stub measures each section of the UKI that it knows into PCR 11, in an order of its own: first the name with the NUL
that ends it, then the contents as they lie in memory (systemd-stub(7); systemd 257, src/fundamental/uki.h). The section
that holds signatures of such values is no part of them. The firmware measures each EFI program that it starts into PCR
4, by the digest that Authenticode signs.

PCR 11 alone proves nothing: a program in the stub's place could extend it as the stub would. It counts together with
PCR 4, which says what programs ran before it.

PCR 7 is of the machine's variables, so it can be predicted only of a machine whose firmware has the keys that a release
enrols. The firmware measures the variables of Secure Boot, whole, then a separator, then each entry of db that let a
program start, once (TCG PC Client Platform Firmware Profile 1.06, section 3.3.4.8; EDK2 does so). Firmware may measure
more there: that a debugger is on, or who signed the option ROM of a card.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from msgspec import Struct

from adamant.model import pcr
from adamant.model.authenticated_variable import GLOBAL, Variable
from adamant.model.digest import Sha256, sha256
from adamant.model.signature_list import Signature

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


class MeasuredVariable(Struct, frozen=True, forbid_unknown_fields=True):
    """A variable of the firmware: its name, and the digest of what is measured of it."""

    name: str
    sha256: Sha256


class MeasuredKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """PCR 7 of a machine with Secure Boot on, whose firmware has the keys that a release enrols.

    The firmware has made the first `changes` of the changes that the release carries. `variables` are in the order in
    which they are measured, `authority` is the digest of what is measured of the certificate that has signed boot
    loader and UKI. `pcr` is the register's value when both are of the release.
    """

    changes: int
    variables: tuple[MeasuredVariable, ...]
    authority: Sha256
    pcr: Sha256


class MeasuredBoot(Struct, frozen=True, forbid_unknown_fields=True):
    """What a TPM will have measured of a release.

    `loader`, `uki` and `kernel` are Authenticode digests of its EFI programs, the last of the kernel inside of the UKI
    (empty where that is no EFI program). `pcrs` are values of registers by number, in hexadecimal. `keys` are what
    PCR 7 is of machines with the keys that the release enrols, for each state of their firmware; none when it enrols
    none.
    """

    loader: Sha256
    uki: Sha256
    kernel: Sha256
    sections: tuple[MeasuredSection, ...]
    pcrs: dict[str, Sha256]
    keys: tuple[MeasuredKeys, ...] = ()


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


def measured_keys(changes: int, contents: Mapping[Variable, bytes], signer: Signature) -> MeasuredKeys:
    """PCR 7 of a machine whose variables have these `contents`, and `signer`, an entry of db, signed what it starts."""
    own = [_variable(each.value, each.vendor, contents.get(each, b"")) for each in Variable]
    variables = (_variable("SecureBoot", GLOBAL, b"\1"), *own)
    authority = _variable(Variable.DB.value, Variable.DB.vendor, signer.owner.bytes_le + signer.data).sha256
    return MeasuredKeys(changes, variables, authority, Sha256(secure_boot_value(variables, [authority]).hex()))


def secure_boot_value(variables: Iterable[MeasuredVariable], authorities: Iterable[Sha256]) -> bytes:
    """PCR 7 after these measurements of variables and, behind the separator, of what let programs start."""
    digests = [*(variable.sha256 for variable in variables), sha256(bytes(4)), *authorities]
    return pcr.replay(map(bytes.fromhex, digests))


def _variable(name: str, vendor: UUID, data: bytes) -> MeasuredVariable:
    """A UEFI_VARIABLE_DATA (section 10.4.2 of the profile)."""
    head = vendor.bytes_le + struct.pack("<QQ", len(name), len(data))
    return MeasuredVariable(name, sha256(head + name.encode("utf-16-le") + data))
