"""Signatures on EFI programs: made with a pair, and verified.

Format: Microsoft Authenticode in a PE file, as UEFI Specification 2.10, section 32.2.4 has it. A key in a file signs by
core/authenticode.py: equal programs and keys give equal bytes. For a key on a token systemd-sbsign does it, and its
signatures hold the time. Either needs a secret, so signatures are attached last and are no part of what builders
compare. Imports model, core, packages.tools.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from adamant.core import authenticode, files, pe, proc
from adamant.core.source import open_source
from adamant.image import keys
from adamant.image.keys import SigningPair
from adamant.model.errors import AdamantError, VerificationError
from adamant.packages.tools import ToolsTree

_SBSIGN = "systemd-sbsign"
_PROVIDER = "provider:pkcs11"


def sign_efi(unsigned: Path, pair: SigningPair, tools: ToolsTree, out: Path) -> None:
    """Write `unsigned` with a signature of `pair` to `out`, which appears whole or not at all.

    The result is verified before it appears. Raises AdamantError signing-failed (a token that is not there, a wrong
    PIN), and what `keys.read_key` and `verify_efi` raise.
    """
    with files.work_folder(out.parent, "sign") as work:
        made = work / "signed.efi"
        if pair.module is None:
            made.write_bytes(signed(unsigned, pair))
        else:
            _sign_by_token(unsigned, pair, pair.module, tools, made)
        made.chmod(0o644)
        verify_efi(made, pair.certificate, tools)
        made.rename(out)


def signed(unsigned: Path, pair: SigningPair) -> bytes:
    """The program with a signature of `pair`, whose key is in a file. Raises as `keys.read_key` and `pe.attach`."""
    key, certificate = keys.read_key(pair), keys.read_certificate(pair.certificate).public_bytes(Encoding.DER)
    with open_source(unsigned) as program:
        digest = bytes.fromhex(pe.authenticode(program))
        value = key.sign(authenticode.message(digest), padding.PKCS1v15(), hashes.SHA256())
        return pe.attach(program, authenticode.encode(digest, certificate, value))


def _sign_by_token(unsigned: Path, pair: SigningPair, module: Path, tools: ToolsTree, out: Path) -> None:
    arguments = ["sign", f"--certificate={pair.certificate}", f"--output={out}"]
    arguments += [f"--private-key={pair.key}", f"--private-key-source={_PROVIDER}"]
    environment = dict(tools.environment) | _token_environment(module)
    try:
        proc.run("sign an EFI program", tools.argv(_SBSIGN, *arguments, unsigned), environment=environment)
    except proc.ProgramFailed as error:
        # The command line may hold a PIN: only what the program said goes on.
        raise AdamantError(
            "signing-failed",
            f"the token does not sign {unsigned.name}",
            context=error.stderr.splitlines()[-1].replace(pair.key, "the key") if error.stderr else "",
            hint="is the token there, and are its name, the key's and the PIN right?",
        ) from None


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
