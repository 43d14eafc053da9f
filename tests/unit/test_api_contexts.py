"""Contexts: which node is meant, and what a broken file says."""

import json
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from adamant.api import contexts
from adamant.api.client import parse_address
from adamant.api.contexts import Context
from adamant.model.errors import BusyError, InputError

ONE = Context("127.0.0.1:4510", "a/ca.crt", "a/me.crt", "a/me.key")
TWO = Context("[2001:db8::1]", "b/ca.crt", "b/me.crt", "b/me.key")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAMANT_CONFIG", str(tmp_path / "config"))


def test_what_is_put_is_found_and_is_current() -> None:
    contexts.put("one", ONE)
    contexts.put("two", TWO)
    assert contexts.find() == ("two", TWO)
    assert contexts.find("one") == ("one", ONE)


def test_a_context_can_be_put_without_being_current() -> None:
    contexts.put("one", ONE)
    contexts.put("two", TWO, current=False)
    assert contexts.find() == ("one", ONE)


def test_the_only_context_is_meant_when_none_is_current() -> None:
    contexts.put("one", ONE, current=False)
    assert contexts.find() == ("one", ONE)


def test_a_removed_context_is_gone_and_no_longer_current() -> None:
    contexts.put("one", ONE)
    contexts.put("two", TWO)
    contexts.remove("two")
    assert contexts.read().current is None
    assert contexts.find() == ("one", ONE)
    contexts.remove("never there")


def test_no_context_at_all_says_how_to_get_one() -> None:
    with pytest.raises(InputError) as caught:
        contexts.find()
    assert caught.value.reference == "context-unnamed"


def test_an_unknown_context_lists_the_known_ones() -> None:
    contexts.put("one", ONE)
    with pytest.raises(InputError) as caught:
        contexts.find("on")
    assert (caught.value.reference, caught.value.hint) == ("context-unknown", "known: one")


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    contexts.put("one", ONE)
    assert stat.S_IMODE((tmp_path / "config" / contexts.FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("a b", ONE),
        ("../x", ONE),
        ("", ONE),
        ("x", Context("127.0.0.1:0", "a", "b", "c")),
        ("x", Context("h", "", "b", "c")),
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, name: str, context: Context) -> None:
    contexts.put("one", ONE)
    before = (tmp_path / "config" / contexts.FILE).read_bytes()
    with pytest.raises(InputError):
        contexts.put(name, context)
    assert (tmp_path / "config" / contexts.FILE).read_bytes() == before


def test_a_broken_file_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / contexts.FILE).write_text("contexts:\n  one:\n    adress: x\n")
    with pytest.raises(InputError, match="line"):
        contexts.read()


def test_keys_are_read_relative_to_the_folder_of_contexts(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "a"
    folder.mkdir(parents=True)
    for name, data in (("ca.crt", b"1"), ("me.crt", b"2"), ("me.key", b"3")):
        (folder / name).write_bytes(data)
    keys = contexts.credentials(ONE)
    assert (keys.ca, keys.certificate, keys.key) == (b"1", b"2", b"3")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("example", "example", 4510),
        ("example:1", "example", 1),
        ("192.0.2.1:65535", "192.0.2.1", 65535),
        ("[2001:db8::1]", "2001:db8::1", 4510),
        ("[::1]:9", "::1", 9),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, host: str, port: int) -> None:
    assert parse_address(text) == (host, port)


@pytest.mark.parametrize(
    "text", ["", ":", "a:", "a:0", "a:65536", "::1", "a b", "unix:///x", "a/b", "[::1", "a:1:2", "dns:///a"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="address-malformed"):
        parse_address(text)


KEY, OTHER_KEY = "ab" * 32, "cd" * 32


def pinned(name: str) -> str | None:
    return contexts.read().contexts[name].attestation


def test_an_attestation_key_is_pinned_until_the_node_is_another_one() -> None:
    contexts.put("one", ONE)
    contexts.pin("one", KEY)
    assert contexts.find("one")[1] == replace(ONE, attestation=KEY)
    contexts.put("one", ONE, replace=False)
    assert pinned("one") == KEY
    contexts.rename("one", "renamed")
    assert pinned("renamed") == KEY
    contexts.put("renamed", ONE)
    assert pinned("renamed") is None
    with pytest.raises(InputError, match="context-unknown"):
        contexts.pin("none", KEY)


def test_what_is_no_fingerprint_is_not_pinned() -> None:
    contexts.put("one", ONE)
    with pytest.raises(InputError):
        contexts.pin("one", "AB" * 32)
    assert pinned("one") is None


def test_pins_of_another_file_of_contexts_come_along_and_take_none_away(tmp_path: Path) -> None:
    whole = Context("127.0.0.1:4510", "/a/ca.crt", "/a/me.crt", "/a/me.key")
    theirs = tmp_path / "theirs.yaml"

    def merge(key: str | None) -> None:
        context = {"address": whole.address, "ca": whole.ca, "certificate": whole.certificate, "key": whole.key}
        theirs.write_text(json.dumps({"contexts": {"one": {**context, **({"attestation": key} if key else {})}}}))
        contexts.merge(theirs)

    contexts.put("one", whole)
    merge(KEY)
    assert pinned("one") == KEY
    merge(None)
    assert pinned("one") == KEY
    with pytest.raises(BusyError, match="context-exists"):
        merge(OTHER_KEY)
    assert pinned("one") == KEY
