"""A build folder read as a release: its index entry, and the files that a repository takes from it.

Every file is checked against the manifest, and the verity tree against the root hash, before anybody signs them.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from adamant.core import files, limits, pe, verity_tree
from adamant.core.source import Source, open_source
from adamant.model import manifest
from adamant.model.digest import RootHash
from adamant.model.errors import InputError, VerificationError
from adamant.model.manifest import ArtifactKind, Manifest
from adamant.release.index import File, Part, Release

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Released:
    """A release, and where each of its files lies, by target path."""

    release: Release
    content: dict[str, Path]


def read_build(folder: Path, *, pass_through: bool = False) -> Released:
    """The release that the output folder of a build holds.

    Raises InputError `build-missing` for another folder, and VerificationError for files that are not as its manifest
    says.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(
            "build-missing",
            "this is not the output of a build",
            context=str(folder),
            hint="adamant build prints the folder that it wrote, such as out/example_1_amd64",
        )
    data = files.read_limited(path, limits.MANIFEST_SIZE, "manifest")
    found = manifest.decode(data)
    base = f"{found.name}/{found.version}_{found.arch.value}"
    content: dict[str, Path] = {}

    def file(name: str, sha256: str, size: int, parts: tuple[Part, ...] = ()) -> File:
        target = f"{base}/{name}"
        content[target] = folder / name
        return File(target, size, sha256, parts)

    def artifact(kind: ArtifactKind) -> File:
        entry = _artifact(found, kind)
        place = folder / entry.path
        if files.sha256_file(place) != entry.sha256 or place.stat().st_size != entry.size:
            raise VerificationError(
                "build-changed",
                f"{entry.path} is not what the manifest says",
                context=str(folder),
                hint="build it again",
            )
        parts = _sections(place) if kind is ArtifactKind.UKI else ()
        return file(entry.path, entry.sha256, entry.size, parts)

    release = Release(
        version=found.version,
        arch=found.arch,
        posture=found.posture,
        kernel=found.kernel,
        root_hash=found.root_hash,
        salt=found.salt,
        data_blocks=found.data_blocks,
        usr=artifact(ArtifactKind.USR),
        verity=artifact(ArtifactKind.VERITY),
        uki=artifact(ArtifactKind.UKI),
        manifest=file(MANIFEST, hashlib.sha256(data).hexdigest(), len(data)),
        sbom=artifact(ArtifactKind.SBOM),
        pass_through=pass_through,
    )
    with open_source(folder / _artifact(found, ArtifactKind.VERITY).path) as source:
        tree = verity_tree.read_tree(source, RootHash(found.root_hash))
    if (tree.superblock.data_blocks, tree.superblock.salt) != (found.data_blocks, found.salt):
        raise VerificationError("build-changed", "the verity tree is not the one of the manifest", context=str(folder))
    return Released(release, content)


def _artifact(found: Manifest, kind: ArtifactKind) -> manifest.Artifact:
    entry = next((a for a in found.artifacts if a.kind is kind), None)
    if entry is None:
        raise InputError("build-missing", f"the build has no artifact of the kind {kind.value}")
    return entry


def _sections(path: Path) -> tuple[Part, ...]:
    """The sections of a UKI with their digests."""
    with open_source(path) as source:
        program = pe.read_program(source)
        return tuple(
            Part(section.name, section.offset, section.size, _digest(source, section)) for section in program.sections
        )


def _digest(source: Source, section: pe.Section) -> str:
    digest = hashlib.sha256()
    for chunk in source.chunks(section.offset, section.offset + section.size):
        digest.update(chunk)
    return digest.hexdigest()
