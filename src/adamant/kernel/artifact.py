"""A kernel's artifact as a folder: written once from what a build left, read back with every byte in doubt.

`modules.tar` is an uncompressed tar of `usr/lib/modules/RELEASE`, sorted and without times: a composed image takes
contents from it where they lie (`model.tree.Extent`). A reader takes nothing from a folder that the manifest does not
name, and nothing from the archive but files and folders below that path.
"""

import os
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography import x509

from adamant.compose import entries
from adamant.compose.tar import write_tar
from adamant.core import files, limits
from adamant.kernel import signature
from adamant.model.digest import Identity, Sha256, sha256
from adamant.model.errors import AdamantError, InputError, VerificationError
from adamant.model.kernel import artifact, config, hardening
from adamant.model.kernel.artifact import KernelFile, KernelManifest, KernelModule, Reason
from adamant.model.kernel.definition import OwnKernel
from adamant.model.tree import Entry, Extent, Kind, Tree

ROOT = "usr/lib/modules"
_PEM = b"PRIVATE KEY-----"
_OWN = "updates/"
_LICENSE = re.compile(rb"\0license=([^\0]{1,200})\0")
"""What MODULE_LICENSE puts into a module (Linux, include/linux/module.h)."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Kernel:
    """An artifact: the folder (absolute) and its manifest, whose digest is its own. Files are not checked yet."""

    folder: Path
    manifest: KernelManifest

    def path(self, name: str) -> Path:
        """One of its files."""
        return self.folder / name


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check found: how many modules were signed by the kernel's key, and what is wrong."""

    modules: int
    problems: tuple[VerificationError, ...]


def read(folder: Path) -> Kernel:
    """The artifact in `folder`. Raises InputError kernel-missing, or VerificationError."""
    path = folder / artifact.MANIFEST
    if not path.is_file():
        raise InputError("kernel-missing", f"there is no kernel in {folder}", hint="adamant kernel list names them")
    data = files.read_limited(path, limits.MANIFEST_SIZE, "kernel's manifest")
    return Kernel(folder.resolve(), artifact.decode(data))


def require_files(kernel: Kernel) -> None:
    """Raise VerificationError kernel-file-changed unless each file is there as the manifest says."""
    for file in kernel.manifest.files:
        path = kernel.path(file.path)
        if path.is_symlink() or not path.is_file():
            raise VerificationError("kernel-file-changed", f"{file.path} of the kernel is missing")
        if path.stat().st_size != file.size or files.sha256_file(path) != file.sha256:
            raise VerificationError(
                "kernel-file-changed",
                f"{file.path} of the kernel is not what its manifest says",
                hint="build the kernel again, or take it from where it came from",
            )


def modules_tree(release: str, archive: Path) -> Tree:
    """The files of a `modules.tar`, whose contents stay there. Raises VerificationError kernel-modules-archive."""
    tree: Tree = {}
    top = f"{ROOT}/{release}"
    try:
        with archive.open("rb") as source, tarfile.open(fileobj=source, mode="r:") as tar:
            for member in tar:
                path = member.name.removeprefix("./").rstrip("/")
                if member.isdir() and (path in {"", "."} or f"{top}/".startswith(f"{path}/")):
                    continue
                if not path.startswith(f"{top}/") or any(part in {"", ".", ".."} for part in path.split("/")):
                    raise _archive(f"it holds the path {path[:120]!r}")
                if path in tree or len(tree) > limits.DEB_ENTRIES:
                    raise _archive(f"{path[:120]!r} stands in it twice, or it has too many paths")
                if member.isdir():
                    tree[path] = Entry(path, Kind.DIRECTORY, 0o755)
                elif member.isreg() and not member.issparse():
                    tree[path] = _entry(path, member, source.fileno(), archive)
                else:
                    raise _archive(f"{path[:120]!r} is neither file nor folder")
    except (tarfile.TarError, OSError, ValueError, OverflowError, UnicodeError) as error:
        raise _archive(str(error)) from error
    return tree


def _entry(path: str, member: tarfile.TarInfo, fd: int, archive: Path) -> Entry:
    if not 0 <= member.size <= limits.MODULE_SIZE:
        raise _archive(f"{path[:120]!r} is too large")
    data = os.pread(fd, member.size, member.offset_data)
    if len(data) != member.size:
        raise _archive("it ends early")
    extent = Extent(str(archive), member.offset_data)
    return Entry(path, Kind.FILE, 0o644, size=member.size, sha256=sha256(data), extent=extent)


