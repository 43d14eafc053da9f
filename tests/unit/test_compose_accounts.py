"""Accounts: ids that depend on nothing but the name, and nobody with a password."""

import json
from collections.abc import Callable
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.compose import accounts, entries, sysusers
from adamant.compose.accounts import Accounts, Group, Pins, User
from adamant.model.errors import AdamantError, InputError
from adamant.model.tree import Tree

PASSWD = "root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
GROUP = "root:*:0:\nshadow:*:42:\nnogroup:*:65534:\n"


def reference(call: Callable[[], object]) -> str:
    """Reference of the error that a call ends with, or an empty text."""
    try:
        call()
    except AdamantError as error:
        return error.reference
    return ""


def tree(**files: str) -> Tree:
    made = [
        entries.file("usr/share/base-passwd/passwd.master", PASSWD),
        entries.file("usr/share/base-passwd/group.master", GROUP),
        *(entries.file(f"usr/lib/sysusers.d/{name}.conf", text) for name, text in files.items()),
    ]
    return {entry.path: entry for entry in [*entries.parents({}, made), *made]}


def people(**files: str) -> accounts.Accounts:
    there = tree(**files)
    return accounts.evaluate(accounts.read_masters(there), accounts.read_lines(there), accounts.pins())


def test_one_more_package_shifts_no_id() -> None:
    before = people(m='u middle - "Some" /var/lib/middle\ng other\n')
    after = people(a="u earlier\ng first\n", m='u middle - "Some" /var/lib/middle\ng other\n', z="u later\n")
    assert before.users["middle"] == after.users["middle"]
    assert before.groups["other"] == after.groups["other"]


def test_ids_of_the_table_go_before_derived_ones_and_a_line_before_the_table() -> None:
    found = people(a="u messagebus\nu sshd 77:nogroup\nu stranger\n")
    assert found.users["messagebus"].uid == accounts.pins().users["messagebus"]
    assert (found.users["sshd"].uid, found.users["sshd"].gid) == (77, 65534)
    assert found.users["stranger"].uid == found.groups["stranger"].gid == accounts.derive("stranger")


def test_two_names_never_share_an_id() -> None:
    with pytest.raises(InputError) as caught:
        people(a="u one 700\nu two 700\n")
    assert caught.value.reference == "account-id-taken"
    assert "two" in caught.value.hint


def test_a_member_line_makes_the_user_and_the_group() -> None:
    found = people(a="m worker crew\nm root crew\n")
    assert found.groups["crew"].members == ("worker", "root")
    assert found.users["worker"].shell == "/usr/sbin/nologin"


def test_the_first_line_for_a_name_counts_and_etc_hides_a_file_of_the_same_name() -> None:
    there = tree(a="u one 701\n", b="u one 702\n")
    mine = [entries.file("etc/sysusers.d/a.conf", "u one 703\n")]
    there |= {entry.path: entry for entry in [*entries.parents({}, mine), *mine]}
    found = accounts.evaluate(accounts.read_masters(there), accounts.read_lines(there), accounts.pins())
    assert found.users["one"].uid == 703


def test_an_id_from_the_owner_of_a_file_and_an_unknown_group_are_refused() -> None:
    for line, reference in (("u one /usr/bin/one", "account-id-from-path"), ("u one 700:gone", "account-unknown")):
        with pytest.raises(InputError) as caught:
            people(a=line)
        assert caught.value.reference == reference


def test_nobody_has_a_password_and_no_date_stands_in_shadow() -> None:
    made = {e.path: e for e in accounts.files(people(a="u one\n"))}
    for line in (made["etc/shadow"].content or b"").decode().splitlines():
        assert line.split(":")[1:] == ["!*", "", "", "", "", "", "", ""]
    assert all(line.split(":")[1] == "x" for line in (made["etc/passwd"].content or b"").decode().splitlines())
    for name in ("etc/shadow", "etc/gshadow"):
        assert (made[name].mode, made[name].uid, made[name].gid) == (0o640, 0, 42)


def test_files_of_nobody_are_found() -> None:
    there = tree()
    there["usr/bin/a"] = entries.file("usr/bin/a", "", gid=4711)
    assert [e.path for e in accounts.unknown_owners(there, people())] == ["usr/bin/a"]


def test_an_image_without_base_passwd_is_an_error() -> None:
    with pytest.raises(AdamantError) as caught:
        accounts.read_masters({})
    assert caught.value.reference == "base-passwd-missing"


def test_the_table_of_ids_is_sound() -> None:
    table = json.loads(resources.files("adamant.compose").joinpath("data/ids.json").read_bytes())
    for names in table.values():
        assert list(names) == sorted(names)
        assert len(set(names.values())) == len(names)
        assert not any(number in accounts.DERIVED for number in names.values())
    both = table["users"].keys() & table["groups"].keys()
    assert all(table["users"][name] == table["groups"][name] for name in both)
    taken: dict[int, str] = {}
    for names in table.values():
        for name, number in names.items():
            if number != 42:
                assert taken.setdefault(number, name) == name


@given(st.text(max_size=200))
def test_any_text_is_lines_or_an_error(text: str) -> None:
    assert reference(lambda: sysusers.parse(text, "x.conf")) in {"", "line-malformed"}


@given(st.lists(st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1), max_size=5))
def test_quoted_words_come_back_as_they_were(words: list[str]) -> None:
    line = " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)
    assert sysusers.fields(line, "x") == words


def test_a_quote_that_is_not_closed_names_file_and_line() -> None:
    with pytest.raises(InputError) as caught:
        sysusers.parse('# fine\nu one - "open\n', "a.conf")
    assert caught.value.context == "a.conf:2"


def test_accounts_that_a_list_may_lack_are_lines_that_give_the_same_accounts() -> None:
    base = Accounts(
        {
            "root": User("root", 0, 0, "root", "/root", "/bin/bash"),
            "odd": User("odd", 900, 7, 'a "b" 5% \\', "/", "/usr/sbin/nologin"),
        },
        {"root": Group("root", 0), "seven": Group("seven", 7, ("odd", "root"))},
    )
    entry = accounts.additions(base)
    text = (entry.content or b"").decode()
    lines = sysusers.parse(text.replace("%%", "%"), entry.path)
    assert accounts.evaluate(Accounts(), lines, Pins({}, {})) == base
    assert not entry.path.startswith(("usr/lib/sysusers.d", "etc/sysusers.d"))
