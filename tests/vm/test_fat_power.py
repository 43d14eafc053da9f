"""Power that goes at any moment while the ESP is written: a boot loader is brought, releases come, count and go.

A small machine does that, which has the kernel and nothing of an image but the node's code; QEMU keeps every write to
its disk in order. Each disk that a cut could have left is looked at, and the next boot and update go on from some.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import google.protobuf
import pytest

import adamant as adamant_package
from adamant.core import places
from adamant.image import cpio, esp
from adamant.machine import console
from adamant.machine.machine import Machine, Machines, Options
from adamant.machine.qemu import DirectKernel, OnPanic, extra_disk
from adamant.model.arch import Arch
from adamant.packages.tools import ToolsTree
from tests.tool.conftest import cache, lock, tree
from tests.unit import image_maker, owned_machine
from tests.unit.owned_machine import FIRST, PREVIOUS, SECOND
from tests.vm import kept_kernel, write_log
from tests.vm.conftest import SECONDS
from tests.vm.esp_files import EspFiles
from tests.vm.write_log import Cut, Part

pytestmark = pytest.mark.long
__all__ = ["cache", "lock", "tree"]

SIZE = 72 << 20
"""Clusters of two sectors, as on an ESP of the size that images have: the folder of entries does not grow."""
LIBRARIES = ("libc.so.6", "libm.so.6", "libz.so.1", "libexpat.so.1", "libffi.so.8", "liblzma.so.5", "libbz2.so.1.0")
LEFT_OUT = {"test", "__pycache__", "idlelib", "ensurepip", "pydoc_data", "config-3.13-x86_64-linux-gnu"}
MENU = "EFI/Linux/"
UKIS = ("host", "host-of-a-long-name", "web", "far", "next")


@dataclass(frozen=True)
class Small:
    """The small machine that has written, and what: `known` says by digest what each file is."""

    home: Path
    tree: ToolsTree
    log: Path
    known: dict[str, str]

    def part(self) -> Part:
        """The ESP before."""
        return Part(0, (self.home / "esp.img").read_bytes())


def run(home: Path, tree: ToolsTree, word: str, parts: Sequence[Part] = ()) -> Machine:
    """Start a small machine whose further disks are `parts`, and wait until it has ended."""
    kernel = DirectKernel(
        kept_kernel.KEPT / "vmlinuz", f"console=ttyS0 loglevel=4 no_timer_check {word}", home / "initrd"
    )
    machines = Machines(home / "machines")
    options = Options(
        Arch.AMD64, 512 << 20, disk_size=SIZE, extra_disks=(SIZE,) * len(parts), on_panic=OnPanic.STOP, kernel=kernel
    )
    machine = machines.create(word, home / "esp.img", options)
    for number, part in enumerate(parts, 1):
        (machine.folder / extra_disk(number)).write_bytes(part.data)
    with write_log.recording(machine):
        machines.start(word, tree, places.cache())
    try:
        assert machines.wait(word, SECONDS)
    finally:
        machines.stop(word, 0)
    said = console.tail(machine.console_log)
    assert "all is written" in said, "\n".join(said)
    assert not [line for line in said if "FAT-fs" in line and "error" in line], "\n".join(said)
    return machine


def initrd(tree: ToolsTree, root: Mapping[str, tuple[int, bytes]]) -> bytes:
    """Python of the tools tree, the node's code, and `root`, the rest of the machine that a release runs on."""
    found = dict(root)
    usr = tree.root / "usr"
    found["usr/bin/python3.13"] = (0o755, (usr / "bin" / "python3.13").read_bytes())
    found["lib64/ld-linux-x86-64.so.2"] = (0o755, (usr / "lib64" / "ld-linux-x86-64.so.2").read_bytes())
    for name in LIBRARIES:
        found[f"lib/x86_64-linux-gnu/{name}"] = (0o755, (usr / "lib" / "x86_64-linux-gnu" / name).read_bytes())
    packages = (
        (usr / "lib" / "python3.13", ""),
        (Path(google.protobuf.__file__).parent, "google/protobuf"),
        (Path(adamant_package.__file__).parent, "adamant"),
    )
    for folder, package in packages:
        for path in folder.rglob("*"):
            inside = path.relative_to(folder)
            if path.is_file() and not LEFT_OUT.intersection(inside.parts) and path.suffix in {".py", ".so"}:
                found[str(Path("usr/lib/python3.13", package, inside))] = (0o644, path.read_bytes())
    found["init"] = (0o755, (Path(__file__).parent / "fat" / "init.py").read_bytes())
    return cpio.archive(found)


