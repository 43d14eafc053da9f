"""The boot loader on the ESP: the one of the release that runs, with the signature that the release's UKI carries.

The loader itself comes from the verified usr image, so the ESP, where anybody may have written who could, gives no more
than a signature, and that counts only when it is by a certificate in the machine's db. The name that firmware falls
back to is written first, while the other one still holds the loader before; at each moment each is whole (esp.py).
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from adamant.core import limits, pe
from adamant.core.source import Source, open_source
from adamant.model.arch import Arch, host_arch
from adamant.model.authenticated_variable import Variable
from adamant.model.boot_loader import SIGNATURE, boot_path, loader_path, previous_path, source_path
from adamant.model.errors import AdamantError, BusyError, VerificationError
from adamant.model.signature_list import Signature
from adamant.node import efivars, firmware_keys
from adamant.node.update import esp


def bring(root: Path, arch: Arch | None = None) -> list[str]:
    """Have the ESP, which is mounted, hold the boot loader of the running release; the names that were written.

    None are when they hold it already, or the release carries no signature. Raises VerificationError
    boot-loader-untrusted when the machine's firmware would not start it: then nothing is written. Also what reading
    programs and variables raises, and BusyError esp-full, boot-entry-missing, AdamantError esp-failed.
    """
    arch = arch or host_arch(os.uname().machine)
    made = _made(root, arch)
    if made is None:
        return []
    dbx = firmware_keys.entries(root, Variable.DBX)
    if not firmware_keys.may_start(root, _source("the boot loader of the release", made), dbx):
        raise VerificationError(
            "boot-loader-untrusted",
            "the firmware of this machine would not start the boot loader of the release",
            hint="is the release signed by a key whose certificate is in db, and not in dbx?",
        )
    first, second = boot_path(arch), loader_path(arch)
    before = _read(root, first)
    if before is not None and before != made and _is_sound(root, first, before, dbx):
        esp.replace(root / "efi" / previous_path(arch), before)
    written = []
    for name in (first, second):
        if _read(root, name) != made:
            esp.replace(root / "efi" / name, made)
            written.append(name)
    return written


def programs(root: Path, arch: Arch | None = None) -> Iterator[Source]:
    """What the machine starts from the ESP, which is mounted: the boot loader under each name, and the running UKI.

    Raises AdamantError esp-failed, BusyError boot-entry-missing.
    """
    arch = arch or host_arch(os.uname().machine)
    for name in (boot_path(arch), loader_path(arch)):
        data = _read(root, name)
        if data is not None:
            yield _source(name, data)
    yield _uki(root)


def _made(root: Path, arch: Arch) -> bytes | None:
    uki = _uki(root)
    section = pe.read_sections(uki).get(SIGNATURE)
    if section is None:
        return None
    if section.size > limits.PE_SIGNATURES_SIZE:
        raise VerificationError("efi-program-malformed", f"the section {SIGNATURE} of {uki.name} is too large")
    with open_source(root / source_path(arch)) as unsigned:
        return pe.attach(unsigned, uki.exactly(section.offset, section.size))


def _uki(root: Path) -> Source:
    folder = esp.EspFolder(root / "efi")
    entry = folder.started(efivars.uki(root))
    if entry is None:
        raise BusyError("boot-entry-missing", "the entry that this machine was started from is not on its ESP")
    return folder.read(entry)


def _is_sound(root: Path, name: str, data: bytes, dbx: Iterable[Signature]) -> bool:
    try:
        return firmware_keys.may_start(root, _source(name, data), dbx)
    except VerificationError:
        return False


def _read(root: Path, name: str) -> bytes | None:
    """The file's bytes, or None when it is not there. One that is larger than any boot loader is cut: it is none."""
    try:
        with (root / "efi" / name).open("rb") as file:
            return file.read(limits.BOOT_LOADER_SIZE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AdamantError("esp-failed", f"cannot read {name}: {error.strerror}", context="on the ESP") from error


def _source(name: str, data: bytes) -> Source:
    return Source(name, len(data), lambda offset, length: data[offset : offset + length])
