"""Signatures on EFI programs: made with a pair, and verified.

Format: Microsoft Authenticode in a PE file, as UEFI Specification 2.10, section 32.2.4 has it. A signature holds the
time of signing, so it is attached last and is no part of what two builds compare. Imports model, core, packages.tools.
"""

import os
from pathlib import Path

from adamant.core import files, proc
from adamant.image.keys import SigningPair
from adamant.model.errors import AdamantError, VerificationError
from adamant.packages.tools import ToolsTree

_SBSIGN = "systemd-sbsign"
_PROVIDER = "provider:pkcs11"


def sign_efi(unsigned: Path, pair: SigningPair, tools: ToolsTree, out: Path) -> None:
    """Write `unsigned` with a signature of `pair` to `out`, which appears whole or not at all.

    The result is verified before it appears. Raises AdamantError signing-failed (a token that is not there, a wrong
    PIN) and what `verify_efi` raises.
    """
    with files.work_folder(out.parent, "sign") as work:
        made = work / "signed.efi"
        arguments: list[str | Path] = ["sign", f"--certificate={pair.certificate}", f"--output={made}"]
        environment = dict(tools.environment)
        if pair.module is None:
            arguments.append(f"--private-key={pair.key}")
        else:
            arguments += [f"--private-key={pair.key}", f"--private-key-source={_PROVIDER}"]
            environment |= _token_environment(pair.module)
        try:
            proc.run("sign an EFI program", tools.argv(_SBSIGN, *arguments, unsigned), environment=environment)
        except proc.ProgramFailed as error:
            # The command line may hold a PIN: only what the program said goes on.
            raise AdamantError(
                "signing-failed",
                f"cannot sign {out.name}",
                context=error.stderr.splitlines()[-1].replace(pair.key, "the key") if error.stderr else "",
                hint="is the token there, and are its name, the key's and the PIN right?" if pair.module else "",
            ) from None
        made.chmod(0o644)
        verify_efi(made, pair.certificate, tools)
        made.rename(out)


def _token_environment(module: Path) -> dict[str, str]:
    """What a PKCS#11 module needs: the person's variables, as each vendor's module has names of its own for them."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in proc.BASE_ENVIRONMENT and not name.startswith(("LD_", "OPENSSL_", "PYTHON"))
    }
    return kept | {"PKCS11_PROVIDER_MODULE": str(module)}


def verify_efi(program: Path, certificate: Path, tools: ToolsTree) -> None:
    """Check that `program` is signed by the key of `certificate` (PEM) and unchanged since.

    Raises VerificationError signature-invalid.
    """
    try:
        proc.run("verify an EFI program", tools.argv("sbverify", "--cert", certificate, program))
    except proc.ProgramFailed as error:
        raise VerificationError(
            "signature-invalid",
            f"{program.name} carries no valid signature of {certificate.name}",
            context=error.stderr.strip(),
        ) from error
