"""Units: read as systemd reads them, and enabled by the links that systemctl would make."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.compose import entries, presets, units
from adamant.model.errors import AdamantError, InputError
from adamant.model.posture import RULES, Posture
from adamant.model.switch import Switch
from adamant.model.tree import Entry, Tree

FOLDER = "usr/lib/systemd/system"


def reference(call: Callable[[], object]) -> str:
    """Reference of the error that a call ends with, or an empty text."""
    try:
        call()
    except AdamantError as error:
        return error.reference
    return ""


def tree(*made: Entry, **files: str) -> Tree:
    """A tree with `made`, and with units whose names have __at__ for @ and __ for the dot."""
    found = [
        *made,
        *(entries.file(f"{FOLDER}/{n.replace('__at__', '@').replace('__', '.')}", t) for n, t in files.items()),
    ]
    return {entry.path: entry for entry in [*entries.parents({}, found), *found]}


def links(there: Tree, *names: str) -> dict[str, str]:
    made = presets.links(there, units.Units(there), names)
    return {entry.path.removeprefix(f"{FOLDER}/"): entry.target for entry in made}


def test_a_unit_is_linked_where_its_install_section_says() -> None:
    there = tree(
        a__service="[Install]\nWantedBy=multi-user.target other.target\nRequiredBy=b.target\nAlias=dbus-org.a.service\n"
    )
    assert links(there, "a.service") == {
        "multi-user.target.wants/a.service": "../a.service",
        "other.target.wants/a.service": "../a.service",
        "b.target.requires/a.service": "../a.service",
        "dbus-org.a.service": "a.service",
    }


def test_links_lead_to_the_unit() -> None:
    there = tree(a__service="[Install]\nWantedBy=multi-user.target\nAlias=b.service\n")
    for entry in presets.links(there, units.Units(there), ["a.service"]):
        whole = there | {entry.path: entry} | {p.path: p for p in entries.parents(there, [entry])}
        assert entries.resolve(whole, entry.path) == f"{FOLDER}/a.service"


def test_also_is_followed_once_even_in_a_circle() -> None:
    there = tree(
        a__service="[Install]\nAlso=a.socket\nWantedBy=multi-user.target\n",
        a__socket="[Install]\nAlso=a.service\nWantedBy=sockets.target\n",
    )
    assert sorted(links(there, "a.service")) == ["multi-user.target.wants/a.service", "sockets.target.wants/a.socket"]


def test_also_starts_nothing_that_is_switched_off() -> None:
    there = tree(
        a__service="[Install]\nAlso=wait.service\nWantedBy=multi-user.target\n",
        wait__service="[Install]\nWantedBy=network-online.target\n",
    )
    made = presets.links(there, units.Units(there), ["a.service"], {"wait.service"})
    assert [entry.path for entry in made] == [f"{FOLDER}/multi-user.target.wants/a.service"]


def test_a_template_is_enabled_by_its_instance_or_its_default() -> None:
    text = "[Install]\nDefaultInstance=tty1\nWantedBy=getty.target\n"
    there = tree(getty__at____service=text)
    expected = {"getty.target.wants/getty@tty1.service": "../getty@.service"}
    assert links(there, "getty@.service") == expected
    assert links(there, "getty@tty1.service") == expected
    assert links(there, "getty@hvc0.service") == {"getty.target.wants/getty@hvc0.service": "../getty@.service"}


def test_specifiers_of_an_install_section_are_expanded() -> None:
    there = tree(a__at____service="[Install]\nWantedBy=dev-%i.device\nAlias=x-%p-%j.service\n")
    assert sorted(links(there, "a@b.service")) == ["dev-b.device.wants/a@b.service", "x-a-a.service"]


def test_a_drop_in_counts_and_an_empty_assignment_clears() -> None:
    drop_in = entries.file(f"{FOLDER}/a.service.d/10.conf", "[Install]\nWantedBy=\nWantedBy=late.target\n")
    there = tree(drop_in, a__service="[Install]\nWantedBy=early.target\n")
    assert list(links(there, "a.service")) == ["late.target.wants/a.service"]


@pytest.mark.parametrize(
    ("name", "reference"),
    [("gone.service", "unit-unknown"), ("masked.service", "unit-masked"), ("bare.service", "unit-not-installable")],
)
def test_what_cannot_be_enabled_is_an_error(name: str, reference: str) -> None:
    there = tree(entries.link(f"{FOLDER}/masked.service", "/dev/null"), bare__service="[Service]\nExecStart=/bin/a\n")
    with pytest.raises(InputError) as caught:
        links(there, name)
    assert caught.value.reference == reference


def test_a_unit_that_something_wants_already_may_be_named() -> None:
    there = tree(
        entries.link(f"{FOLDER}/sysinit.target.wants/bare.service", "../bare.service"),
        bare__service="[Unit]\nAfter=a\n",
    )
    assert links(there, "bare.service") == {}


def test_the_last_switch_counts_and_a_template_covers_its_instances() -> None:
    on, off = (Switch("a.service", enable, "") for enable in (True, False))
    assert presets.settle([on, off]) == []
    assert presets.settle([off, on]) == ["a.service"]
    instance, template = Switch("getty@tty1.service", True, ""), Switch("getty@.service", False, "")
    assert presets.settle([instance, template]) == []


def test_links_by_which_packages_start_a_unit_are_found() -> None:
    there = tree(
        entries.link(f"{FOLDER}/sysinit.target.wants/a.service", "../a.service"),
        entries.link(f"{FOLDER}/alias.service", "a.service"),
        a__service="",
    )
    assert presets.removed(there, ["a.service"]) == [f"{FOLDER}/sysinit.target.wants/a.service"]


def test_our_preset_enables_these_units_and_no_other() -> None:
    made = presets.preset_file(["a.service", "b.socket"])
    rules = presets.parse((made.content or b"").decode(), made.path)
    assert [presets.wanted(rules, n) for n in ("a.service", "b.socket", "c.service")] == [True, True, False]


def test_a_posture_without_a_shell_has_no_way_to_log_in() -> None:
    assert "getty@.service" in presets.not_in(Posture.GUARDED)
    assert presets.not_in(Posture.OPEN) == ()
    assert any("getty-generator" in path for path in presets.generators_not_in(Posture.SEALED))


@pytest.mark.parametrize("posture", list(Posture))
def test_no_posture_has_ways_in_that_nobody_asked_for(posture: Posture) -> None:
    names = {path.rpartition("/")[2] for path in presets.generators_not_in(posture)}
    assert {"systemd-debug-generator", "systemd-ssh-generator"} <= names
    assert ("systemd-getty-generator" in names) == (not RULES[posture].host_shell)


@pytest.mark.parametrize("name", ["ssh.service", "getty@tty1.service", "serial-getty@ttyS0.service"])
def test_not_even_a_definition_lets_people_log_in_where_the_posture_forbids_it(name: str) -> None:
    with pytest.raises(InputError) as caught:
        presets.require_posture(Posture.GUARDED, ["a.service", name])
    assert caught.value.reference == "unit-not-in-posture"
    presets.require_posture(Posture.OPEN, [name])


def test_continued_lines_and_comments_are_read_as_systemd_does() -> None:
    text = "# c\n[Service]\nExecStart=/bin/a \\\n  # not an argument\n  --b \\\n  --c\n; c\nUser=x\n"
    assert [(a.key, a.value) for a in units.parse(text, "u")] == [("ExecStart", "/bin/a --b --c"), ("User", "x")]


def test_a_broken_unit_names_file_and_line() -> None:
    for text, line in (("[Unit\n", 1), ("[Unit]\nnonsense\n", 2), ("A=b\n", 1)):
        with pytest.raises(InputError) as caught:
            units.parse(text, "a.service")
        assert caught.value.context == f"a.service:{line}"


@given(st.text(max_size=300))
def test_any_text_is_a_unit_or_an_error(text: str) -> None:
    assert reference(lambda: units.parse(text, "a.service")) in {"", "unit-malformed"}


@given(st.text(max_size=300))
def test_any_text_is_a_preset_or_an_error(text: str) -> None:
    assert reference(lambda: presets.parse(text, "a.preset")) in {"", "preset-malformed"}


@given(st.text(max_size=40))
def test_any_value_expands_or_is_an_error(value: str) -> None:
    assert reference(lambda: units.expand(value, "a@b.service")) in {"", "unit-malformed"}


def test_a_postponed_unit_is_wanted_by_the_later_target_alone() -> None:
    there = tree(
        entries.link(f"{FOLDER}/multi-user.target.wants/a.service", "../a.service"),
        entries.link(f"{FOLDER}/sysinit.target.requires/a.service", "../a.service"),
        entries.link(f"{FOLDER}/multi-user.target.wants/b.service", "../b.service"),
        a__service="",
        b__service="",
        off__service="",
    )
    made = presets.postpone(there, ["a.service", "off.service", "absent.service"], "later.target")
    assert {entry.path: entry.target for entry in made} == {f"{FOLDER}/later.target.wants/a.service": "../a.service"}
    assert sorted(path for path in there if ".target." in path and path.endswith(".service")) == [
        f"{FOLDER}/multi-user.target.wants/b.service"
    ]


def test_a_key_is_found_in_units_and_drop_ins() -> None:
    plain = tree(a__service="[Service]\n# RestrictFileSystems=ext4\nRestrictRealtime=yes\n")
    assert not units.Units(plain).name_key("RestrictFileSystems")
    drop_in = entries.file(f"{FOLDER}/a.service.d/x.conf", "[Service]\nRestrictFileSystems = ext4\n")
    assert units.Units(tree(drop_in, a__service="")).name_key("RestrictFileSystems")
    assert units.Units(tree(a__service="[Service]\nRestrictFileSystems=ext4\n")).name_key("RestrictFileSystems")
