"""The table of rare modules on the modules of Debian's kernel: nothing that stays needs what goes."""

import fnmatch
import lzma
import re
from pathlib import Path

import pytest

from adamant.compose import entries, kernel, rare_modules
from adamant.model.lock import Lock
from adamant.model.posture import Posture
from adamant.model.tree import Tree
from adamant.packages import fetch, layer

DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


@pytest.fixture(scope="module")
def modules(lock: Lock, cache: Path) -> tuple[Tree, str]:
    """The kernel package of the example, and the release of its kernel."""
    package = next(p for p in lock.image.packages if re.match(r"linux-image-[0-9]", p.name))
    (unpacked,) = layer.unpack_layers([package], fetch.fetch([package], cache), cache)
    tree = {entry.path: entry for entry in unpacked.entries}
    release, _ = kernel.take(tree)
    return tree, release


@pytest.mark.parametrize("posture", [Posture.GUARDED, Posture.SEALED])
def test_no_module_that_stays_needs_one_that_goes(modules: tuple[Tree, str], posture: Posture) -> None:
    tree, release = modules
    gone = set(rare_modules.rare(tree, release, posture, ()))
    names = {Path(path).name.split(".")[0].replace("-", "_") for path in gone}
    assert len(gone) > 200
    needed: dict[str, set[str]] = {}
    for path, entry in tree.items():
        if path.endswith(".ko.xz") and path not in gone:
            found = DEPENDS.search(lzma.decompress(entries.read(entry)))
            wanted = set(found[1].decode().replace("-", "_").split(",")) if found else set()
            if wanted & names:
                needed[path] = wanted & names
    assert needed == {}


def test_a_module_that_is_named_brings_what_it_needs(modules: tuple[Tree, str]) -> None:
    tree, release = modules
    without = set(rare_modules.rare(tree, release, Posture.SEALED, ()))
    brought = without - set(rare_modules.rare(tree, release, Posture.SEALED, ("nfsv4",)))
    names = {Path(path).name.split(".")[0] for path in brought}
    assert names == {"nfsv4", "nfs", "lockd", "grace", "sunrpc", "netfs"}


def test_every_row_of_the_tables_names_a_module(modules: tuple[Tree, str]) -> None:
    """A row that matches nothing is of a kernel that Debian no longer has."""
    tree, release = modules
    every = rare_modules.rare(tree, release, Posture.SEALED, ())
    found = [path.split("/kernel/")[1].split(".ko")[0] for path in every]
    assert [
        p
        for p in {**rare_modules.RARE, **rare_modules.PRIVILEGED}
        if not any(fnmatch.fnmatchcase(path, p) for path in found)
    ] == []
    names = {Path(path).name.split(".")[0].replace("-", "_") for path in tree if path.endswith(".ko.xz")}
    assert set(rare_modules.KEPT) <= names
