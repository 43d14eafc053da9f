"""Two builds of one lock give the same bytes, whoever builds, wherever, whenever, and however busy."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adamant.core import places
from adamant.image import project
from adamant.model.posture import Posture
from adamant.packages import tools
from tests import shifted_clock
from tests.image.conftest import COMMAND, Example, adamant, require_program
from tests.vm import kept_kernel

SHUFFLED = """
import os
import random

random.seed(int(os.environ["SHUFFLE"]))
real_listdir, real_scandir = os.listdir, os.scandir


class Shuffled:
    def __init__(self, found):
        self.found = iter(found)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def __iter__(self):
        return self.found

    def __next__(self):
        return next(self.found)

    def close(self):
        return None


def shuffled(found):
    random.shuffle(found)
    return found


os.listdir = lambda *a: shuffled(real_listdir(*a))
os.scandir = lambda *a: Shuffled(shuffled(list(real_scandir(*a))))
"""

DAYS = 400


@dataclass(frozen=True)
class Circumstances:
    """What differs between two builds."""

    folder: str
    umask: str
    workers: int
    ahead: bool
    environment: dict[str, str] = field(default_factory=dict)
    other_user: bool = False


PLAIN = Circumstances("a", "0022", 1, False, {"LANG": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0", "SHUFFLE": "1"})
STRANGE = Circumstances(
    "a much longer folder, with ünusual names",
    "0077",
    3,
    True,
    {"LANG": "de_DE.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns", "PYTHONHASHSEED": "77", "SHUFFLE": "2"},
    other_user=True,
)


@pytest.fixture(scope="session")
def clock(example: Example, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to lay over /etc, whose ld.so.preload moves the clock; made by the compiler of the tools tree."""
    tree = tools.open_tools(project.read_lock(project.read_project(example.folder)).tools, places.cache())
    folder = tmp_path_factory.mktemp("clock")
    library = shifted_clock.build(tree, DAYS, folder)
    etc = folder / "etc"
    etc.mkdir()
    (etc / "ld.so.preload").write_text(f"{library}\n")
    return etc


def moved(clock: Path) -> str:
    """Shell words after which every loader, that of the host and that of the tools tree, preloads the library."""
    require_program("mount", "mount")
    return f"mount -t overlay overlay -o lowerdir={clock}:/etc /etc && "


def build(locked: Path, home: Path, clock: Path, how: Circumstances) -> Path:
    """Build a copy of all that is in `locked` from the .debs alone: tools and layers are unpacked anew."""
    folder = home / how.folder / "project"
    shutil.copytree(locked, folder)
    cache = home / how.folder / "cache"
    cache.mkdir()
    shutil.copytree(places.cache() / "debs", cache / "debs", copy_function=os.link)
    shuffle = home / how.folder / "shuffle"
    shuffle.mkdir()
    (shuffle / "sitecustomize.py").write_text(SHUFFLED)
    command = moved(clock) if how.ahead else ""
    command += f"umask {how.umask} && exec {'unshare --user' if how.other_user else ''} "
    command += f"{' '.join(COMMAND)} build --workers {how.workers} -C ."
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "ADAMANT_CACHE": str(cache),
            "PYTHONPATH": str(shuffle),
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


@pytest.fixture(params=list(Posture))
def in_posture(request: pytest.FixtureRequest, example: Example, tmp_path: Path) -> Path:
    """The folder of the example, locked, with the one word of its definition changed that says its posture.

    The sealed one has a kernel of its own, in the folder: it is as sealed is meant.
    """
    folder = tmp_path / "locked"
    folder.mkdir()
    text = (example.folder / "adamant.yaml").read_text()
    assert text.count("posture: guarded ") == 1
    text = text.replace("posture: guarded ", f"posture: {request.param.value} ")
    if request.param is Posture.SEALED:
        assert text.count("flavour: cloud ") == 1
        text = text.replace("flavour: cloud ", "own: ./kernel ")
        shutil.copytree(kept_kernel.kernel(tmp_path).folder, folder / "kernel")
    (folder / "adamant.yaml").write_text(text)
    adamant("lock", "-C", folder)
    return folder


def test_builds_under_strange_circumstances_give_the_same_bytes(in_posture: Path, tmp_path: Path, clock: Path) -> None:
    one = build(in_posture, tmp_path / "1", clock, PLAIN)
    other = build(in_posture, tmp_path / "2", clock, STRANGE)
    names = sorted(p.name for p in one.iterdir())
    assert names == sorted(p.name for p in other.iterdir())
    assert {"usr.erofs", "usr.verity", "disk.raw", "manifest.json", "sbom.spdx.json"} < set(names)
    for name in names:
        same = (one / name).read_bytes() == (other / name).read_bytes()
        assert same, f"{name} differs\n{show_difference(one / name, other / name)}"
        assert (one / name).stat().st_mode & 0o7777 == 0o644 == (other / name).stat().st_mode & 0o7777


def test_the_clock_and_the_user_are_really_others(clock: Path) -> None:
    """The test above would prove nothing if its tricks had no effect."""
    command = f"{moved(clock)}exec unshare --user {sys.executable} -c "
    command += "'import os, time; print(os.getuid(), int(time.time()))'"
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command], capture_output=True, text=True, check=True
    )
    uid, seconds = (int(word) for word in done.stdout.split())
    assert uid == 65534
    assert seconds > time.time() + (DAYS - 1) * 86400
