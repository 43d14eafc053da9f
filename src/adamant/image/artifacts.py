"""What a build leaves in its output folder: signed programs, disk images, SBOM, manifest, digests.

Signatures are attached here and nowhere before, so everything that the steps made is the same bytes for every builder.
"""

import dataclasses
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from adamant.compose import sbom
from adamant.core import files, pe
from adamant.core.source import open_source
from adamant.image import disk, esp, measured, pcr_signature, root, signing, verity
from adamant.image.keys import SigningPair
from adamant.image.uki import UkiParts, make_uki
from adamant.model import derive, manifest, pcr
from adamant.model.definition import Image, OutputFormat, parse_size
from adamant.model.digest import Identity, Sha256, sha256
from adamant.model.errors import AdamantError
from adamant.model.layout import BLOCK
from adamant.model.lock import Package
from adamant.model.manifest import Artifact, ArtifactKind, Manifest
from adamant.model.measured import MeasuredBoot, MeasuredKeys, predict
from adamant.model.posture import RULES
from adamant.packages.tools import ToolsTree

USR, VERITY, RAW, QCOW2 = "usr.erofs", "usr.verity", "disk.raw", "disk.qcow2"
MANIFEST, SUMS, SBOM = "manifest.json", "SHA256SUMS", "sbom.spdx.json"

_KINDS = {
    ".erofs": ArtifactKind.USR,
    ".verity": ArtifactKind.VERITY,
    ".efi": ArtifactKind.UKI,
    ".raw": ArtifactKind.DISK,
    ".qcow2": ArtifactKind.DISK,
    ".json": ArtifactKind.SBOM,
}
_SIGNED = Sha256("")
"""A disk image with signed programs has no digest that another builder could come to."""