def _archive(why: str) -> VerificationError:
    return VerificationError("kernel-modules-archive", f"the archive of the kernel's modules is not sound: {why}")


def tree_of(kernel: Kernel) -> Tree:
    """The kernel as files of an image: as Debian's package has them, `boot/vmlinuz-RELEASE` with the modules.

    Raises VerificationError when a file or a module is not what the manifest says.
    """
    require_files(kernel)
    release = kernel.manifest.release
    tree = modules_tree(release, kernel.path(artifact.MODULES))
    _require_modules(kernel, tree)
    image = _file(f"boot/vmlinuz-{release}", kernel.path(artifact.VMLINUZ))
    config = _file(f"boot/config-{release}", kernel.path(artifact.CONFIG))
    return {**tree, image.path: image, config.path: config}


def _file(path: str, place: Path) -> Entry:
    size = place.stat().st_size
    return Entry(path, Kind.FILE, 0o644, size=size, sha256=files.sha256_file(place), extent=Extent(str(place), 0))


def _require_modules(kernel: Kernel, tree: Tree) -> None:
    top = f"{ROOT}/{kernel.manifest.release}/"
    there = {path.removeprefix(top): entry.sha256 for path, entry in tree.items() if path.endswith(".ko")}
    if there != {module.path: module.sha256 for module in kernel.manifest.modules}:
        raise _archive("its modules are not those of the manifest")


def verify(kernel: Kernel) -> Verified:
    """Check every byte: digests, the signature of each module by the kernel's certificate, that no key is there.

    Nothing is raised for what is wrong: all of it is in the answer.
    """
    problems: list[VerificationError] = []

    def sound(check: Callable[..., None], *arguments: object) -> bool:
        try:
            check(*arguments)
        except VerificationError as error:
            problems.append(error)
            return False
        return True

    for name in sorted(p.name for p in kernel.folder.iterdir() if p.name not in {artifact.MANIFEST, *artifact.FILES}):
        problems.append(VerificationError("kernel-file-strange", f"the folder holds {name[:80]!r}, as no kernel does"))
    if not sound(require_files, kernel):
        return Verified(0, tuple(problems))
    try:
        tree = modules_tree(kernel.manifest.release, kernel.path(artifact.MODULES))
        certificate = signature.certificate_of(kernel.path(artifact.CERTIFICATE).read_bytes())
    except VerificationError as error:
        return Verified(0, (*problems, error))
    sound(_require_modules, kernel, tree)
    modules = [entry for entry in tree.values() if entry.path.endswith(".ko")]
    good = sum(sound(_check_module, entry, certificate) for entry in modules)
    sound(_require_in_kernel, kernel)
    for name in (artifact.MANIFEST, *artifact.FILES):
        sound(_require_no_key, kernel.path(name))
    return Verified(good, tuple(problems))


def _check_module(entry: Entry, certificate: x509.Certificate) -> None:
    try:
        signature.check(entries.read(entry), certificate)
    except VerificationError as error:
        name = entry.path.rpartition("/")[2]
        raise VerificationError(error.reference, f"{name}: {error.message}", hint=error.hint) from error


def _require_in_kernel(kernel: Kernel) -> None:
    """The config asks for signatures of all modules, and says so in the artifact's own file."""
    text = kernel.path(artifact.CONFIG).read_text(errors="replace")
    options = config.parse(text, artifact.CONFIG).options
    wrong = [option for option, value in hardening.required().items() if options.get(option, "n") != value]
    if wrong:
        raise VerificationError("kernel-open", f"the config does not keep foreign code out: {', '.join(wrong)}")


def _require_no_key(path: Path) -> None:
    with path.open("rb") as source:
        before = b""
        while piece := source.read(_CHUNK):
            if _PEM in before + piece:
                raise VerificationError("kernel-key-found", f"{path.name} holds a private key")
            before = piece[-len(_PEM) :]


@dataclass(frozen=True, slots=True)
class Made:
    """What a build left. `root` is the folder that `usr/lib/modules` (or `lib/modules`) of one release lies in."""

    root: Path
    vmlinuz: Path
    config: Path
    certificate: Path
    lock: bytes


