"""Facts of an image: the output folder of a build, read without mounting anything and without running any of it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from adamant.audit import contents
from adamant.audit.facts import Contents, ImageFacts, Placed
from adamant.core import files, limits, pe
from adamant.core.source import Source, open_source
from adamant.image import gpt, pcr_signature
from adamant.image.project import DEFINITION, read_project
from adamant.model import capability, kernel_line, layout, manifest
from adamant.model.errors import InputError, VerificationError
from adamant.model.manifest import ArtifactKind, Manifest
from adamant.model.tree import Entry, Extent, Kind, Tree
from adamant.packages.tools import ToolsTree
from adamant.reading import fat, listing, qcow2, usr_contents
from adamant.reading.inspect import MANIFEST, inspect
from adamant.reading.inspection import FoundSignature, Inspection
from adamant.reading.listing import Listed

_FACTORY = "share/factory/etc"
_JUDGED_ALONE = frozenset({"signature-outdated", "uki-no-root-hash", "uki-without-slot", "usr-differs"})
"""Problems of an inspection that rules of their own speak of."""
_LOADER = "loader/loader.conf"


def locate(folder: Path) -> Path:
    """The output folder that `folder` stands for: itself, or that of the definition in it. Raises InputError."""
    if (folder / MANIFEST).is_file():
        return folder
    if (folder / DEFINITION).is_file():
        output = read_project(folder).output
        if (output / MANIFEST).is_file():
            return output
        raise InputError("audit-not-built", f"there is no build of {folder / DEFINITION}", hint="adamant build")
    raise InputError(
        "audit-no-image",
        f"{folder} holds neither a build nor a definition",
        hint="name the folder of a build, such as out/example_1_amd64, or of adamant.yaml",
    )


def read(folder: Path, tools: ToolsTree | None, scratch: Path) -> ImageFacts:
    """Facts of the build in `folder`. `scratch` is an existing folder for copies, which are gone at the end.

    Without `tools`, the contents of the image stay unknown. Raises InputError or VerificationError.
    """
    described = manifest.decode(files.read_limited(folder / MANIFEST, limits.MANIFEST_SIZE, "manifest"))
    looked = inspect(folder, None, scratch)  # it checks the artifacts' paths, too
    paths = {artifact.kind: folder / artifact.path for artifact in described.artifacts}
    usr = paths.get(ArtifactKind.USR)
    if usr is None or not usr.is_file():
        raise VerificationError("audit-no-usr", f"{folder} has no usr image")
    with open_source(usr) as source, files.work_folder(scratch, "audit") as work:
        listed = listing.list_image(source)
        inside, why = _contents(source, listed, tools, work)
    uki = looked.ukis[0] if len(looked.ukis) == 1 else None
    found = looked.usr[0] if len(looked.usr) == 1 else None
    on_disk = _inspect_disk(folder, described, scratch)
    chain = _programs(looked) | (_programs(on_disk) if on_disk else {})
    return ImageFacts(
        name=described.name,
        version=described.version,
        arch=described.arch,
        posture=described.posture,
        problems=tuple(_problems(looked)),
        root_hash=found.root_hash if found else "",
        broken_blocks=found.broken_blocks if found else 0,
        uki_root_hash=uki.root_hash if uki else "",
        uki_sections=_sections(folder / uki.path) if uki else (),
        unsigned=tuple(sorted(path for path, signatures in chain.items() if not signatures)),
        outdated=tuple(
            sorted(path for path, signatures in chain.items() if any(not signature.current for signature in signatures))
        ),
        disk_policy=_disk_policy(folder / uki.path) if uki else "",
        disk=tuple(_on_disk(on_disk, looked)) if on_disk else (),
        arguments=kernel_line.by_name(kernel_line.split(uki.command_line)) if uki else {},
        boot_menu_editor=_editor(folder, described),
        files=len(listed),
        set_id=_placed(listed, lambda e: f"mode {e.mode:04o}" if e.kind is Kind.FILE and e.mode & 0o6000 else ""),
        capabilities=_placed(listed, _capabilities),
        world_writable=_placed(
            listed, lambda e: f"mode {e.mode:04o}" if e.kind is not Kind.SYMLINK and e.mode & 0o002 else ""
        ),
        devices=_placed(listed, lambda e: e.kind.value if e.kind in {Kind.CHARACTER, Kind.BLOCK} else ""),
        foreign=_placed(listed, lambda e: f"user {e.uid}" if e.uid else ""),
        sbom=_sbom(paths.get(ArtifactKind.SBOM)),
        contents=inside,
        why_no_contents=why,
    )


def _problems(looked: Inspection) -> Iterator[Placed]:
    """What is not as the manifest says, and what no rule could judge: parts that are there twice, or not at all."""
    yield from (Placed(p.reference, p.message) for p in looked.problems if p.reference not in _JUDGED_ALONE)
    for what, parts in (("UKI", looked.ukis), ("usr image", looked.usr)):
        if len(parts) != 1:
            yield Placed(what, f"there are {len(parts)} of it that can be read, not one")


def _programs(looked: Inspection) -> dict[str, tuple[FoundSignature, ...]]:
    """Signatures of the boot chain's programs by path."""
    found = {uki.path: uki.signatures for uki in looked.ukis}
    return found | {program.path: program.signatures for program in looked.programs}


