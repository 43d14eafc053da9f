"""EFI_SIGNATURE_LIST: what the variables PK, KEK, db and dbx of a firmware hold.

Format: UEFI Specification 2.10, section 32.4.1. A variable is any number of lists; each holds entries of one kind and
one size, and each entry says who put it there. Values only; what is read here is foreign.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from uuid import UUID

from adamant.model.errors import VerificationError

X509 = UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
"""EFI_CERT_X509_GUID: `data` is a certificate in DER."""
SHA256 = UUID("c1c41626-504c-4092-aca9-41f936934328")
"""EFI_CERT_SHA256_GUID: `data` is the Authenticode digest of a program, 32 bytes."""
OWNER = UUID("5f0fbe44-3c2c-5a8e-9d0c-1f7e5a3b6c21")
"""Who put an entry there (SignatureOwner): any GUID, always the same for what we make."""

_HEAD = struct.Struct("<16sIII")
_OWNER_SIZE = 16


class Signature(NamedTuple):
    """One entry (EFI_SIGNATURE_DATA): its kind, who put it there, and the bytes."""

    kind: UUID
    owner: UUID
    data: bytes


def certificate(der: bytes, owner: UUID = OWNER) -> Signature:
    """The entry of a certificate in DER."""
    return Signature(X509, owner, der)


def program(authenticode: bytes, owner: UUID = OWNER) -> Signature:
    """The entry of a program by its Authenticode digest (SHA-256, 32 bytes)."""
    return Signature(SHA256, owner, authenticode)


def encode(signatures: Iterable[Signature]) -> bytes:
    """Lists of `signatures` in their order: neighbours of one kind and size share a list, certificates never do.

    A list for each certificate is what every firmware takes, whatever their sizes.
    """
    found: list[bytes] = []
    run: list[Signature] = []

    def end() -> None:
        if run:
            size = _OWNER_SIZE + len(run[0].data)
            found.append(_HEAD.pack(run[0].kind.bytes_le, _HEAD.size + size * len(run), 0, size))
            found.extend(entry.owner.bytes_le + entry.data for entry in run)
            run.clear()

    for signature in signatures:
        if not signature.data:
            raise ValueError("an empty entry")
        if run and (signature.kind == X509 or (signature.kind, len(signature.data)) != (run[0].kind, len(run[0].data))):
            end()
        run.append(signature)
    end()
    return b"".join(found)


def decode(data: bytes) -> tuple[Signature, ...]:
    """The entries of a variable. Raises VerificationError signature-list-malformed."""
    return tuple(_entries(data))


def _entries(data: bytes) -> Iterator[Signature]:
    at = 0
    while at < len(data):
        if at + _HEAD.size > len(data):
            raise _malformed("a list is cut short")
        kind, size, header, entry = _HEAD.unpack_from(data, at)
        first, end = at + _HEAD.size + header, at + size
        if not first <= end <= len(data) or entry <= _OWNER_SIZE or (end - first) % entry:
            raise _malformed("the sizes of a list do not fit")
        for start in range(first, end, entry):
            owner = UUID(bytes_le=data[start : start + _OWNER_SIZE])
            yield Signature(UUID(bytes_le=kind), owner, data[start + _OWNER_SIZE : start + entry])
        at = end


def _malformed(why: str) -> VerificationError:
    return VerificationError(
        "signature-list-malformed",
        f"these are no EFI signature lists: {why}",
        hint="a variable that the firmware shows so is its fault; a file: write it again with adamant keys",
    )
