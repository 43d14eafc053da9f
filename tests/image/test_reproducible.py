"""Two builds of one lock give the same bytes, whoever builds, wherever, whenever, and however busy."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adamant.core import places
from adamant.model.arch import NAMES, host_arch
from adamant.model.definition import Base
from adamant.packages import fetch, mirror
from adamant.packages.apt import Apt
from adamant.packages.layer import unpack_layers
from tests.image.conftest import COMMAND, Example

SHUFFLED = """
import os
import random

random.seed(int(os.environ["SHUFFLE"]))
real_listdir, real_scandir = os.listdir, os.scandir


class Shuffled:
    def __init__(self, found):
        self.found = found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def __iter__(self):
        return iter(self.found)

    def __next__(self):
        return self.found.pop()

    def close(self):
        return None


def shuffled(found):
    random.shuffle(found)
    return found


os.listdir = lambda *a: shuffled(real_listdir(*a))
os.scandir = lambda *a: Shuffled(shuffled(list(real_scandir(*a))))
"""


@dataclass(frozen=True)
class Circumstances:
    """What differs between two builds."""

    folder: str
    umask: str
    workers: int
    days: int
    environment: dict[str, str] = field(default_factory=dict)
    other_user: bool = False


PLAIN = Circumstances("a", "0022", 1, 0, {"LANG": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0", "SHUFFLE": "1"})
STRANGE = Circumstances(
    "a much longer folder, with ünusual names",
    "0077",
    3,
    400,
    {"LANG": "de_DE.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns", "PYTHONHASHSEED": "77", "SHUFFLE": "2"},
    other_user=True,
)


@pytest.fixture(scope="session")
def faketime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's libfaketime, through our own solver and layers."""
    arch = host_arch(os.uname().machine)
    apt = Apt(arch, Base(), mirror.find(), places.cache())
    apt.update()
    packages = [p for p in apt.solve(["libfaketime"]).packages if p.name == "libfaketime"]
    layers = unpack_layers(packages, fetch.fetch(packages, places.cache()), places.cache())
    wanted = f"usr/lib/{NAMES[arch].triplet}/faketime/libfaketime.so.1"
    entry = next(e for e in layers[0].entries if e.path == wanted)
    assert entry.extent is not None
    library = tmp_path_factory.mktemp("faketime") / "libfaketime.so.1"
    with Path(entry.extent.path).open("rb") as segment:
        segment.seek(entry.extent.offset)
        library.write_bytes(segment.read(entry.size))
    return library


def build(example: Example, home: Path, faketime: Path, how: Circumstances) -> Path:
    """Build a copy of the example from the .debs alone: tools and layers are unpacked anew."""
    folder = home / how.folder / "project"
    folder.mkdir(parents=True)
    for name in ("adamant.yaml", "adamant.lock"):
        shutil.copy(example.folder / name, folder / name)
    cache = home / how.folder / "cache"
    cache.mkdir()
    shutil.copytree(places.cache() / "debs", cache / "debs", copy_function=os.link)
    shuffle = home / how.folder / "shuffle"
    shuffle.mkdir()
    (shuffle / "sitecustomize.py").write_text(SHUFFLED)
    (home / "preload").write_text(f"{faketime}\n")
    prelude = "mount --bind /dev/null /etc/ld.so.preload 2>/dev/null || :; "
    if how.days:
        # The loader reads this file for every program, also for those of the tools tree.
        prelude = f"touch /etc/ld.so.preload; mount --bind '{home}/preload' /etc/ld.so.preload; "
    user = "unshare --user" if how.other_user else ""
    command = f"{prelude}umask {how.umask}; exec {user} {' '.join(COMMAND)} build --workers {how.workers} -C ."
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "ADAMANT_CACHE": str(cache),
            "PYTHONPATH": str(shuffle),
            "FAKETIME": f"+{how.days}d",
            **how.environment,
        },
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (output,) = (p for p in (folder / "out").iterdir() if not p.name.startswith("."))
    return output


def show_difference(one: Path, other: Path) -> str:
    """What differs, by diffoscope where it is or can be installed."""
    if shutil.which("diffoscope") is None and os.geteuid() == 0:
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "diffoscope-minimal"]
        subprocess.run(install, capture_output=True, check=False)
    if shutil.which("diffoscope") is None:
        return "diffoscope is not installed; run it on the two folders"
    command = ["diffoscope", "--text", "-", "--max-text-report-size", "20000", str(one), str(other)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600).stdout


def test_builds_under_strange_circumstances_give_the_same_bytes(
    example: Example, tmp_path: Path, faketime: Path
) -> None:
    one = build(example, tmp_path / "1", faketime, PLAIN)
    other = build(example, tmp_path / "2", faketime, STRANGE)
    names = sorted(p.name for p in one.iterdir())
    assert names == sorted(p.name for p in other.iterdir())
    assert {"usr.erofs", "usr.verity", "disk.raw", "manifest.json", "sbom.spdx.json"} < set(names)
    for name in names:
        same = (one / name).read_bytes() == (other / name).read_bytes()
        assert same, f"{name} differs\n{show_difference(one / name, other / name)}"
        assert (one / name).stat().st_mode & 0o7777 == 0o644 == (other / name).stat().st_mode & 0o7777


def test_the_clock_was_really_moved(tmp_path: Path, faketime: Path) -> None:
    """The test above would prove nothing if its tricks had no effect."""
    (tmp_path / "preload").write_text(f"{faketime}\n")
    command = f"touch /etc/ld.so.preload; mount --bind '{tmp_path}/preload' /etc/ld.so.preload; " + (
        f"exec unshare --user {sys.executable} -c 'import os, time; print(os.getuid(), int(time.time()))'"
    )
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command],
        env={"PATH": os.environ["PATH"], "FAKETIME": "+400d"},
        capture_output=True,
        text=True,
        check=True,
    )
    uid, seconds = (int(word) for word in done.stdout.split())
    import time

    assert uid == 65534
    assert seconds > time.time() + 399 * 86400
