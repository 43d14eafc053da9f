"""One tree of many layers: every path once, whatever the order, and every clash is said with both names."""

import itertools

import pytest

from adamant.compose.merge import merge
from adamant.model.errors import InputError
from adamant.model.lock import Package
from adamant.model.tree import Entry, Kind
from adamant.packages.layer import Layer


def layer(name: str, *entries: Entry) -> Layer:
    package = Package(name, "1", "all", name, "1", "trixie", f"{name}.deb", 1, "0" * 64)
    owned = [
        Entry(e.path, e.kind, e.mode, e.uid, e.gid, e.target, e.size, content=e.content, package=name) for e in entries
    ]
    return Layer(package, owned, {}, {}, (), ())


def folder(path: str, mode: int = 0o755, gid: int = 0) -> Entry:
    return Entry(path, Kind.DIRECTORY, mode, gid=gid)


def file(path: str, content: bytes = b"") -> Entry:
    return Entry(path, Kind.FILE, 0o644, size=len(content), content=content)


def link(path: str, target: str) -> Entry:
    return Entry(path, Kind.SYMLINK, 0o777, target=target)


def hard(path: str, target: str) -> Entry:
    return Entry(path, Kind.HARDLINK, 0o644, target=target)


def test_layers_become_one_tree_in_any_order() -> None:
    layers = [
        layer("a", folder("usr"), folder("usr/bin"), file("usr/bin/a")),
        layer("b", folder("usr"), folder("usr/bin"), file("usr/bin/b")),
        layer("c", folder("usr"), link("usr/c", "bin/a")),
    ]
    first = merge(layers)
    assert set(first) == {"usr", "usr/bin", "usr/bin/a", "usr/bin/b", "usr/c"}
    for order in itertools.permutations(layers):
        assert merge(order) == first


def test_parents_that_nobody_ships_are_made() -> None:
    tree = merge([layer("a", file("usr/lib/deep/down/x"))])
    assert tree["usr/lib/deep"] == folder("usr/lib/deep")
    assert set(tree) == {"usr", "usr/lib", "usr/lib/deep", "usr/lib/deep/down", "usr/lib/deep/down/x"}


@pytest.mark.parametrize(
    "other", [file("usr/x", b"2"), file("usr/x"), folder("usr/x"), link("usr/x", "y"), hard("usr/x", "usr/y")]
)
def test_a_file_in_two_packages_is_an_error_that_names_both(other: Entry) -> None:
    with pytest.raises(InputError, match="one-pkg, two-pkg") as caught:
        merge([layer("one-pkg", file("usr/x")), layer("two-pkg", file("usr/y"), other)])
    assert caught.value.reference == "path-in-two-packages"


def test_two_packages_may_agree_about_a_link() -> None:
    merge([layer("a", link("usr/x", "y")), layer("b", link("usr/x", "y"))])
    with pytest.raises(InputError, match="path-in-two-packages"):
        merge([layer("a", link("usr/x", "y")), layer("b", link("usr/x", "z"))])


@pytest.mark.parametrize("other", [folder("usr/x", 0o700), folder("usr/x", gid=42)])
def test_directories_must_agree(other: Entry) -> None:
    with pytest.raises(InputError, match="directories-disagree"):
        merge([layer("a", folder("usr/x")), layer("b", other)])


@pytest.mark.parametrize("path", ["bin/a", "sbin/a", "lib/x/y", "lib64/ld.so"])
def test_nothing_lies_below_an_aliased_folder(path: str) -> None:
    alias = path.partition("/")[0]
    for other in ([], [layer("base-files", link(alias, f"usr/{alias}"))]):
        with pytest.raises(InputError, match="old-style") as caught:
            merge([layer("old-style", file(path)), *other])
        assert caught.value.reference == "path-aliased"


def test_the_links_of_a_merged_usr_pass() -> None:
    assert "bin" in merge([layer("base-files", folder("usr"), link("bin", "usr/bin"), folder("usr/bin"))])


def test_a_path_below_a_file_of_another_package_is_an_error() -> None:
    with pytest.raises(InputError, match="path-below-file"):
        merge([layer("a", file("usr/x")), layer("b", file("usr/x/y"))])
    with pytest.raises(InputError, match="path-below-file"):
        merge([layer("a", link("usr/x", "/etc")), layer("b", file("usr/x/deep/passwd"))])


def test_the_smallest_name_of_a_hard_link_holds_the_contents() -> None:
    tree = merge([layer("a", file("usr/m", b"shared"), hard("usr/z", "usr/m"), hard("usr/b", "usr/m"))])
    assert (tree["usr/b"].kind, tree["usr/b"].content, tree["usr/b"].size) == (Kind.FILE, b"shared", 6)
    for path in ("usr/m", "usr/z"):
        assert (tree[path].kind, tree[path].target, tree[path].size) == (Kind.HARDLINK, "usr/b", 0)
        assert tree[path].content is None
