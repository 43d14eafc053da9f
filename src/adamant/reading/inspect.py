"""Look into an image: a build folder, a disk, a UKI or a usr image, whoever made it.

Reads foreign bytes. What is malformed ends with an error; what is well formed and yet wrong (a digest, a slot that does
not fit its tree, a UKI without a slot) is listed as a problem. Signatures are shown, not verified. Nothing is mounted,
and nothing of the image runs.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adamant.compose.etc import parse_os_release
from adamant.core import files, limits, pe, verity_tree
from adamant.core.source import Source, open_source
from adamant.image import gpt, measured
from adamant.image.uki import USRHASH
from adamant.model import layout, manifest, pcr
from adamant.model.arch import NAMES
from adamant.model.errors import InputError, VerificationError
from adamant.model.manifest import Artifact, ArtifactKind, Manifest
from adamant.model.measured import predict
from adamant.packages.tools import ToolsTree
from adamant.reading import fat, listing, qcow2, usr_contents
from adamant.reading.inspection import (
    FoundPackage,
    FoundPartition,
    FoundProgram,
    FoundSignature,
    FoundUki,
    FoundUsr,
    ImageKind,
    Inspection,
    Problem,
    printable,
)

MANIFEST = "manifest.json"
_STATUS = "lib/dpkg/status"
_POSTURE = "lib/adamant/posture"
_MACHINES = {0x8664: "amd64", 0xAA64: "arm64"}
_TYPES = {
    layout.ESP_TYPE: "esp",
    layout.STATE_TYPE: "linux",
    layout.VAR_TYPE: "var",
    **{names.usr_type: f"usr ({arch.value})" for arch, names in NAMES.items()},
    **{names.usr_verity_type: f"usr-verity ({arch.value})" for arch, names in NAMES.items()},
    **{names.root_type: f"root ({arch.value})" for arch, names in NAMES.items()},
}


@dataclass(slots=True)
class Parts:
    """What an image consists of. The sources are good while it is open."""

    what: ImageKind
    name: str
    size: int
    partitions: list[gpt.Placed] = field(default_factory=list)
    slots: list[tuple[str, Source, Source | None]] = field(default_factory=list)
    """Label, usr image and verity tree."""
    programs: list[tuple[str, Source]] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)
    manifest: Manifest | None = None
    problems: list[Problem] = field(default_factory=list)


def inspect(path: Path, tools: ToolsTree | None, scratch: Path) -> Inspection:
    """Look into the image or build folder at `path`, and check a build folder's files against its manifest.

    `scratch` is an existing folder for copies, which are gone at the end. Without `tools`, packages and posture stay
    unknown. Raises InputError (image-missing, image-unknown, image-unreadable) or VerificationError.
    """
    with open_image(path) as parts:
        if parts.manifest is not None:
            parts.problems += _differing(path, parts.manifest)
        return describe(parts, tools, scratch)


def describe(parts: Parts, tools: ToolsTree | None, scratch: Path) -> Inspection:
    """What the parts of an open image are; see `inspect`."""
    found_programs = [_program(name, source) for name, source in parts.programs]
    ukis = tuple(found for found in found_programs if isinstance(found, FoundUki))
    programs = tuple(found for found in found_programs if isinstance(found, FoundProgram))
    usr: list[FoundUsr] = []
    problems = list(parts.problems)
    with files.work_folder(scratch, "inspect") as work:
        for label, image, tree in parts.slots:
            try:
                usr.append(_usr(label, image, tree, tools, work))
            except VerificationError as error:
                problems.append(Problem(error.reference, f"{label}: {error.message}"))
    problems += _contradictions(parts.manifest, ukis, programs, tuple(usr))
    return Inspection(
        what=parts.what,
        name=printable(parts.name),
        size=parts.size,
        partitions=tuple(
            FoundPartition(printable(p.label), _TYPES.get(str(p.type), str(p.type)), str(p.guid), p.offset, p.size)
            for p in parts.partitions
        ),
        usr=tuple(usr),
        ukis=ukis,
        programs=programs,
        extensions=tuple(sorted(printable(path) for path in parts.extensions)),
        manifest=parts.manifest,
        problems=tuple(problems),
    )


@contextmanager
def open_image(path: Path) -> Iterator[Parts]:
    """The parts of the image or build folder at `path`, good inside of the context."""
    if path.is_dir():
        with _open_build(path) as parts:
            yield parts
        return
    with open_source(path) as source:
        if pe.is_program(source):
            yield Parts(ImageKind.UKI, source.name, source.size, programs=[(source.name, source)])
        elif listing.is_erofs(source):
            yield Parts(ImageKind.USR, source.name, source.size, slots=[(source.name, source, None)])
        elif qcow2.is_qcow2(source):
            yield _read_disk(qcow2.open_qcow2(source))
        elif source.read(layout.SECTOR, 8) == b"EFI PART":
            yield _read_disk(source)
        else:
            raise InputError(
                "image-unknown",
                f"{path} is no image that is known here",
                hint="known are: the folder of a build, a disk (raw or qcow2), a UKI (.efi), a usr image (.erofs)",
            )


@contextmanager
def _open_build(folder: Path) -> Iterator[Parts]:
    found = manifest.decode(files.read_limited(folder / MANIFEST, limits.MANIFEST_SIZE, "manifest"))
    for artifact in found.artifacts:
        if artifact.path in {"", ".", ".."} or "/" in artifact.path or not artifact.path.isprintable():
            raise VerificationError("artifact-path", f"the manifest names an artifact {artifact.path!r}")
    parts = Parts(ImageKind.BUILD, folder.resolve().name, sum(a.size for a in found.artifacts), manifest=found)
    with ExitStack() as stack:

        def sources(kind: ArtifactKind, suffix: str = "") -> list[Source]:
            paths = [folder / a.path for a in found.artifacts if a.kind is kind and a.path.endswith(suffix)]
            return [stack.enter_context(open_source(path)) for path in paths if path.is_file()]

        trees = sources(ArtifactKind.VERITY)
        parts.slots = [(usr.name, usr, trees[0] if trees else None) for usr in sources(ArtifactKind.USR)]
        parts.programs = [(uki.name, uki) for uki in sources(ArtifactKind.UKI)]
        for disk in sources(ArtifactKind.DISK, ".raw"):
            parts.partitions = list(gpt.decode(disk.read, disk.size).partitions)
        yield parts


def _differing(folder: Path, found: Manifest) -> list[Problem]:
    """Artifacts that are not as the manifest says."""

    def look(artifact: Artifact) -> Problem | None:
        path = folder / artifact.path
        if not path.is_file():
            return Problem("artifact-missing", f"{artifact.path} is not there")
        if path.stat().st_size != artifact.size or files.sha256_file(path) != artifact.sha256:
            return Problem("artifact-differs", f"{artifact.path} is not the file that the manifest names")
        return None

    with ThreadPoolExecutor(2, thread_name_prefix="digest") as pool:
        return [problem for problem in pool.map(look, found.artifacts) if problem is not None]


def _read_disk(disk: Source) -> Parts:
    parts = Parts(ImageKind.DISK, disk.name, disk.size)
    parts.partitions = list(gpt.decode(disk.read, disk.size).partitions)
    by_label: dict[str, Source] = {}
    for placed in parts.partitions:
        source = disk.part(placed.label or str(placed.guid), placed.offset, placed.size)
        by_label.setdefault(placed.label, source)
        if str(placed.type) == layout.ESP_TYPE:
            for path, contents in fat.read_files(source).items():
                if path.lower().endswith(".efi"):
                    parts.programs.append((path, contents))
                elif ".extra.d/" in path.lower():
                    parts.extensions.append(path)
    for label in layout.SLOT_LABELS:
        data, tree = by_label.get(label), by_label.get(f"{label}-verity")
        # A slot that no release was written to yet holds zeros.
        if data is not None and tree is not None and any(tree.read(0, layout.BLOCK)):
            parts.slots.append((label, data, tree))
    return parts


def _signatures(program: pe.Program) -> tuple[FoundSignature, ...]:
    return tuple(
        FoundSignature(printable(s.subject), printable(s.issuer), s.fingerprint, s.current) for s in program.signatures
    )


def _program(path: str, source: Source) -> FoundProgram | FoundUki:
    path = printable(path)
    program = pe.read_program(source)
    digest = hashlib.sha256()
    for chunk in source.chunks():
        digest.update(chunk)
    arch = _MACHINES.get(program.machine, f"{program.machine:#06x}")
    signatures = _signatures(program)
    if program.section(".linux") is None:
        return FoundProgram(path, source.size, digest.hexdigest(), arch, signatures)
    line = _text(source, program, ".cmdline")
    sections = measured.measured_sections(source)
    hashes = [word.removeprefix(USRHASH) for word in line.split() if word.startswith(USRHASH)]
    return FoundUki(
        path,
        source.size,
        digest.hexdigest(),
        arch,
        printable(_text(source, program, ".uname")),
        printable(line),
        # /init refuses a line that names two
        printable(hashes[0]) if len(hashes) == 1 else "",
        {k: printable(v) for k, v in parse_os_release(_text(source, program, ".osrel")).items()},
        {section.name: section.size for section in program.sections},
        sections,
        predict(sections)[str(pcr.KERNEL)],
        signatures,
    )


def _text(source: Source, program: pe.Program, name: str) -> str:
    section = program.section(name)
    if section is None:
        return ""
    if section.size > limits.CMDLINE_SIZE:
        raise VerificationError("efi-program-malformed", f"{source.name}: section {name} has {section.size} bytes")
    data = source.exactly(section.offset, section.size)
    return data.split(b"\0", 1)[0].decode(errors="replace").strip()


def _usr(label: str, image: Source, tree_source: Source | None, tools: ToolsTree | None, work: Path) -> FoundUsr:
    tree = verity_tree.read_tree(tree_source) if tree_source is not None else None
    if tree is not None:
        # The slot is larger than the image in it.
        image = image.part(label, 0, min(image.size, tree.superblock.data_blocks * layout.BLOCK))
    broken = sum(1 for _ in verity_tree.broken_blocks(image, tree)) if tree is not None else 0
    listed = listing.list_image(image)
    posture = packages = None
    if tools is not None:
        with files.work_folder(work, "usr") as scratch:
            posture = _read_text(usr_contents.read_file(image, listed, _POSTURE, tools, scratch)).strip()
            posture = printable(posture)
            packages = _packages(_read_text(usr_contents.read_file(image, listed, _STATUS, tools, scratch)))
    return FoundUsr(
        label,
        image.size,
        tree.root_hash if tree else "",
        tree.superblock.salt if tree else "",
        str(tree.superblock.uuid) if tree else "",
        image.size // layout.BLOCK,
        broken,
        len(listed),
        posture,
        packages,
    )


def _read_text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")


def _packages(status: str) -> tuple[FoundPackage, ...]:
    """Packages of dpkg's status file: paragraphs of `Name: value` lines."""
    found: list[FoundPackage] = []
    for paragraph in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.split("\n") if ": " in line and line[0] != " ")
        if "Package" in fields:
            name, version, arch = (printable(fields.get(k, "")) for k in ("Package", "Version", "Architecture"))
            found.append(FoundPackage(name, version, arch))
    return tuple(sorted(found))


