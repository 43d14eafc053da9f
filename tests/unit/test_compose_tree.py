"""Trees: links followed as the kernel would, files laid over, alternatives, diversions, lints, identity."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.compose import accounts, alternatives, check, diversions, entries, kernel, overlay, reviewed, units
from adamant.compose.identity import tree_identity
from adamant.compose.merge import merge, relink
from adamant.model.errors import AdamantError, InputError, VerificationError
from adamant.model.lock import Package
from adamant.model.tree import Entry, Extent, Kind, Tree
from adamant.packages.layer import Layer
from adamant.packages.scripts import effects

ROOT = accounts.Accounts(
    {"root": accounts.User("root", 0, 0, "", "/root", "/bin/sh")},
    {"root": accounts.Group("root", 0), "shadow": accounts.Group("shadow", 42)},
)


def tree(*made: Entry) -> Tree:
    return {entry.path: entry for entry in [*entries.parents({}, made), *made]}


def layer(name: str, *made: Entry) -> Layer:
    package = Package(name, "1", "all", name, "1", "trixie", f"{name}.deb", 1, "0" * 64)
    return Layer(package, list(tree(*made).values()), {}, {}, (), ())


def test_links_are_followed_and_never_out_of_the_tree() -> None:
    there = tree(
        entries.file("usr/bin/a", ""),
        entries.link("bin", "usr/bin"),
        entries.link("usr/lib/one", "../../bin/a"),
        entries.link("usr/lib/up", "../../../../../usr/bin/a"),
        entries.link("usr/lib/loop", "loop"),
        entries.link("usr/lib/gone", "/nothing"),
    )
    assert entries.resolve(there, "/usr/lib/one") == "usr/bin/a"
    assert entries.resolve(there, "usr/lib/up") == "usr/bin/a"
    assert entries.resolve(there, "usr/lib/loop") is None
    assert entries.resolve(there, "usr/lib/gone") is None
    assert entries.resolve(there, "usr/lib/../bin/./a") == "usr/bin/a"


@given(
    st.lists(st.text(st.sampled_from("ab/."), max_size=12), max_size=8), st.text(st.sampled_from("ab/."), max_size=12)
)
def test_any_links_end_in_a_path_of_the_tree_or_nowhere(targets: list[str], path: str) -> None:
    there = tree(entries.file("a/b/a", ""), *(entries.link(f"b{i}", target) for i, target in enumerate(targets)))
    there |= {"b": entries.link("b", targets[0] if targets else "b")}
    for start in (path, *(f"b{i}/{path}" for i in range(len(targets)))):
        found = entries.resolve(there, start)
        assert found is None or found == "" or there[found].kind is not Kind.SYMLINK


def test_contents_that_end_early_are_an_error(tmp_path: Path) -> None:
    segment = str(tmp_path / "seg")
    Path(segment).write_bytes(b"0123456789")
    whole = Entry("a", Kind.FILE, 0o644, size=4, extent=Extent(segment, 2))
    assert entries.read(whole) == b"2345"
    assert entries.read(whole, head=2) == b"23"
    with pytest.raises(VerificationError) as caught:
        entries.read(Entry("a", Kind.FILE, 0o644, size=9, extent=Extent(segment, 2)))
    assert caught.value.reference == "layer-truncated"


def test_a_file_laid_over_a_hard_linked_one_leaves_the_other_names_their_contents() -> None:
    names = ("usr/bin/a", "usr/bin/b", "usr/bin/c")
    there = tree(entries.file(names[0], "old"), *(Entry(n, Kind.HARDLINK, 0o644, target=names[0]) for n in names[1:]))
    overlay.lay(there, [entries.file("usr/bin/a", "new")])
    relink(there)
    assert there["usr/bin/a"].content == b"new"
    assert there["usr/bin/b"].content == b"old"
    assert there["usr/bin/c"].target == "usr/bin/b"


@pytest.mark.parametrize("path", ["usr/bin", "usr/bin/a/b", "usr/link/b"])
def test_a_file_cannot_take_the_place_of_a_folder_or_lie_below_a_file(path: str) -> None:
    there = tree(entries.file("usr/bin/a", ""), entries.link("usr/link", "bin"))
    with pytest.raises(InputError) as caught:
        overlay.lay(there, [entries.file(path, "")])
    assert caught.value.reference == "file-in-the-way"


def test_the_best_alternative_is_linked_directly() -> None:
    there = tree(entries.file("usr/bin/mawk", ""), entries.file("usr/bin/gawk", ""), entries.link("bin", "usr/bin"))
    low = effects.Alternative("awk", "/usr/bin/awk", "/usr/bin/mawk", 5)
    slave = effects.Slave("nawk", "/usr/bin/nawk", "/bin/gawk")
    high = effects.Alternative("awk", "/usr/bin/awk", "/bin/gawk", 10, (slave,))
    gone = effects.Alternative("awk", "/usr/bin/awk", "/usr/bin/gone", 99)
    for offered in ([low, high, gone], [gone, high, low]):
        made = alternatives.links(there, offered)
        assert [(e.path, e.target) for e in made] == [("usr/bin/awk", "gawk"), ("usr/bin/nawk", "gawk")]
    assert [e.target for e in alternatives.links(there, [low, gone])] == ["mawk"]


def test_an_alternative_never_takes_the_place_of_a_file() -> None:
    there = tree(entries.file("usr/bin/awk", ""), entries.file("usr/bin/mawk", ""))
    with pytest.raises(AdamantError) as caught:
        alternatives.links(there, [effects.Alternative("awk", "/usr/bin/awk", "/usr/bin/mawk", 5)])
    assert caught.value.reference == "alternative-conflict"


def test_a_diversion_moves_the_other_packages_file_and_loses_none() -> None:
    mine, theirs = (
        layer("mine", entries.file("usr/bin/x", "mine")),
        layer("theirs", entries.file("usr/bin/x", "theirs")),
    )
    with pytest.raises(InputError):
        merge([mine, theirs])
    moved = merge(diversions.divert([mine, theirs], {"mine": (effects.Diversion("/usr/bin/x", "/usr/bin/x.orig"),)}))
    assert (moved["usr/bin/x"].content, moved["usr/bin/x.orig"].content) == (b"mine", b"theirs")


def test_an_effect_without_its_subject_is_an_error() -> None:
    for effect in (
        effects.Mode("/usr/bin/gone", "4755"),
        effects.Copy("/usr/share/gone", "/etc/x"),
        effects.Capability("/usr/bin/gone", ("cap_net_raw",)),
        effects.File("/var/lib/x", ""),
    ):
        with pytest.raises(AdamantError) as caught:
            reviewed.apply(tree(entries.file("usr/bin/a", "")), [effect], ROOT)
        assert caught.value.reference == "effect-not-possible"


def test_modes_and_capabilities_of_scripts_are_carried_out() -> None:
    there = tree(
        entries.file("usr/bin/ping", "x"), entries.file("usr/share/t", "t", 0o600), entries.file("etc/has", "mine")
    )
    made = {
        e.path: e
        for e in reviewed.apply(
            there,
            [
                effects.Mode("/usr/bin/ping", "2755", group="shadow"),
                effects.Capability("/usr/bin/ping", ("cap_net_raw",)),
                effects.Copy("/usr/share/t", "/etc/copy"),
                effects.File("/etc/has", "theirs"),
            ],
            ROOT,
        )
    }
    assert (made["usr/bin/ping"].mode, made["usr/bin/ping"].gid) == (0o2755, 42)
    assert made["usr/bin/ping"].xattrs[0][0] == "security.capability"
    assert (made["etc/copy"].mode, made["etc/copy"].content) == (0o600, b"t")
    assert "etc/has" not in made


def test_an_image_has_exactly_one_kernel_and_boot_is_not_shipped() -> None:
    there = tree(
        entries.file("boot/vmlinuz-6.12-x", "k"),
        entries.file("boot/config-6.12-x", "c"),
        entries.file("boot/System.map-6.12-x", "s"),
        entries.directory("usr/lib/modules/6.12-x"),
    )
    release, image = kernel.take(there)
    assert (release, image.content) == ("6.12-x", b"k")
    assert not any(path.startswith("boot") for path in there)
    assert there["usr/lib/modules/6.12-x/config"].content == b"c"
    for several in (tree(), tree(entries.file("boot/vmlinuz-1", ""), entries.file("boot/vmlinuz-2", ""))):
        with pytest.raises(InputError) as caught:
            kernel.take(several)
        assert caught.value.reference == "kernel-not-one"


def test_the_identity_of_a_tree_is_that_of_what_is_written() -> None:
    there = tree(entries.file("a", "x"))
    same = dict(reversed(tree(Entry("a", Kind.FILE, 0o644, size=1, sha256=there["a"].sha256, package="p")).items()))
    assert tree_identity(there) == tree_identity(same)
    others = [
        tree(entries.file("a", "y")),
        tree(entries.file("b", "x")),
        tree(entries.file("a", "x", 0o755)),
        tree(entries.file("a", "x", gid=1)),
        tree(entries.file("a", "x"), entries.directory("b")),
        tree(entries.link("a", "x")),
    ]
    assert len({tree_identity(t) for t in [there, *others]}) == len(others) + 1


UNIT = "usr/lib/systemd/system/a.service"


def findings(*made: Entry, enabled: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    there = tree(*made)
    return {(f.rule, f.path) for f in check.check(there, ROOT, units.Units(there), enabled)}


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        (entries.file("usr/bin/a", "#!/usr/bin/perl\n", 0o755), "script-interpreter"),
        (entries.file("usr/bin/a", "#!/usr/bin/env perl\n", 0o755), "script-interpreter"),
        (entries.link("usr/bin/a", "gone"), "link-dangling"),
        (entries.file("usr/bin/a", "", 0o666), "world-writable"),
        (entries.file("usr/bin/a", "", 0o4755), "set-id"),
        (entries.file("usr/bin/a", "", uid=4711), "file-owner"),
        (entries.file(UNIT, "[Service]\nExecStart=/usr/bin/gone\n"), "unit-program"),
        (entries.file(UNIT, "[Service]\nUser=gone\n"), "unit-account"),
        (entries.file(UNIT, "[Service]\nSupplementaryGroups=root gone\n"), "unit-account"),
        (Entry("usr/bin/a", Kind.CHARACTER, 0o600), "device-node"),
        (entries.file("usr/bin/a\nb", ""), "path-name"),
        (entries.file("strange/a", ""), "path-name"),
    ],
)
def test_each_lint_finds_what_it_is_for(entry: Entry, rule: str) -> None:
    assert (rule, entry.path) in findings(entry)


@pytest.mark.parametrize(
    "entry",
    [
        entries.file("usr/bin/a", "#!/bin/sh\n", 0o755),
        entries.link("usr/bin/a", "sh"),
        entries.link("etc/mtab", "../proc/self/mounts"),
        entries.link(UNIT, "/dev/null"),
        entries.file("usr/bin/su", "", 0o4755),
        entries.file(UNIT, "[Service]\nExecStart=-/usr/bin/gone\nExecStartPre=@/bin/sh sh\nExecStop=sh -c x\n"),
        entries.file(UNIT, "[Unit]\nConditionPathExists=/usr/lib/gone\n[Service]\nExecStart=/usr/bin/gone\n"),
        entries.file(UNIT, "[Service]\nUser=gone\nDynamicUser=yes\nExecStart=/usr/bin/%i\n"),
        entries.file(UNIT, "[Service]\nUser=root\nGroup=42\n"),
    ],
)
def test_no_lint_finds_what_is_right(entry: Entry) -> None:
    shell = (entries.file("usr/bin/sh", "x", 0o755), entries.link("bin", "usr/bin"))
    assert findings(*shell, entry) == set()


def test_an_enabled_unit_whose_program_or_its_interpreter_is_missing_fails_the_build() -> None:
    unit = entries.file(UNIT, "[Service]\nExecStart=/usr/bin/a\n")
    assert ("unit-program-enabled", UNIT) in findings(unit, enabled=("a.service",))
    script = entries.file("usr/bin/a", "#!/bin/bash\n", 0o755)
    assert ("unit-program-enabled", UNIT) in findings(unit, script, enabled=("a.service",))
    there = tree(unit)
    with pytest.raises(AdamantError) as caught:
        check.raise_errors(check.check(there, ROOT, units.Units(there), ["a.service"]))
    assert caught.value.reference == "image-unsound"
    assert "unit-program-enabled" in caught.value.context
    there = tree(unit, script)
    with pytest.raises(AdamantError) as caught:
        check.raise_errors(check.check(there, ROOT, units.Units(there), ["a.service"]))
    assert caught.value.hint == "add to packages: bash"


def test_each_lint_has_an_id_of_its_own_and_a_reason() -> None:
    assert len({rule.id for rule in check.RULES}) == len(check.RULES)
    assert all(len(rule.reason) > 20 for rule in check.RULES)