def _sections(path: Path) -> tuple[str, ...]:
    with open_source(path) as source:
        return tuple(section.name for section in pe.read_program(source).sections)


def _disk_policy(path: Path) -> str:
    with open_source(path) as source:
        return pcr_signature.fault(source)


def _inspect_disk(folder: Path, described: Manifest, scratch: Path) -> Inspection | None:
    """What the disk image holds; None when there is none."""
    for artifact in described.artifacts:
        if artifact.kind is ArtifactKind.DISK and (folder / artifact.path).is_file():
            return inspect(folder / artifact.path, None, scratch)
    return None


def _on_disk(disk: Inspection, built: Inspection) -> Iterator[Placed]:
    """What differs between the disk image and the parts beside it."""
    problems = [problem for problem in disk.problems if problem.reference != "signature-outdated"]
    yield from (Placed(problem.reference, problem.message) for problem in problems)
    hashes, ukis = {usr.root_hash for usr in built.usr}, {uki.sha256 for uki in built.ukis}
    for usr in disk.usr:
        if usr.root_hash not in hashes:
            yield Placed(usr.label, f"its root hash is {usr.root_hash[:12]}, which is not of this build")
    for uki in disk.ukis:
        if uki.sha256 not in ukis:
            yield Placed(uki.path, "this UKI is not that of the build")
    if not disk.usr or not disk.ukis:
        yield Placed("disk image", "it holds no usr image, or no UKI")
    for path in disk.extensions:
        yield Placed(path, "it is added to the UKI, and not of the build")


def _placed(listed: Mapping[str, Listed], say: Callable[[Listed], str]) -> tuple[Placed, ...]:
    return tuple(Placed(path, detail) for path in sorted(listed) if (detail := say(listed[path])))


def _capabilities(entry: Listed) -> str:
    for name, value in entry.attributes:
        if name == "security.capability":
            return ", ".join(capability.of_file(value)) or "none that has a name"
        if name.startswith("?"):
            return "an attribute whose name the image itself abbreviates"
    return ""


def _contents(
    source: Source, listed: Mapping[str, Listed], tools: ToolsTree | None, work: Path
) -> tuple[Contents | None, str]:
    if tools is None:
        return None, "this computer has no tools tree yet, which adamant build makes"
    if any(entry.kind in {Kind.CHARACTER, Kind.BLOCK} for entry in listed.values()):
        return None, "an image with device nodes is not unpacked"
    out = usr_contents.unpack(source, listed, tools, work)
    return contents.read(_tree(listed, out)), ""


def _tree(listed: Mapping[str, Listed], out: Path) -> Tree:
    """The unpacked image as a tree of the running system."""
    found: Tree = {}
    for path, entry in listed.items():
        extent = Extent(str(usr_contents.unpacked(out, listed, path)), 0) if entry.kind is Kind.FILE else None
        made = Entry(
            f"usr/{path}", entry.kind, entry.mode, entry.uid, entry.gid, entry.target, entry.size, extent=extent
        )
        found[made.path] = made
        if path == _FACTORY or path.startswith(f"{_FACTORY}/"):
            place = f"etc{path.removeprefix(_FACTORY)}"
            found[place] = made.moved(place)
    found["usr"] = Entry("usr", Kind.DIRECTORY, 0o755)
    return found


def _editor(folder: Path, described: Manifest) -> bool | None:
    """Whether the boot menu of the disk image has its editor; None without a disk image."""
    for artifact in described.artifacts:
        path = folder / artifact.path
        if artifact.kind is not ArtifactKind.DISK or not path.is_file():
            continue
        with open_source(path) as source:
            disk = qcow2.open_qcow2(source) if qcow2.is_qcow2(source) else source
            for placed in gpt.decode(disk.read, disk.size).partitions:
                if str(placed.type) == layout.ESP_TYPE:
                    found = fat.read_files(disk.part("esp", placed.offset, placed.size)).get(_LOADER)
                    data = found.read(0, min(found.size, limits.CMDLINE_SIZE)) if found else b""
                    return not edits_nothing(data.decode(errors="replace"))
    return None


def edits_nothing(loader: str) -> bool:
    """Whether a loader.conf forbids the editor (loader.conf(5)); without a word on it, sd-boot has one."""
    said = [words[1].lower() for line in loader.splitlines() if len(words := line.split()) > 1 and words[0] == "editor"]
    return bool(said) and said[-1] in ("no", "n", "false", "f", "0", "off")


def _sbom(path: Path | None) -> frozenset[tuple[str, str]] | None:
    if path is None or not path.is_file():
        return None
    return contents.sbom_packages(files.read_limited(path, limits.SBOM_SIZE, "SBOM"))