@dataclass(frozen=True, slots=True)
class Made:
    """What the steps of a build made. `usr`, `verity`, `uki` and `loader` are files, the latter two unsigned.

    `parts` are what `uki` was made of, since it is made again with signatures in it: that of the value that it is
    measured as, and that of the boot loader.
    `kernel` is the kernel's release, `own` what there is to say of it when it is a person's own. `steps` are the
    identities of the steps by name. `enrolment` are the keys for a firmware in setup mode, `keys` what a TPM measures
    of a firmware that has them.
    """

    usr: Path
    verity: Path
    uki: Path
    loader: Path
    kernel: str
    command_line: str
    steps: Mapping[str, Identity]
    parts: UkiParts
    own: sbom.OwnKernel | None = None
    enrolment: esp.Enrolment | None = None
    keys: tuple[MeasuredKeys, ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs: `pair` EFI programs, `policy` the values of PCR 11 that open an encrypted disk. None: not signed."""

    pair: SigningPair | None
    policy: rsa.RSAPrivateKey | None


def write(
    image: Image,
    packages: tuple[Package, ...],
    made: Made,
    keys: Keys,
    tools: ToolsTree,
    out: Path,
    *,
    workers: int = 2,
) -> None:
    """Fill the folder `out`, signed with those of `keys` that are there.

    Raises InputError slot-too-small, esp-too-small, and what signing raises.
    """
    efi, pair = out / f"{image.name}_{image.version}.efi", keys.pair
    with files.work_folder(out.parent, "disk") as work, ThreadPoolExecutor(max(1, workers)) as pool:

        def copies() -> dict[str, Sha256]:
            files.copy_file(made.usr, out / USR)
            files.copy_file(made.verity, out / VERITY)
            (out / SBOM).write_bytes(sbom.make(image.name, image.version, packages, made.own))
            return _digests(out / USR, out / VERITY, out / SBOM)

        def bootable() -> dict[str, Sha256]:
            _sign(program, pair, tools, efi)
            disks = _write_disks(image, made, efi, loader, tools, out, work)
            return _digests(efi, *disks)

        copied = pool.submit(copies)
        loader = work / "loader.efi"
        _sign(made.loader, pair, tools, loader)
        program = _complete(made, keys, loader, tools, work)
        digests = bootable() | copied.result()
        with open_source(program) as uki_source, open_source(made.loader) as loader_source:
            measured_boot = measured.measure(uki_source, loader_source, made.keys)
    unsigned = {efi.name: files.sha256_file(made.uki)}
    if pair is not None or keys.policy is not None:
        unsigned |= {RAW: _SIGNED, QCOW2: _SIGNED}
    _describe(image, len(packages), made, digests, unsigned, measured_boot, out)


def _complete(made: Made, keys: Keys, loader: Path, tools: ToolsTree, work: Path) -> Path:
    """The UKI once more, with the signatures that go into it: of its value of PCR 11, and of the boot loader.

    Neither section is part of the value. It is `made.uki` when nothing signs.
    """
    if keys.pair is None and keys.policy is None:
        return made.uki
    with open_source(made.uki) as source:
        value = predict(measured.measured_sections(source))
    parts = made.parts
    if keys.policy is not None:
        parts = dataclasses.replace(parts, pcr_signature=work / "pcr-signature.json")
        signed = pcr_signature.sign(bytes.fromhex(value[str(pcr.KERNEL)]), keys.policy)
        (work / "pcr-signature.json").write_bytes(signed)
    if keys.pair is not None:
        parts = dataclasses.replace(parts, loader_signature=work / "loader-signature")
        with open_source(loader) as source:
            (work / "loader-signature").write_bytes(pe.signatures(source)[0])
    out = work / "complete.efi"
    make_uki(parts, tools, out)
    with open_source(out) as source:
        if predict(measured.measured_sections(source)) != value:
            raise AdamantError("measured-boot-differs", "the signatures in the UKI change what the TPM measures of it")
    return out


def _digests(*paths: Path) -> dict[str, Sha256]:
    return {path.name: files.sha256_file(path) for path in paths}


def _sign(unsigned: Path, pair: SigningPair | None, tools: ToolsTree, out: Path) -> None:
    if pair is None:
        files.copy_file(unsigned, out)
    else:
        signing.sign_efi(unsigned, pair, tools, out)


def _write_disks(
    image: Image, made: Made, efi: Path, loader: Path, tools: ToolsTree, out: Path, work: Path
) -> list[Path]:
    """The disk images that the definition asks for, in `out`."""
    release, esp_size = f"{image.name}_{image.version}", parse_size(image.disk.esp)
    contents = esp.contents(image.arch, release, loader, efi, work, made.enrolment)
    esp.make_esp(contents, esp_size, derive.volume_id(image.name, image.version), tools, work / "esp")
    kept = work / "root" if RULES[image.posture].persistent_root else None
    if kept is not None:
        root.make_root(derive.guid("root", image.name, image.version, image.arch.value), tools, kept)
    parts = disk.DiskParts(
        arch=image.arch,
        name=image.name,
        version=image.version,
        esp_size=esp_size,
        slot_size=parse_size(image.disk.slot),
        esp=work / "esp",
        usr=made.usr,
        verity=made.verity,
        root=kept,
    )
    raw = out / RAW if OutputFormat.RAW in image.outputs else work / RAW
    disk.make_disk(parts, raw)
    if OutputFormat.QCOW2 in image.outputs:
        disk.make_qcow2(raw, tools, out / QCOW2)
    return [path for path in (out / RAW, out / QCOW2) if path.exists()]


def _describe(
    image: Image,
    packages: int,
    made: Made,
    digests: dict[str, Sha256],
    unsigned: Mapping[str, Sha256],
    measured_boot: MeasuredBoot,
    out: Path,
) -> None:
    """Write the manifest, and the digests of all that is there."""
    artifacts = [
        Artifact(_KINDS[Path(name).suffix], name, (out / name).stat().st_size, digest, unsigned.get(name, digest))
        for name, digest in sorted(digests.items())
    ]
    found = Manifest(
        name=image.name,
        version=image.version,
        arch=image.arch,
        posture=image.posture,
        profile=image.profile,
        kernel=made.kernel,
        command_line=made.command_line,
        root_hash=verity.read_root_hash(made.verity),
        salt=derive.salt(image.name),
        data_blocks=made.usr.stat().st_size // BLOCK,
        packages=packages,
        artifacts=tuple(artifacts),
        steps=dict(sorted(made.steps.items())),
        measured=measured_boot,
    )
    encoded = manifest.encode(found)
    (out / MANIFEST).write_bytes(encoded)
    digests[MANIFEST] = sha256(encoded)
    (out / SUMS).write_text("".join(f"{digests[name]}  {name}\n" for name in sorted(digests)))