@pytest.fixture(scope="module")
def small(tree: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> Small:
    home = tmp_path_factory.mktemp("fat")
    (home / "root").mkdir()
    (home / "keys").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owned_machine, "loader", lambda version: image_maker.efi({".text": version.encode() * 120_000}))
        made = owned_machine.Machine(home / "root", owned_machine.owner(home / "keys"), patch)
    paths = {str(path.relative_to(made.root)): path for path in made.root.rglob("*") if path.is_file()}
    on_esp = {name.removeprefix("efi/"): path for name, path in paths.items() if name.startswith("efi/")}
    esp.make_esp(on_esp, SIZE, 1, tree, home / "esp.img")
    beside = {
        f"machine/{name}": (0o644, path.read_bytes()) for name, path in paths.items() if not name.startswith("efi/")
    }
    (home / "initrd").write_bytes(initrd(tree, beside))
    contents = {"old": made.before, "new": made.loader, "2": made.read("EFI/Linux/host_2.efi")}
    contents |= {name: random.Random(name).randbytes(1 << 20) for name in UKIS}
    known = {hashlib.sha256(data).hexdigest(): name for name, data in contents.items()}
    return Small(home, tree, write_log.place(run(home, tree, "write")), known)


@dataclass(frozen=True)
class Left:
    """What a cut leaves: what each file is, by path, and which ones have their clusters together with another one.

    A file is `empty`, `torn` (its bytes are none of what was written), or `lost` (its clusters are not all its own).
    """

    cut: Cut
    paths: dict[str, str]
    shared: frozenset[str]

    @property
    def loaders(self) -> tuple[str, str]:
        """Which boot loader is under both names."""
        return self.paths[FIRST], self.paths[SECOND]


def look(part: Part, files: EspFiles, known: Mapping[str, str], cut: Cut) -> Left:
    places_ = files.names()
    used = Counter(cluster for cluster, size in places_.values() if size)
    paths = {}
    for path, place in places_.items():
        digest = files.digest(place)
        paths[path] = "empty" if not place[1] else known.get(digest, "torn") if digest else "lost"
    return Left(cut, paths, frozenset(path for path, (cluster, size) in places_.items() if size and used[cluster] > 1))


@pytest.fixture(scope="module")
def left(small: Small) -> list[Left]:
    part = small.part()
    files = EspFiles(part)
    return [look(part, files, small.known, cut) for cut in write_log.cuts(part, small.log, random.Random(20))]


def test_each_name_of_the_boot_loader_is_whole_whatever_is_cut(left: list[Left]) -> None:
    assert {each.loaders for each in left} == {("old", "old"), ("new", "old"), ("new", "new")}


def menu(left: Left) -> dict[str, str]:
    """What boot loaders list, by name."""
    found = ((path.removeprefix(MENU), what) for path, what in left.paths.items() if path.startswith(MENU))
    return {name: what for name, what in found if name.lower().endswith(".efi")}


def test_each_entry_of_the_boot_menu_is_whole_and_no_file_has_lost_its_clusters(left: list[Left]) -> None:
    for each in left:
        assert "lost" not in each.paths.values(), each
        assert not {"torn", "empty"}.intersection(menu(each).values()), each
        assert menu(each)["host_2.efi"] == "2"


def test_two_names_of_one_file_are_left_only_where_a_name_goes_to_another_sector(left: list[Left]) -> None:
    twins = {frozenset(each.paths[path] for path in each.shared) for each in left if each.shared}
    assert frozenset({"far"}) in twins, "nothing of it was seen, so this shows nothing"
    assert twins <= {frozenset({"far"}), frozenset({"web"})}


def test_the_next_boot_and_update_go_on_from_what_is_left(small: Small, left: list[Left]) -> None:
    """From a few cuts: where names are of one file, where something was aside, and some by chance."""
    kinds = list({tuple(sorted(each.paths.items())): each for each in left}.values())
    aside = [each for each in kinds if any(path.endswith("adamant.new") for path in each.paths)]
    chance = random.Random(7)
    chosen = [*(each for each in kinds if each.shared), *chance.sample(aside, 4), *chance.sample(kinds, 2)]
    parts = [small.part() for _ in chosen]
    for part, each in zip(parts, chosen, strict=True):
        for write in write_log.read(small.log):
            if write.data and each.cut.leaves(write):
                part.apply(write)
    machine = run(small.home, small.tree, "again", parts)
    for number, each in enumerate(chosen, 1):
        part = Part(0, (machine.folder / extra_disk(number)).read_bytes())
        now = look(part, EspFiles(part), small.known, each.cut)
        assert [now.paths[name] for name in (FIRST, SECOND, PREVIOUS)] == ["new", "new", "old"], each
        assert menu(now) == {"host_2.efi": "2", "host_9+3.efi": "next"}, each
