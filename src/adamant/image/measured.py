"""What a TPM will have measured of a UKI and its boot loader, from the files: see model/measured.py.

Signatures change none of it, so the values are those of the unsigned programs too.
"""

import hashlib

from adamant.core import limits, pe
from adamant.core.source import Source
from adamant.model import measured
from adamant.model.digest import Sha256
from adamant.model.errors import VerificationError
from adamant.model.measured import MeasuredBoot, MeasuredKeys, MeasuredSection

_ZEROS = bytes(1 << 16)


def measure(uki: Source, loader: Source, keys: tuple[MeasuredKeys, ...] = ()) -> MeasuredBoot:
    """What a TPM will have measured when `loader` starts `uki`, which the owner of `keys` has signed.

    Raises VerificationError efi-program-malformed.
    """
    sections = measured_sections(uki)
    kernel = pe.read_sections(uki).get(".linux")
    inner = uki.part(".linux", kernel.offset, kernel.size) if kernel is not None else None
    return MeasuredBoot(
        loader=pe.authenticode(loader),
        uki=pe.authenticode(uki),
        kernel=pe.authenticode(inner) if inner is not None and pe.is_program(inner) else Sha256(""),
        sections=sections,
        pcrs=measured.predict(sections),
        keys=keys,
    )


def measured_sections(uki: Source) -> tuple[MeasuredSection, ...]:
    """The sections of a UKI that its stub measures, in the order in which it does.

    Raises VerificationError efi-program-malformed.
    """
    found = pe.read_sections(uki)
    return tuple(
        MeasuredSection(name, found[name].memory, _digest(uki, found[name]))
        for name in measured.SECTIONS
        if name in found
    )


def _digest(uki: Source, section: pe.Section) -> Sha256:
    """The SHA-256 of a section as it lies in memory."""
    if section.memory - section.size > limits.PE_ZEROS:
        raise VerificationError(
            "efi-program-malformed", f"{uki.name}: section {section.name} has {section.memory} bytes of memory"
        )
    digest = hashlib.sha256()
    for chunk in uki.chunks(section.offset, section.offset + section.size):
        digest.update(chunk)
    left = section.memory - section.size
    while left:
        digest.update(_ZEROS[:left])
        left -= min(left, len(_ZEROS))
    return Sha256(digest.hexdigest())
