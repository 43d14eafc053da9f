"""How the encrypted state and var get their key: one table that builder, agent and tasks read (docs/adr/0019)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

FILE = "usr/lib/adamant/encryption"
"""Where an image says how its state and var get their key; an image without it has them open."""
SERVERS = "usr/lib/adamant/tang.json"
"""Where an image has the servers of `tang`."""
CREDENTIAL = "adamant.disk-key"
"""The credential (systemd, "System and Service Credentials") that holds the key, of `credential` and of `tang`."""


class Encryption(StrEnum):
    """What gives the key of the encrypted state and var."""

    TPM = "tpm"
    CREDENTIAL = "credential"
    TANG = "tang"


class TangServer(Struct, frozen=True, forbid_unknown_fields=True):
    """A server of tang(8) and the key by which it is known."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^http://([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9a-f:]{2,39}\])(:[0-9]{1,5})?$",
            description="http:// and an address (no name), with a port where it is not 80, as in http://10.0.0.5:7500",
        ),
    ]
    """Where it answers. No name is resolved that early in a boot."""
    thumbprint: Annotated[
        str, Meta(pattern=r"^[0-9A-Za-z_-]{43}$", description="43 letters, as `tang-show-keys` prints them")
    ]
    """SHA-256 of its signing key (RFC 7638)."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a way to the key means."""

    signed: bool
    """The UKI carries the signature of what a TPM measures of it, and opens nothing without: `signing.pcr`."""
    trees: tuple[str, ...]
    """Folders of node/data that an image gets besides `encrypted`."""
    by: str
    """What opens the volumes, in words."""
    missing: str
    """Why they stay shut, in words."""


OPENINGS: dict[Encryption, Opening] = {
    Encryption.TPM: Opening(
        signed=True,
        trees=("opened-by-tpm",),
        by="the TPM",
        missing="this TPM, or this release, gives no key for the disk",
    ),
    Encryption.CREDENTIAL: Opening(
        signed=False,
        trees=("opened-by-key",),
        by=f"the credential {CREDENTIAL}",
        missing=f"the credential {CREDENTIAL} was not passed, or is of another disk",
    ),
    Encryption.TANG: Opening(
        signed=False,
        trees=("opened-by-key", "opened-by-tang"),
        by="a tang server",
        missing="no tang server gave the key of this disk",
    ),
}
