"""The program that gives the firmware the signed changes that a release carries (adamant-secure-boot.service).

    /usr/lib/adamant/run secure-boot

It runs once the release is known to be good, so a release that fails changes nothing for good. The changes come from
the verified usr image, and only add: a key, or a program that is refused. One that no key of the machine has signed is
never handed on; the firmware checks each again. Done again, it does nothing: what is there already is passed over.
"""

import sys
from pathlib import Path
from uuid import UUID

_PACKAGES = "/usr/lib/python3/dist-packages"
if _PACKAGES not in sys.path:  # started without `site`, which would load what nobody needs
    sys.path.append(_PACKAGES)

from adamant.api import node_pb2 as pb  # noqa: E402
from adamant.core import files, limits, variable_change  # noqa: E402
from adamant.model import authenticated_variable, signature_list  # noqa: E402
from adamant.model.authenticated_variable import Variable  # noqa: E402
from adamant.model.errors import AdamantError  # noqa: E402
from adamant.node import efivars, firmware_keys  # noqa: E402
from adamant.node.update import trial  # noqa: E402


def apply(root: Path, name: str, data: bytes) -> bool:
    """Hand the change `data` of the file `name` to the firmware. False when all that it adds is there already.

    Raises VerificationError variable-update-malformed, variable-update-signature, and AdamantError
    variable-update-refused.
    """
    variable = authenticated_variable.variable_of(name)
    signers = firmware_keys.entries(root, variable.signer)
    change = variable_change.verify(variable, data, signers, append=True)
    wanted = {(entry.kind, entry.data) for entry in signature_list.decode(change.payload)}
    if not _missing(root, variable, wanted):
        return False
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


def _missing(root: Path, variable: Variable, wanted: set[tuple[UUID, bytes]]) -> set[tuple[UUID, bytes]]:
    return wanted - {(entry.kind, entry.data) for entry in firmware_keys.entries(root, variable)}


def main(root: Path = Path("/")) -> int:
    """The program: 0 when nothing is left to do or it is not the time, 1 when a change could not be made."""
    try:
        if not trial.found_good(root):
            sys.stderr.write("<6>this release is on trial: its changes of keys wait until it is found good\n")
            return 0
        if efivars.secure_boot(root) != pb.SECURE_BOOT_ENABLED:
            sys.stderr.write("<5>Secure Boot is not enforced here: no keys are changed\n")
            return 0
        for path in sorted((root / authenticated_variable.UPDATES).glob("*.auth")):
            data = files.read_limited(path, limits.EFI_VARIABLE_SIZE, "signed change of an EFI variable")
            done = "is made" if apply(root, path.name, data) else "was made before"
            sys.stderr.write(f"<5>the change {path.name} of the firmware's keys {done}\n")
    except AdamantError as error:
        sys.stderr.write(f"<3>the firmware's keys could not be changed: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
