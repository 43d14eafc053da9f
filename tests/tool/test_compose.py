"""Compose with the real tools: the same bytes whatever surrounds the build, and databases that the tools can read."""

import os
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from adamant.compose import catalog, depmod, entries, hwdb, ldcache, presets, python, staging, units
from adamant.compose.compose import ComposeRequest, Composition, compose
from adamant.compose.identity import tree_identity
from adamant.compose.merge import merge
from adamant.core import events, proc
from adamant.core.store import Store
from adamant.model.errors import VerificationError
from adamant.model.lock import Lock
from adamant.model.posture import Posture
from adamant.model.tree import Kind, Tree
from adamant.packages import fetch
from adamant.packages.layer import Layer, unpack_layers
from adamant.packages.scripts.review import Review, require_reviewed, review
from adamant.packages.tools import ToolsTree


@pytest.fixture(scope="module")
def layers(lock: Lock, cache: Path) -> list[Layer]:
    return unpack_layers(lock.image.packages, fetch.fetch(lock.image.packages, cache), cache)


@pytest.fixture(scope="module")
def reviewed(layers: list[Layer]) -> Review:
    found = review(layers)
    require_reviewed(found)
    return found


def request(lock: Lock) -> ComposeRequest:
    return ComposeRequest("example", "1", lock.image.arch, Posture.GUARDED)


@pytest.fixture(scope="module")
def composed(lock: Lock, layers: list[Layer], reviewed: Review, tree: ToolsTree, cache: Path) -> Composition:
    return compose(request(lock), layers, reviewed, tree, Store(cache))


@contextmanager
def surroundings(monkeypatch: pytest.MonkeyPatch, folder: Path, umask: int, zone: str) -> Iterator[None]:
    """Another folder, umask, zone and hash seed."""
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TZ", zone)
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("PYTHONHASHSEED", str(umask))
    old = os.umask(umask)
    try:
        yield
    finally:
        os.umask(old)


