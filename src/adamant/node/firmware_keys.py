"""The keys that this machine's firmware trusts: PK, KEK, db, and dbx for what it refuses, as efivarfs shows them.

What follows of them for a program: whether the firmware starts it.

Without a cryptographic library: the agent asks this.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from adamant.api import fingerprint
from adamant.core import authenticode, limits, pe
from adamant.core.source import Source
from adamant.model import signature_list
from adamant.model.authenticated_variable import Variable
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.signature_list import Signature
from adamant.node import certificate, efivars
from adamant.node.reading import read_text

WAITING = "run/adamant/secure-boot/waiting"
"""Where secure_boot.py says why boot loader or keys are not as the release brings them, a reason in a line."""
_ATTRIBUTES_SIZE = 4


class Key(NamedTuple):
    """A certificate in a variable: the common name of its subject, and the SHA-256 of its DER."""

    variable: Variable
    name: str
    sha256: str


def entries(root: Path, variable: Variable) -> tuple[Signature, ...]:
    """What the variable holds. Raises VerificationError signature-list-malformed."""
    return signature_list.decode(efivars.read(root, variable.value, str(variable.vendor))[_ATTRIBUTES_SIZE:])


def keys(root: Path) -> Iterator[Key]:
    """The certificates of PK, KEK and db, and of dbx, which are refused. A variable that cannot be read has none."""
    for variable in Variable:
        for entry in _readable(root, variable):
            if entry.kind == signature_list.X509:
                yield Key(variable, _name(entry.data), fingerprint.of(entry.data))


def may_start(root: Path, program: Source, dbx: Iterable[Signature]) -> bool:
    """Whether a firmware with this machine's db and the entries `dbx` starts the program.

    Stricter than a firmware: a certificate in db itself must have signed it, and its digest alone is not enough.
    Raises VerificationError signature-list-malformed, efi-program-malformed, image-cut-short.
    """
    trusted = [entry.data for entry in entries(root, Variable.DB) if entry.kind == signature_list.X509]
    return not _refusal(program, dbx) and bool(authenticode.signers(program, trusted))


def refusal(root: Path, program: Source) -> str:
    """Why dbx has the firmware refuse the program; empty when dbx does not. Raises as `may_start`, but for lists."""
    return _refusal(program, _readable(root, Variable.DBX))


def _refusal(program: Source, dbx: Iterable[Signature]) -> str:
    named: dict[UUID, list[bytes]] = {}
    for entry in dbx:
        named.setdefault(entry.kind, []).append(entry.data)
    digests = named.get(signature_list.SHA256, [])
    if digests and bytes.fromhex(pe.authenticode(program)) in digests:
        return "it was revoked"
    for der in authenticode.signers(program, named.get(signature_list.X509, [])):
        return f"the key that signed it was retired ({_name(der)})"
    return ""


def revoked(root: Path) -> frozenset[str]:
    """Authenticode digests (hexadecimal) of the programs that dbx names; none when it cannot be read."""
    found = _readable(root, Variable.DBX)
    return frozenset(entry.data.hex() for entry in found if entry.kind == signature_list.SHA256)


def waiting(root: Path) -> list[str]:
    """What stands there; nothing when all is as the release brings it."""
    try:
        return read_text(root / WAITING, limits.SYSTEM_FILE_SIZE).splitlines()
    except AdamantError:
        return []


def _readable(root: Path, variable: Variable) -> tuple[Signature, ...]:
    try:
        return entries(root, variable)
    except VerificationError:
        return ()


def _name(der: bytes) -> str:
    try:
        return certificate.read(der).name
    except AdamantError:
        return "not a certificate"
