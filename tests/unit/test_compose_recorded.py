"""Recordings: what a script changed, laid over the image with the ids that the image has for its accounts."""

import pytest

from adamant.compose import accounts, entries, recorded
from adamant.model.definition import ScriptName
from adamant.model.errors import InputError
from adamant.model.lock import Recording
from adamant.model.tree import Entry, Tree
from adamant.packages.scripts.recording import Recorded, pack

PEOPLE = accounts.Accounts(
    {"root": accounts.User("root", 0, 0, "", "/", ""), "web": accounts.User("web", 511, 512, "", "/", "")},
    {"root": accounts.Group("root", 0), "web": accounts.Group("web", 512)},
)


def tree(*made: Entry) -> Tree:
    return {entry.path: entry for entry in [*entries.parents({}, made), *made]}


def recording(*made: Recorded, removed: tuple[str, ...] = ()) -> Recording:
    return Recording("p", ScriptName.POSTINST, "0" * 64, pack(made), removed)


def test_what_a_script_changed_is_in_the_image_and_what_it_removed_is_not() -> None:
    there = tree(entries.file("etc/a", "old"), entries.file("usr/share/gone/x", ""), entries.directory("etc/d"))
    made = [
        Recorded(entries.file("etc/a", "new", 0o640), "root", "web"),
        Recorded(entries.directory("etc/d", 0o750), "web", "web"),
        Recorded(entries.link("usr/bin/link", "a")),
    ]
    recorded.apply(there, [recording(*made, removed=("usr/share/gone",))], PEOPLE)
    assert (there["etc/a"].content, there["etc/a"].mode, there["etc/a"].gid) == (b"new", 0o640, 512)
    assert (there["etc/d"].mode, there["etc/d"].uid) == (0o750, 511)
    assert there["usr/bin/link"].target == "a"
    assert not any(path.startswith("usr/share/gone") for path in there)


def test_an_owner_that_the_image_does_not_have_is_an_error() -> None:
    with pytest.raises(InputError) as caught:
        recorded.apply(tree(), [recording(Recorded(entries.file("etc/a", ""), "stranger", "root"))], PEOPLE)
    assert caught.value.reference == "account-unknown"