def test_the_tree_is_the_same_whatever_surrounds_the_build(
    lock: Lock,
    layers: list[Layer],
    reviewed: Review,
    tree: ToolsTree,
    composed: Composition,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shuffled = list(layers)
    random.Random(7).shuffle(shuffled)
    place = tmp_path / "another folder with a long name and spaces" / "ümlaut"
    with surroundings(monkeypatch, place, 0o077, "Asia/Tokyo"):
        again = compose(request(lock), shuffled, reviewed, tree, Store(place / "store"), workers=1)
    assert tree_identity(again.tree) == tree_identity(composed.tree)
    assert again.vmlinuz.sha256 == composed.vmlinuz.sha256
    assert again.findings == composed.findings


def test_nothing_in_the_image_names_this_computer(composed: Composition, tree: ToolsTree, cache: Path) -> None:
    own = [str(tree.root).encode(), str(cache).encode()]
    for entry in composed.tree.values():
        if entry.kind is Kind.FILE and not entry.package:
            data = entries.read(entry)
            assert not any(name in data for name in own), entry.path


def test_what_is_known_is_not_made_again(
    lock: Lock, layers: list[Layer], reviewed: Review, tree: ToolsTree, composed: Composition, cache: Path
) -> None:

    seen: list[events.Event] = []
    again = compose(request(lock), layers, reviewed, tree, Store(cache, seen.append))
    done = [e for e in seen if isinstance(e, events.Finished)]
    assert {e.step.split()[0] for e in done} >= {"depmod", "hwdb", "catalog", "bytecode"}
    assert all(e.reused for e in done)
    assert tree_identity(again.tree) == tree_identity(composed.tree)


def test_a_changed_module_source_or_unit_is_seen(
    layers: list[Layer], tree: ToolsTree, cache: Path, tmp_path: Path
) -> None:
    merged = merge(layers)
    store = Store(tmp_path)
    before = hwdb.make(merged, tree, store)
    path = "usr/lib/udev/hwdb.d/99-own.hwdb"
    merged[path] = entries.file(path, "usb:v1D6BpFFFF*\n ID_MODEL_FROM_DATABASE=Ours\n")
    after = hwdb.make(merged, tree, store)
    assert before[0].sha256 != after[0].sha256
    assert b"Ours" in entries.read(after[0])


def test_the_loader_finds_each_library_by_the_cache(
    composed: Composition, lock: Lock, tree: ToolsTree, tmp_path: Path
) -> None:
    """As `ldconfig -p` of the tools tree reads it: the entries, their order, and where they lie."""
    cache = composed.tree[f"share/factory/{ldcache.PATH}"]
    system = {f"usr/{p}": e.moved(f"usr/{p}") for p, e in composed.tree.items()}
    system |= {e.path: e for e in entries.parents(system, list(system.values()))}
    listed = ldcache.libraries(system, lock.image.arch)
    (tmp_path / "cache").write_bytes(entries.read(cache))
    assert len(listed) > 50
    shown = proc.run("list the cache", tree.argv("ldconfig", "-p", "-C", tmp_path / "cache")).stdout
    found = re.findall(rb"^\t(\S+) \(.*\) => (\S+)$", shown, re.MULTILINE)
    assert found == [(library.name.encode(), library.path.encode()) for library in listed]
    assert all(entries.resolve(system, library.path) for library in listed)


def test_the_links_are_those_that_systemctl_makes(
    composed: Composition, layers: list[Layer], tree: ToolsTree, tmp_path: Path
) -> None:
    merged = merge(layers)
    names = [name for name in composed.enabled if units.Units(merged).load(name)]
    below = [e for e in merged.values() if e.path.startswith("usr/lib/systemd/system/")]
    staging.stage(below, tmp_path)
    for name in names:
        proc.run("enable a unit", tree.argv("systemctl", f"--root={tmp_path}", "enable", name))
    theirs = set()
    for path in (tmp_path / "etc/systemd/system").rglob("*"):
        if path.is_symlink():
            theirs.add((str(path.relative_to(tmp_path / "etc/systemd/system")), path.readlink().name))
    ours = {
        (e.path.removeprefix("usr/lib/systemd/system/"), Path(e.target).name)
        for e in presets.links(merged, units.Units(merged), names)
    }
    assert ours == theirs
    assert len(ours) > 5


def test_the_catalogue_and_the_module_dependencies_can_be_read(
    composed: Composition, tree: ToolsTree, tmp_path: Path
) -> None:
    database = composed.tree[catalog.PATH.removeprefix("usr/")]
    place = tmp_path / "var/lib/systemd/catalog/database"
    place.parent.mkdir(parents=True)
    place.write_bytes(entries.read(database))
    listed = proc.run("list the catalogue", tree.argv("journalctl", "--list-catalog", f"--root={tmp_path}")).stdout
    assert len(listed.splitlines()) > 50
    dependencies = composed.tree[f"lib/modules/{composed.kernel}/modules.dep"]
    assert b"dm-verity" in entries.read(dependencies)


def test_byte_code_is_read_without_a_look_at_its_source(composed: Composition, tree: ToolsTree, tmp_path: Path) -> None:
    """PEP 552, flags 1: by hash and not checked. It says where the file lies in the image."""
    path = "lib/python3.13/__pycache__/argparse.cpython-313.pyc"
    data = entries.read(composed.tree[path])
    assert data[4:8] == b"\1\0\0\0"
    assert b"/usr/lib/python3.13/argparse.py" in data
    (tmp_path / "argparse.py").write_bytes(b"raise SystemExit(3)")
    folder = tmp_path / "__pycache__"
    folder.mkdir()
    (folder / "argparse.cpython-313.pyc").write_bytes(data)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import argparse; print(argparse.ArgumentParser)"
    done = proc.run("import a module", [*tree.argv("usr/bin/python3.13"), "-B", "-c", program])
    assert b"argparse.ArgumentParser" in done.stdout


def test_a_python_file_that_does_not_compile_is_left_to_whoever_imports_it(tree: ToolsTree, tmp_path: Path) -> None:
    made = [
        entries.file("usr/bin/python3.13", ""),
        entries.file("usr/lib/python3/dist-packages/good.py", "x = 1\n"),
        entries.file("usr/lib/python3/dist-packages/template.py", "def {{name}}:\n"),
    ]
    there: Tree = {e.path: e for e in [*entries.parents({}, made), *made]}
    found = [e for job in python.jobs(there, tree, Store(tmp_path)) for e in job()]
    assert [e.path.rpartition("/")[2] for e in found if e.kind is Kind.FILE] == ["good.cpython-313.pyc"]


def test_a_step_that_fails_leaves_nothing_and_the_next_build_works(
    layers: list[Layer], tree: ToolsTree, tmp_path: Path
) -> None:
    merged = merge(layers)
    release = next(p.split("/")[3] for p in merged if p.startswith("usr/lib/modules/") and p.count("/") > 3)
    path = next(p for p in merged if p.startswith(f"usr/lib/modules/{release}/") and p.endswith(".ko.xz"))
    broken = merged | {path: replace(merged[path], content=b"", extent=None, size=5)}
    store = Store(tmp_path)
    with pytest.raises(VerificationError):
        depmod.make(broken, release, tree, store)
    assert not [p for p in (tmp_path / "steps").rglob("*") if not p.is_dir() or "made" in p.name]
    assert len(depmod.make(merged, release, tree, store)) > 10


def test_two_builds_at_once_make_the_same(
    lock: Lock, layers: list[Layer], reviewed: Review, tree: ToolsTree, composed: Composition, tmp_path: Path
) -> None:
    found: list[Composition] = []

    def build() -> None:
        found.append(compose(request(lock), layers, reviewed, tree, Store(tmp_path)))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [tree_identity(c.tree) for c in found] == [tree_identity(composed.tree)] * 2


def test_each_entry_of_the_tree_is_what_its_path_says(composed: Composition) -> None:
    for path, entry in composed.tree.items():
        assert path == entry.path
        folder = path.rpartition("/")[0]
        assert not folder or composed.tree[folder].kind is Kind.DIRECTORY
        if entry.kind is Kind.HARDLINK:
            assert composed.tree[entry.target].kind is Kind.FILE
            assert entry.target.encode() < path.encode()


def test_the_image_ships_no_var_and_no_kernel(composed: Composition) -> None:
    assert composed.vmlinuz.size > 1_000_000
    assert not any("vmlinuz" in path or path.startswith(("var/", "boot/")) for path in composed.tree)
    conf = composed.tree["lib/tmpfiles.d/adamant-var.conf"]
    assert b"/var/lib/dpkg" in entries.read(conf)
