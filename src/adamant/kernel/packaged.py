"""Own modules of Debian's `-dkms` packages: their sources out of the locked package, and what dkms.conf wants of them.

The package's files are read from the .deb that the lock names, never from this computer. Its dkms.conf is parsed, not
run; the commands in it run in the sandbox of the build (data/recipe/packaged.sh), where they do not see the key.
"""

from dataclasses import dataclass
from pathlib import Path

from adamant.core import limits, proc
from adamant.kernel import sandbox, sources
from adamant.kernel.sources import File
from adamant.model.digest import Sha256
from adamant.model.errors import InputError
from adamant.model.kernel import dkms
from adamant.model.kernel.config import Config
from adamant.model.kernel.dkms import Conf
from adamant.model.lock import Package
from adamant.model.tree import Kind
from adamant.packages.deb import open_deb
from adamant.packages.tools import ToolsTree

_TOP = "usr/src/"
_CONF = "dkms.conf"


@dataclass(frozen=True, slots=True)
class Packaged:
    """The sources of a package: the name of their folder in `usr/src`, and the files in it, dkms.conf among them."""

    package: Package
    folder: str
    files: tuple[File, ...]


def read(package: Package, deb: Path) -> Packaged:
    """The sources that a package ships; links (to its documentation, mostly) are left out.

    Raises InputError kernel-dkms-source, or VerificationError for a package that is not sound.
    """
    found: dict[str, tuple[int, bytes]] = {}
    left = limits.KERNEL_MODULE_SOURCE
    with open_deb(deb, Sha256(package.sha256)) as opened:
        for entry, contents in opened.data:
            if not entry.path.startswith(_TOP) or entry.kind in {Kind.DIRECTORY, Kind.SYMLINK}:
                continue
            if entry.kind is not Kind.FILE:
                raise _wrong(package, f"ships {entry.path}, which is neither file, folder nor link")
            left -= entry.size
            if left < 0 or len(found) >= limits.KERNEL_MODULE_FILES:
                raise _wrong(package, "is larger than the source of a module may be")
            found[entry.path.removeprefix(_TOP)] = (0o755 if entry.mode & 0o100 else 0o644, b"".join(contents))
    folders = [path.removesuffix(f"/{_CONF}") for path in found if path.endswith(f"/{_CONF}") and path.count("/") == 1]
    if len(folders) != 1:
        raise _wrong(package, f"has {len(folders)} folders with a {_CONF} in /{_TOP}, and one is wanted")
    top = f"{folders[0]}/"
    files = sorted((path.removeprefix(top), *rest) for path, rest in found.items() if path.startswith(top))
    return Packaged(package, folders[0], tuple(files))


def conf_of(packaged: Packaged, tree: str, kernel: str, release: str, machine: str) -> Conf:
    """What its dkms.conf says, for the build's folders as the sandbox names them: see dkms.parse.

    Raises InputError kernel-dkms-conf.
    """
    name = packaged.package.name
    data = next(data for path, _, data in packaged.files if path == _CONF)
    if len(data) > limits.KERNEL_DKMS_CONF:
        raise _wrong(packaged.package, f"has a {_CONF} of more than {limits.KERNEL_DKMS_CONF} bytes")
    given = {dkms.TREE: tree, dkms.KERNEL: kernel, dkms.RELEASE: release, dkms.ARCH: machine, "source_tree": f"/{_TOP}"}
    conf = dkms.parse(data.decode(errors="replace"), name, given)
    if packaged.folder != f"{conf.name}-{conf.version}":
        raise _wrong(packaged.package, f"has {conf.name} {conf.version} in /{_TOP}{packaged.folder}")
    return conf


def require_fitting(
    packaged: Packaged, conf: Conf, release: str, machine: str, config: Config, toolchain: ToolsTree
) -> None:
    """Raise InputError kernel-dkms-excluded when the package says that it is not for this kernel."""

    def matches(pattern: str, text: str) -> bool:
        command = ("sh", "-c", 'printf "%s\\n" "$2" | grep -Eq -e "$1"', "sh", pattern, text)
        argv = sandbox.argv(toolchain, (), command, seconds=limits.PROBE_SECONDS)
        ran = proc.run("match the kernel's release", argv, check=False, seconds=limits.PROBE_SECONDS)
        return ran.code == 0

    reasons = dkms.excluded(conf, release, machine, config, matches)
    if reasons:
        raise InputError(
            "kernel-dkms-excluded",
            f"the modules of {packaged.package.name} are not for this kernel",
            context="\n".join(reasons),
            hint="the lines are of its dkms.conf: set the options in a fragment, or leave the package out",
        )


def stage(packaged: Packaged, conf: Conf, name: str, modules: Path, orders: Path) -> None:
    """Write the sources to the new folder `modules/NAME`, and what packaged.sh is to do to `orders/NAME`."""
    build = f"{name}/{conf.name}/{conf.version}/build"
    sources.write(list(packaged.files), modules / build)
    home = orders / name
    home.mkdir(parents=True)
    for file, text in {
        "build": f"/modules/{build}",
        "make": conf.make,
        "pre-build": conf.pre_build,
        "modules": "\n".join(conf.modules),
    }.items():
        (home / file).write_text(f"{text}\n")


def _wrong(package: Package, why: str) -> InputError:
    return InputError(
        "kernel-dkms-source",
        f"the package {package.name} {why}",
        hint="put its sources into a folder beside the definition, and name the folder as the module's source",
    )
