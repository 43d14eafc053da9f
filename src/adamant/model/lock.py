"""The lock: every package of a definition, by exact version and SHA-256, and of the tools that build it.

It holds no mirror's host and no path of a computer, so that it can be shared and committed.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from adamant.model.arch import Arch
from adamant.model.definition import ScriptName
from adamant.model.digest import Identity, identity
from adamant.model.errors import InputError

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Release(Struct, frozen=True, forbid_unknown_fields=True):
    """A signed Release file that the solve relied on. `sha256` is that of the InRelease file."""

    suite: str
    sha256: Digest


class Package(Struct, frozen=True, forbid_unknown_fields=True):
    """One binary package. `filename` is its path in the pool of the archive that `suite` belongs to."""

    name: str
    version: str
    architecture: str
    """Debian architecture or `all`."""
    source: str
    source_version: str
    suite: str
    filename: str
    size: int
    sha256: Digest


class Recording(Struct, frozen=True, forbid_unknown_fields=True):
    """What one maintainer script changed when it was run once in a sandbox: kept as a layer of the lock.

    `script_sha256` is the hash of the script's hand-written lines, so that a changed script needs a new recording.
    `layer` is a sorted PAX tar, compressed with zlib and encoded in base64: files that were added or changed.
    `removed` are paths that the script took away.
    """

    package: str
    script: ScriptName
    script_sha256: Digest
    layer: str
    removed: tuple[str, ...] = ()


class PackageSet(Struct, frozen=True, forbid_unknown_fields=True):
    """A solved set, sorted by name. `request` is the identity of what was asked for."""

    arch: Arch
    request: Digest
    releases: tuple[Release, ...]
    packages: tuple[Package, ...]


class Lock(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="Lock"):
    """A lock file. `tools` is for the computer that builds, and the emulators for the target."""

    image: PackageSet
    tools: PackageSet
    recordings: tuple[Recording, ...] = ()
    kernel: Digest | UnsetType = UNSET
    """Digest of the own kernel (model/kernel/artifact.py), where the definition names one."""
    version: int = 1


def encode(lock: Struct) -> bytes:
    """A lock, of whatever kind, as it stands in its file: JSON, one key a line, so that a diff of two reads well."""
    return msgspec.json.format(msgspec.json.encode(lock, order="deterministic"), indent=1) + b"\n"


def decode(data: bytes) -> Lock:
    """A lock from the bytes of its file."""
    try:
        lock = msgspec.json.decode(data, type=Lock)
    except msgspec.DecodeError as error:
        raise InputError(
            "lock-malformed", f"the lock cannot be read: {error}", hint="make a new one with: adamant lock"
        ) from error
    if lock.version != 1:
        raise InputError(
            "lock-version", f"the lock has version {lock.version}, this Adamant reads 1", hint="adamant lock"
        )
    return lock


def packages_identity(packages: PackageSet) -> Identity:
    """Identity of the exact packages, whatever their order and origin."""
    return identity("packages", {"sha256": sorted(p.sha256 for p in packages.packages)})


def by_name(packages: PackageSet) -> dict[str, Package]:
    """Packages by name."""
    return {p.name: p for p in packages.packages}
