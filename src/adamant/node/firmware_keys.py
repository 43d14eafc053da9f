"""The keys that this machine's firmware trusts: PK, KEK, db, and dbx for what it refuses, as efivarfs shows them.

Without a cryptographic library: the agent asks this.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from adamant.api import fingerprint
from adamant.model import signature_list
from adamant.model.authenticated_variable import Variable
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.signature_list import Signature
from adamant.node import certificate, efivars

_ATTRIBUTES_SIZE = 4


class Key(NamedTuple):
    """A certificate in a variable: the common name of its subject, and the SHA-256 of its DER."""

    variable: Variable
    name: str
    sha256: str


def entries(root: Path, variable: Variable) -> tuple[Signature, ...]:
    """What the variable holds. Raises VerificationError signature-list-malformed."""
    return signature_list.decode(efivars.read(root, variable.value, str(variable.vendor))[_ATTRIBUTES_SIZE:])


def trusted(root: Path) -> Iterator[Key]:
    """The certificates of PK, KEK and db. A variable that cannot be read has none."""
    for variable in (Variable.PK, Variable.KEK, Variable.DB):
        for entry in _readable(root, variable):
            if entry.kind == signature_list.X509:
                yield Key(variable, _name(entry.data), fingerprint.of(entry.data))


def revoked(root: Path) -> frozenset[str]:
    """Authenticode digests (hexadecimal) of the programs that dbx names; none when it cannot be read."""
    found = _readable(root, Variable.DBX)
    return frozenset(entry.data.hex() for entry in found if entry.kind == signature_list.SHA256)


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
