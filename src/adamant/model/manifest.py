"""The manifest of a build: its artifacts with digests, and what made them.

It holds no time and no path of a computer.
"""

from enum import StrEnum

import msgspec
from msgspec import Struct

from adamant.model import decoders
from adamant.model.arch import Arch
from adamant.model.definition import Profile
from adamant.model.errors import InputError
from adamant.model.measured import MeasuredBoot
from adamant.model.posture import Posture


class ArtifactKind(StrEnum):
    """What an artifact is."""

    USR = "usr"
    VERITY = "verity"
    UKI = "uki"
    DISK = "disk"
    SBOM = "sbom"


class Artifact(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a build. `path` is relative to the manifest.

    `unsigned_sha256` is the digest before a signature was attached, and is what two builders compare. It is empty for a
    disk image that holds signed programs.
    """

    kind: ArtifactKind
    path: str
    size: int
    sha256: str
    unsigned_sha256: str


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="Manifest"):
    """`manifest.json`. `steps` are the identities of the steps that were done, by name."""

    name: str
    version: str
    arch: Arch
    posture: Posture
    profile: Profile
    kernel: str
    """Release of the kernel, as `uname -r` prints it."""
    command_line: str
    root_hash: str
    salt: str
    data_blocks: int
    packages: int
    artifacts: tuple[Artifact, ...]
    steps: dict[str, str]
    measured: MeasuredBoot | None = None
    """What a TPM will have measured of it; a manifest of an older build does not say."""
    schema: int = 1


def encode(manifest: Manifest) -> bytes:
    """The bytes of `manifest.json`."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"


def decode(data: bytes) -> Manifest:
    """A manifest from its bytes."""
    try:
        return decoders.of(Manifest).decode(data)
    except msgspec.DecodeError as error:
        raise InputError("manifest-malformed", f"the manifest cannot be read: {error}") from error
