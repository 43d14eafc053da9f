"""Clusters and contexts by the command line: what a person types, what lies in the folders then."""

import json
import stat
from pathlib import Path

import pytest
import yaml

from adamant.api import contexts
from tests.command import run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ADAMANT_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("ADAMANT_CONTEXT", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config"


def _done(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "")
    return out


def test_a_cluster_from_its_ca_to_a_revoked_client(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _done(capsys, "keys", "cluster", "init", "lab")
    folder = home / "clusters" / "lab"
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600
    _done(capsys, "keys", "cluster", "client", "mary", "--role", "reader", "--days", "7", "--cluster", "lab")
    written = json.loads(
        _done(capsys, "keys", "cluster", "node", "m1", "--address", "192.0.2.7", "--cluster", "lab", "--json")
    )["written"]
    assert [Path(path).name for path in written] == ["adamant.ca", "adamant.cert", "adamant.key"]

    shown = json.loads(_done(capsys, "keys", "cluster", "show", "--cluster", "lab", "--json"))
    assert {(c["kind"], c["name"], c["role"]) for c in shown["certificates"]} == {
        ("client", "admin", "admin"),
        ("client", "mary", "reader"),
        ("node", "m1", None),
    }
    mary = next(c for c in shown["certificates"] if c["name"] == "mary")
    out = _done(capsys, "keys", "cluster", "revoke", mary["serial"], "--cluster", "lab")
    config = yaml.safe_load(out.partition("\n\n")[2])
    assert config == {"certificates": {"revoked": [{"fingerprint": mary["fingerprint"], "name": "mary"}]}}
    listed = _done(capsys, "keys", "cluster", "show", "--cluster", "lab")
    assert [line.split()[1] for line in listed.splitlines() if "revoked" in line] == ["mary"]


def test_a_cluster_in_a_folder_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _done(capsys, "keys", "cluster", "init", "./lab")
    assert (tmp_path / "lab" / "ca.key").exists()
    _done(capsys, "context", "add", "m1", "--address", "192.0.2.7", "--cluster", "./lab")
    assert contexts.find("m1")[1].key == str(tmp_path / "lab" / "admin.key")


def test_a_ca_with_a_passphrase_signs_with_it_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "right").write_text("open sesame\n")
    (tmp_path / "wrong").write_text("open barley\n")
    (tmp_path / "empty").write_text("\n")
    _done(capsys, "keys", "cluster", "init", "lab", "--passphrase-file", "right")
    client = ["keys", "cluster", "client", "mary", "--role", "admin", "--cluster", "lab", "--passphrase-file"]
    assert run(capsys, *client, "wrong")[0] == 3
    assert run(capsys, *client, "empty")[0] == 2
    _done(capsys, *client, "right")


def test_a_ca_is_not_made_twice(capsys: pytest.CaptureFixture[str]) -> None:
    _done(capsys, "keys", "cluster", "init", "lab")
    code, _, err = run(capsys, "keys", "cluster", "init", "lab")
    assert code == 5
    assert "key-exists" in err


def test_contexts_are_added_chosen_renamed_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    _done(capsys, "keys", "cluster", "init", "lab")
    for name in ("m1", "m2"):
        _done(capsys, "context", "add", name, "--address", f"{name}.example", "--cluster", "lab")
    listed = json.loads(_done(capsys, "context", "list", "--json"))
    assert [(c["name"], c["current"]) for c in listed] == [("m1", False), ("m2", True)]
    _done(capsys, "context", "use", "m1")
    assert _done(capsys, "context", "list").splitlines() == ["* m1  m1.example", "  m2  m2.example"]
    shown = json.loads(_done(capsys, "context", "show", "--json"))
    assert (shown["name"], shown["client"], shown["role"]) == ("m1", "admin", "admin")
    _done(capsys, "context", "rename", "m1", "web")
    assert contexts.read().current == "web"
    _done(capsys, "context", "remove", "web")
    assert set(contexts.read().contexts) == {"m2"}
    assert contexts.read().current is None


@pytest.mark.parametrize("words", [["use", "x"], ["remove", "x"], ["rename", "x", "y"], ["show", "x"]])
def test_a_context_that_there_is_not_is_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "context", *words)
    assert code == 2
    assert "context-unknown" in err


def test_no_context_is_taken_from_another_by_accident(capsys: pytest.CaptureFixture[str]) -> None:
    _done(capsys, "keys", "cluster", "init", "lab")
    add = ["context", "add", "m1", "--cluster", "lab", "--address"]
    _done(capsys, *add, "a")
    _done(capsys, *add, "c", "--replace")
    assert run(capsys, *add, "b")[0] == 5
    _done(capsys, "context", "add", "m2", "--cluster", "lab", "--address", "d")
    assert run(capsys, "context", "rename", "m2", "m1")[0] == 5
    assert contexts.find("m1")[1].address == "c"


def test_a_context_needs_keys_that_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "context", "add", "m1", "--address", "a", "--cluster", "lab")[0] == 2
    assert run(capsys, "context", "add", "m1", "--address", "a")[0] == 2
    assert run(capsys, "context", "add", "m1", "--address", "a", "--ca", "x")[0] == 2
    assert contexts.read().contexts == {}


def test_a_file_of_contexts_is_merged_with_its_own_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    one = {"address": "a", "ca": "ca.crt", "certificate": "/else/me.crt", "key": "me.key"}
    (theirs / "config.yaml").write_text(yaml.safe_dump({"contexts": {"m1": one, "m2": {**one}}, "current": "m2"}))
    contexts.put("m3", contexts.Context("b", "x", "y", "z"))
    _done(capsys, "context", "merge", "theirs/config.yaml")
    assert contexts.read().current == "m3"
    found = contexts.find("m1")[1]
    assert (found.ca, found.certificate) == (str(theirs / "ca.crt"), "/else/me.crt")
    _done(capsys, "context", "merge", "theirs/config.yaml")

    contexts.put("m1", contexts.Context("mine", "x", "y", "z"))
    before = contexts.read()
    code, _, err = run(capsys, "context", "merge", "theirs/config.yaml")
    assert code == 5
    assert "m1" in err
    assert contexts.read() == before
    _done(capsys, "context", "merge", "theirs/config.yaml", "--replace")
    assert contexts.find("m1")[1].address == "a"


def test_a_file_of_contexts_that_is_none_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.yaml").write_text("contexts:\n  m1: {address: 'a b', ca: x, certificate: y, key: z}\n")
    assert run(capsys, "context", "merge", "x.yaml")[0] == 2
    (tmp_path / "x.yaml").write_text("contexts: [1]\n")
    assert run(capsys, "context", "merge", "x.yaml")[0] == 2
    assert contexts.read().contexts == {}