def _contradictions(
    described: Manifest | None,
    ukis: tuple[FoundUki, ...],
    programs: tuple[FoundProgram, ...],
    usr: tuple[FoundUsr, ...],
) -> Iterator[Problem]:
    """What the parts say that cannot be true together."""
    hashes = {found.root_hash for found in usr if found.root_hash}
    for found in usr:
        if found.broken_blocks:
            yield Problem(
                "usr-differs", f"{found.label}: {found.broken_blocks} blocks of 4 KiB are not as its verity tree says"
            )
    for uki in ukis:
        if not uki.root_hash:
            yield Problem("uki-no-root-hash", f"{uki.path} names no usr image, or two")
        elif hashes and uki.root_hash not in hashes:
            yield Problem("uki-without-slot", f"no usr image here has the root hash that {uki.path} names")
        if described is not None and described.measured is not None and uki.measured != described.measured.sections:
            yield Problem("measurement-differs", f"a TPM will measure {uki.path} otherwise than the manifest says")
        if described is not None and uki.root_hash != described.root_hash:
            yield Problem("root-hash-differs", f"{uki.path} names another root hash than the manifest")
    signed = [(uki.path, uki.signatures) for uki in ukis] + [(found.path, found.signatures) for found in programs]
    for path, signatures in signed:
        for signature in signatures:
            if not signature.current:
                yield Problem("signature-outdated", f"{path} was changed after {signature.subject} signed it")
    if described is not None and hashes and described.root_hash not in hashes:
        yield Problem("root-hash-differs", "the usr image has another root hash than the manifest says")
