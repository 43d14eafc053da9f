"""The program that gives the machine the boot loader of its release, and the firmware the signed changes it carries.

    /usr/lib/adamant/run secure-boot

It is adamant-secure-boot.service, and runs once the release is known to be good, so a release that fails changes
nothing for good. First the boot loader comes to the ESP (boot_loader.py). The changes come from the verified usr image,
and each only adds: a key, or what is refused, a program or all that a key has signed. One that no key of the machine
has signed is never handed on; the firmware checks each again. One that retires a key waits until nothing that the
machine starts from is signed by it. Done again, the program does nothing: what is there already is passed over.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

_PACKAGES = "/usr/lib/python3/dist-packages"
if _PACKAGES not in sys.path:  # started without `site`, which would load what nobody needs
    sys.path.append(_PACKAGES)

from adamant.api import node_pb2 as pb  # noqa: E402
from adamant.core import files, limits, variable_change  # noqa: E402
from adamant.model import authenticated_variable, signature_list  # noqa: E402
from adamant.model.authenticated_variable import Variable  # noqa: E402
from adamant.model.errors import AdamantError, BusyError  # noqa: E402
from adamant.model.signature_list import Signature  # noqa: E402
from adamant.node import boot_loader, efivars, firmware_keys  # noqa: E402
from adamant.node.update import esp, trial  # noqa: E402


def apply(root: Path, name: str, data: bytes) -> bool:
    """Hand the change `data` of the file `name` to the firmware. False when all that it adds is there already.

    The ESP must be mounted. Raises VerificationError variable-update-malformed, variable-update-signature, and
    AdamantError variable-update-refused; BusyError key-in-use when it retires a key that the machine needs to start.
    """
    variable = authenticated_variable.variable_of(name)
    signers = firmware_keys.entries(root, variable.signer)
    change = variable_change.verify(variable, data, signers, append=True)
    wanted = signature_list.decode(change.payload)
    missing = _missing(root, variable, wanted)
    if not missing:
        return False
    if variable is Variable.DBX and any(entry.kind == signature_list.X509 for entry in missing):
        _require_others(root, wanted)
    attributes = authenticated_variable.attributes(append=True)
    try:
        efivars.write(root, variable.value, str(variable.vendor), attributes, data)
    except OSError as error:
        raise AdamantError(
            "variable-update-refused", f"the firmware refuses the change of {variable.value}: {error.strerror}"
        ) from error
    if _missing(root, variable, wanted):
        raise AdamantError(
            "variable-update-refused", f"the firmware took the change of {variable.value}, and does not show it"
        )
    return True


def _missing(root: Path, variable: Variable, wanted: Iterable[Signature]) -> list[Signature]:
    there = {(entry.kind, entry.data) for entry in firmware_keys.entries(root, variable)}
    return [entry for entry in wanted if (entry.kind, entry.data) not in there]


def _require_others(root: Path, retired: Iterable[Signature]) -> None:
    """Raise BusyError key-in-use unless all that this machine starts from is signed by keys that stay."""
    dbx = (*firmware_keys.entries(root, Variable.DBX), *retired)
    for program in boot_loader.programs(root):
        if not firmware_keys.may_start(root, program, dbx):
            raise BusyError(
                "key-in-use",
                f"the machine would not start again: {program.name} is signed by no other key that db has",
                hint="have a release that the newer key signs bring the change, and its boot loader",
            )


def main(root: Path = Path("/"), mount: Callable[[], None] = esp.mount) -> int:
    """The program: 0 when nothing is left to do or it is not the time, 1 when something could not be done.

    A loader that db does not trust is no failure, though it is told: where db has the issuer of the certificate that
    signs, the machine starts, and may be left as it is.
    """
    try:
        if not trial.found_good(root):
            sys.stderr.write("<6>this release is on trial: boot loader and keys wait until it is found good\n")
            return 0
        if efivars.secure_boot(root) != pb.SECURE_BOOT_ENABLED:
            sys.stderr.write("<5>Secure Boot is not enforced here: boot loader and keys stay as they are\n")
            return 0
        mount()
    except AdamantError as error:
        return _end(root, [_told("the keys of the firmware were not looked at", error)], failed=True)
    waiting, failed = [], False
    try:
        for place in boot_loader.bring(root):
            sys.stderr.write(f"<5>the boot loader {place} is now that of this release\n")
    except AdamantError as error:
        waiting.append(_told("the boot loader of this release was not brought to the ESP", error))
        failed = error.reference != "boot-loader-untrusted"
    for path in sorted((root / authenticated_variable.UPDATES).glob("*.auth")):
        try:
            data = files.read_limited(path, limits.EFI_VARIABLE_SIZE, "signed change of an EFI variable")
            done = "is made" if apply(root, path.name, data) else "was made before"
            sys.stderr.write(f"<5>the change {path.name} of the firmware's keys {done}\n")
        except AdamantError as error:
            waiting.append(_told(f"the change {path.name} of the firmware's keys was not made", error))
            failed = True
    return _end(root, waiting, failed)


def _told(what: str, error: AdamantError) -> str:
    return f"{what}: {error.message}"


def _end(root: Path, waiting: list[str], failed: bool) -> int:
    for text in waiting:
        sys.stderr.write(f"<3>{text}\n")
    told = root / firmware_keys.WAITING
    if waiting or told.exists():
        files.write_atomic(told, "".join(f"{text}\n" for text in waiting).encode(), durable=False)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
