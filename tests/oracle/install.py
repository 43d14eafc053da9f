"""The same .debs, installed by mmdebstrap and dpkg with all their scripts, from a repository made of them alone."""

import gzip
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from adamant.model.digest import Sha256
from adamant.model.lock import Package
from adamant.packages.layer import Layer
from tests.image.conftest import require_program
from tests.unit.deb_maker import ar, rows, tar

SUITE = "trixie"
PROVIDER = "oracle-provider"
"""A package of the test's own: it provides what an image has from Adamant, so that nothing more is installed."""

_PROVIDER_FIELDS = {
    "Package": PROVIDER,
    "Version": "1",
    "Architecture": "all",
    "Provides": "linux-initramfs-tool",
    "Maintainer": "nobody",
    "Description": "what an image has from Adamant",
}


def write_repository(folder: Path, layers: Sequence[Layer], debs: Mapping[Sha256, Path]) -> None:
    """A flat repository (deb-src-control paragraphs and the files) of the layers' packages and the provider."""
    folder.mkdir()
    index: list[str] = []
    for layer in layers:
        name = f"{layer.package.name}_{layer.package.architecture}.deb"
        shutil.copyfile(debs[Sha256(layer.package.sha256)], folder / name)
        index.append(_paragraph(layer.control, layer.package, name))
    provider = _provider()
    (folder / f"{PROVIDER}.deb").write_bytes(provider)
    digest = hashlib.sha256(provider).hexdigest()
    package = Package(PROVIDER, "1", "all", PROVIDER, "1", "trixie", "", len(provider), digest)
    index.append(_paragraph(_PROVIDER_FIELDS, package, f"{PROVIDER}.deb"))
    packages = "\n".join(index).encode()
    (folder / "Packages").write_bytes(packages)
    digest = hashlib.sha256(packages).hexdigest()
    # mmdebstrap looks for essential packages of the suite by name, so the repository must say that it is that suite.
    (folder / "Release").write_text(
        f"Suite: {SUITE}\nCodename: {SUITE}\nDate: Thu, 01 Jan 1970 00:00:00 UTC\n"
        f"SHA256:\n {digest} {len(packages)} Packages\n"
    )


def _provider() -> bytes:
    control = "".join(f"{field}: {value}\n" for field, value in _PROVIDER_FIELDS.items()).encode()
    members = [("control.tar.gz", gzip.compress(tar(rows([("./control", control)])), mtime=0))]
    return ar([("debian-binary", b"2.0\n"), *members, ("data.tar.gz", gzip.compress(tar([]), mtime=0))])


def _paragraph(control: Mapping[str, str], package: Package, name: str) -> str:
    folded = {field: value.replace("\n", "\n ") for field, value in control.items()}
    more = {"Filename": f"./{name}", "Size": str(package.size), "SHA256": package.sha256}
    return "".join(f"{field}: {value}\n" for field, value in {**folded, **more}.items())


def install(repository: Path, names: Sequence[str], arch: str, out: Path) -> None:
    """Let mmdebstrap install `names` and all Essential packages of the repository into the folder `out`."""
    mode = "root" if os.geteuid() == 0 else "unshare"
    command = [
        require_program("mmdebstrap", "mmdebstrap"),
        f"--mode={mode}",
        "--variant=essential",
        f"--architectures={arch}",
        f"--include={','.join([*names, PROVIDER])}",
        "--aptopt=APT::Install-Recommends false",
        SUITE,
        str(out),
        f"deb [trusted=yes] copy:{repository} ./",
    ]
    done = subprocess.run(
        command,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "0", "HOME": "/root"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-8000:]
