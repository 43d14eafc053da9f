"""What a build of a kernel leaves: `manifest.json` of a folder, and the digest by which images name the kernel."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from adamant.model.arch import Arch
from adamant.model.definition import Name
from adamant.model.digest import Sha256, identity
from adamant.model.errors import VerificationError
from adamant.model.kernel.definition import VERSION_PATTERN
from adamant.model.lock import Digest

MANIFEST = "manifest.json"
VMLINUZ = "vmlinuz"
MODULES = "modules.tar"
CONFIG = "config"
CERTIFICATE = "signing.x509"
LOCK = "kernel.lock"
SBOM = "sbom.spdx.json"
PROVENANCE = "provenance.json"
FILES = (VMLINUZ, MODULES, CONFIG, CERTIFICATE, LOCK, SBOM, PROVENANCE)
"""Names of a kernel's files besides the manifest. MODULES holds `usr/lib/modules/RELEASE`, uncompressed."""

Release = Annotated[str, Meta(pattern=r"^[0-9][0-9A-Za-z.+_-]{0,63}$")]


class KernelFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One of FILES, with its size in bytes."""

    path: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9.]{0,31}$")]
    size: Annotated[int, Meta(ge=0)]
    sha256: Digest


class KernelModule(Struct, frozen=True, forbid_unknown_fields=True):
    """One module, by its path below the folder of the release, with its size in bytes."""

    path: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][^\x00]{0,511}\.ko$")]
    size: Annotated[int, Meta(ge=0)]
    sha256: Digest
    own: bool = False
    """Whether it is a person's own."""


class Reason(Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the hardening table that the config does not meet, and why."""

    option: str
    reason: str


class KernelManifest(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="KernelManifest"):
    """The manifest. `inputs` is the identity of all that the build was given, `digest` that of all that it left."""

    name: Name
    version: Annotated[str, Meta(pattern=VERSION_PATTERN)]
    arch: Arch
    release: Release
    """What `uname -r` says."""
    linux: str
    """Version of the Debian package with the source."""
    inputs: Digest
    digest: Digest
    files: tuple[KernelFile, ...]
    modules: tuple[KernelModule, ...]
    hardened: int
    """How many rows of the hardening table are met."""
    asked: int
    """How many rows it has."""
    off: tuple[Reason, ...]
    format: Annotated[int, Meta(ge=1, le=1)] = 1


def digest_of(manifest: KernelManifest) -> Sha256:
    """The digest of a kernel: over all of the manifest but the digest itself, and so over all of its files."""
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    del plain["digest"]
    return Sha256(identity("kernel-artifact", plain))


def encode(manifest: KernelManifest) -> bytes:
    """The manifest as it stands in its file."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"


def decode(data: bytes) -> KernelManifest:
    """A manifest from the bytes of its file, whose digest is its own. Raises VerificationError."""
    try:
        manifest = msgspec.json.decode(data, type=KernelManifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise VerificationError("kernel-manifest-malformed", f"the manifest cannot be read: {error}") from error
    if sorted(f.path for f in manifest.files) != sorted(FILES):
        raise VerificationError("kernel-manifest-malformed", "the manifest does not name the files of a kernel")
    if digest_of(manifest) != manifest.digest:
        raise VerificationError(
            "kernel-manifest-changed",
            "the kernel's manifest was changed: its digest is another",
            hint="build the kernel again, or take it from where it came from",
        )
    return manifest
