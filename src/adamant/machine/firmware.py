"""The firmware of machines: EDK2 out of the tools tree, with or without Secure Boot.

With Secure Boot the person's certificate is enrolled as PK, KEK and db, and nothing else: no key of Microsoft's, so
that nothing starts but what that person signed (UEFI 2.10, 32.3). The variables are made once for each certificate. Or
nothing is enrolled yet (setup mode), and the image does it at its first boot.
"""

from dataclasses import dataclass
from pathlib import Path

from adamant.core import files, limits, proc
from adamant.core.store import Store
from adamant.model.arch import Arch
from adamant.model.digest import sha256
from adamant.model.errors import InputError
from adamant.model.signature_list import OWNER
from adamant.packages.tools import ToolsTree

_VARIABLES = "vars.fd"
_PEM = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Firmware:
    """`code` is read-only and shared; `variables` is the template that each machine gets a copy of."""

    code: Path
    variables: Path


@dataclass(frozen=True, slots=True)
class _Files:
    code: str
    secure: str
    variables: str


_FILES = {
    Arch.AMD64: _Files(
        "usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"
    ),
    Arch.ARM64: _Files(
        "usr/share/AAVMF/AAVMF_CODE.no-secboot.fd",
        "usr/share/AAVMF/AAVMF_CODE.secboot.fd",
        "usr/share/AAVMF/AAVMF_VARS.fd",
    ),
}


def in_setup_mode(arch: Arch, tools: ToolsTree) -> Firmware:
    """The firmware for `arch` that enforces Secure Boot as soon as somebody enrols keys. Raises as `firmware`."""
    return Firmware(tools.path(_FILES[arch].secure), tools.path(_FILES[arch].variables))


def firmware(arch: Arch, certificate: bytes | None, tools: ToolsTree, store: Store) -> Firmware:
    """The firmware for `arch`; with Secure Boot when a `certificate` (PEM, X.509) is given.

    Raises InputError certificate-malformed, and AdamantError tool-missing.
    """
    names = _FILES[arch]
    empty = tools.path(names.variables)
    if certificate is None:
        return Firmware(tools.path(names.code), empty)
    if _PEM not in certificate:
        raise InputError(
            "certificate-malformed",
            "the Secure Boot certificate is not PEM",
            hint="adamant keys init makes a key pair with its certificate",
        )

    def make(folder: Path) -> None:
        pem = folder / "certificate.pem"
        files.write_atomic(pem, certificate)
        proc.run(
            "enrol the Secure Boot certificate",
            tools.argv("virt-fw-vars", *enrolment(empty, pem, folder / _VARIABLES)),
            environment=tools.environment,
            seconds=limits.PROBE_SECONDS,
        )

    inputs = {"arch": arch.value, "certificate": sha256(certificate), "empty": files.sha256_file(empty)}
    step = store.step("firmware-variables", inputs, make)
    return Firmware(tools.path(names.secure), step.path / _VARIABLES)


def enrolment(empty: Path, certificate: Path, out: Path) -> tuple[str, ...]:
    """Arguments of virt-fw-vars."""
    return (
        *("--input", str(empty), "--output", str(out)),
        *("--set-pk", str(OWNER), str(certificate)),
        *("--add-kek", str(OWNER), str(certificate)),
        *("--add-db", str(OWNER), str(certificate)),
        *("--no-microsoft", "--secure-boot"),
    )