def write(made: Made, about: "About", out: Path) -> KernelManifest:
    """Fill the empty folder `out`, and check what is there as any reader would. Returns the manifest.

    Raises VerificationError when what the build left is not a whole kernel, and write errors.
    """
    release = release_of(made.root)
    tree = _tree_of_folder(made.root / "lib/modules" / release, release)
    for name, source in (
        (artifact.VMLINUZ, made.vmlinuz),
        (artifact.CONFIG, made.config),
        (artifact.CERTIFICATE, made.certificate),
    ):
        files.copy_file(source, out / name)
    (out / artifact.LOCK).write_bytes(made.lock)
    with (out / artifact.MODULES).open("xb", buffering=0) as archive:
        write_tar(tree, archive.fileno())
    top = f"{ROOT}/{release}/"
    modules = tuple(
        KernelModule(path.removeprefix(top), entry.size, entry.sha256 or "", path.removeprefix(top).startswith(_OWN))
        for path, entry in sorted(tree.items())
        if path.endswith(".ko")
    )
    final = config.parse(made.config.read_text(), artifact.CONFIG).options
    judged = hardening.judge(about.kernel.arch, final, about.accepted)
    (out / artifact.SBOM).write_bytes(about.sbom(release, _licenses(tree, f"{top}{_OWN}")))
    subjects = {name: files.sha256_file(out / name) for name in artifact.FILES if name != artifact.PROVENANCE}
    (out / artifact.PROVENANCE).write_bytes(about.statement(subjects))
    manifest = KernelManifest(
        name=about.kernel.name,
        version=about.kernel.version,
        arch=about.kernel.arch,
        release=release,
        linux=about.linux,
        inputs=about.inputs,
        digest="0" * 64,
        files=tuple(
            KernelFile(name, (out / name).stat().st_size, files.sha256_file(out / name)) for name in artifact.FILES
        ),
        modules=modules,
        hardened=sum(1 for j in judged if j.state is hardening.State.MET),
        asked=len(judged),
        off=tuple(Reason(j.ask.option, j.reason) for j in judged if j.state is not hardening.State.MET),
    )
    manifest = msgspec.structs.replace(manifest, digest=artifact.digest_of(manifest))
    for path in out.iterdir():
        path.chmod(0o644)
    files.write_atomic(out / artifact.MANIFEST, artifact.encode(manifest))
    found = verify(Kernel(out, manifest))
    if found.problems:
        raise found.problems[0]
    return manifest


@dataclass(frozen=True, slots=True)
class About:
    """What the build knows of a kernel besides the files: the definition, its inputs, and how documents are made."""

    kernel: OwnKernel
    linux: str
    inputs: Identity
    sbom: Callable[[str, Mapping[str, str]], bytes]
    """Of the release, and what own modules say of their license, by the module's name in the definition."""
    statement: Callable[[dict[str, Sha256]], bytes]

    @property
    def accepted(self) -> dict[str, str]:
        """Reasons of the definition, by option."""
        return {one.option: one.reason for one in self.kernel.accept}


def _licenses(tree: Tree, top: str) -> dict[str, str]:
    """What the modules below `top` say, by the folder that they lie in."""
    found: dict[str, set[str]] = {}
    for path, entry in tree.items():
        if path.startswith(top) and path.endswith(".ko"):
            said = {one.decode("utf-8", "replace") for one in _LICENSE.findall(entries.read(entry))}
            found.setdefault(path.removeprefix(top).split("/")[0], set()).update(said)
    return {name: ", ".join(sorted(said)) for name, said in found.items() if said}


def release_of(root: Path) -> str:
    """The one release that `lib/modules` of a build has. Raises AdamantError kernel-release."""
    home = root / "lib/modules"
    found = sorted(p.name for p in home.iterdir()) if home.is_dir() else []
    if len(found) != 1:
        raise AdamantError("kernel-release", f"the build left modules of {len(found)} kernels, and one is wanted")
    return found[0]


def _tree_of_folder(folder: Path, release: str) -> Tree:
    """What modules_install left, as the tree of an image. Links and folders without files are left out."""
    tree: Tree = {}
    for home, names, plain in os.walk(folder):
        names.sort()
        for name in plain:
            place = Path(home, name)
            if place.is_symlink():
                continue  # `build` leads to the folder of the build
            path = f"{ROOT}/{release}/{place.relative_to(folder).as_posix()}"
            entry = entries.stored(path, place)
            tree[path] = entry
            parent = path.rpartition("/")[0]
            while parent != f"{ROOT}/{release}" and parent not in tree:
                tree[parent] = entries.directory(parent)
                parent = parent.rpartition("/")[0]
    for parent in (f"{ROOT}/{release}", ROOT, "usr/lib", "usr"):
        tree[parent] = entries.directory(parent)
    return tree
