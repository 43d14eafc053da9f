"""A cluster's folder: what it holds, who may read it, what is revoked."""

import datetime
import stat
from pathlib import Path

import pytest
import yaml

from adamant.api import cluster, pki
from adamant.api.identity import Role
from adamant.model.errors import AdamantError, BusyError, InputError, VerificationError
from adamant.node import certificate

NOW = datetime.datetime(2026, 6, 1, 12, 0, tzinfo=datetime.UTC)


def _never() -> bytes:
    raise AssertionError("nobody has to be asked for a passphrase")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cluster.init(tmp_path / "lab", "lab", NOW)
    return tmp_path / "lab"


@pytest.fixture
def authority(folder: Path) -> pki.KeyedCertificate:
    return cluster.unlock(folder, _never)


def test_a_name_is_a_cluster_of_the_person_and_a_path_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADAMANT_CONFIG", str(tmp_path))
    assert cluster.place("lab") == tmp_path / "clusters" / "lab"
    assert cluster.place("./lab") == Path("lab")
    assert cluster.place("/a/b") == Path("/a/b")
    with pytest.raises(InputError):
        cluster.place("a b")


def test_all_of_it_is_for_its_owner_alone(folder: Path, authority: pki.KeyedCertificate) -> None:
    cluster.add_client(folder, authority, "mary", Role.ADMIN, NOW)
    cluster.add_node(folder, authority, "m1", ["192.0.2.1"], NOW)
    cluster.revoke(folder, str(folder / "mary.crt"), NOW)
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_ca_is_never_made_over_another(folder: Path) -> None:
    before = (folder / "ca.key").read_bytes()
    with pytest.raises(BusyError, match="key-exists"):
        cluster.init(folder, "lab", NOW)
    assert (folder / "ca.key").read_bytes() == before


def test_a_passphrase_is_asked_for_when_there_is_one(tmp_path: Path) -> None:
    cluster.init(tmp_path / "lab", "lab", NOW, b"open sesame")
    authority = cluster.unlock(tmp_path / "lab", lambda: b"open sesame")
    assert pki.facts(pki.issue_client(authority, "mary", Role.READER, NOW).certificate).name == "mary"
    with pytest.raises(VerificationError, match="passphrase-wrong"):
        cluster.unlock(tmp_path / "lab", lambda: b"open barley")


def test_no_cluster_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cluster-missing"):
        cluster.unlock(tmp_path, _never)


def test_a_node_s_credentials_are_those_that_the_agent_takes(folder: Path, authority: pki.KeyedCertificate) -> None:
    written = cluster.add_node(folder, authority, "m1", ["192.0.2.1"], NOW)
    assert [path.name for path in written] == ["adamant.ca", "adamant.cert", "adamant.key"]
    facts = pki.facts((folder / "nodes/m1/adamant.cert").read_bytes())
    assert (facts.kind, facts.names[:2]) == ("node", ("m1", "192.0.2.1"))
    with pytest.raises(BusyError, match="key-exists"):
        cluster.add_node(folder, authority, "m1", [], NOW)
    assert (folder / "nodes/m1/adamant.cert").read_bytes() == written[1].read_bytes()


def test_a_client_is_replaced_only_when_that_is_said(folder: Path, authority: pki.KeyedCertificate) -> None:
    cluster.add_client(folder, authority, "mary", Role.READER, NOW)
    first = (folder / "mary.crt").read_bytes()
    with pytest.raises(BusyError, match="key-exists"):
        cluster.add_client(folder, authority, "mary", Role.READER, NOW)
    assert (folder / "mary.crt").read_bytes() == first
    cluster.add_client(folder, authority, "mary", Role.READER, NOW, replace=True)
    assert (folder / "mary.crt").read_bytes() != first


def test_no_client_takes_the_ca_s_place(folder: Path, authority: pki.KeyedCertificate) -> None:
    with pytest.raises(InputError, match="client-name"):
        cluster.add_client(folder, authority, "ca", Role.ADMIN, NOW, replace=True)


def test_every_certificate_that_was_signed_is_remembered(folder: Path, authority: pki.KeyedCertificate) -> None:
    cluster.add_client(folder, authority, "mary", Role.READER, NOW, 9)
    cluster.add_client(folder, authority, "mary", Role.READER, NOW, 8, replace=True)
    cluster.add_node(folder, authority, "m1", [], NOW, 7)
    assert [(f.kind, f.name) for f in cluster.issued(folder)] == [
        ("node", "m1"),
        ("client", "mary"),
        ("client", "mary"),
    ]


@pytest.mark.parametrize("by", ["serial", "fingerprint", "file"])
def test_a_certificate_is_revoked_by_what_the_agent_compares(
    folder: Path, authority: pki.KeyedCertificate, by: str
) -> None:
    written, _ = cluster.add_client(folder, authority, "mary", Role.READER, NOW)
    facts = pki.facts(written.read_bytes())
    entry = cluster.revoke(
        folder, {"serial": facts.serial, "fingerprint": facts.fingerprint, "file": str(written)}[by], NOW
    )
    assert entry.fingerprint == certificate.read_pem(written.read_bytes()).own
    assert cluster.revoked(folder) == (entry,)
    cluster.revoke(folder, facts.serial, NOW)
    assert len(cluster.revoked(folder)) == 1
    config = yaml.safe_load(cluster.config_of(cluster.revoked(folder)))
    assert config["certificates"]["revoked"][0]["fingerprint"] == entry.fingerprint


def test_the_list_loses_what_has_ended_by_itself(folder: Path, authority: pki.KeyedCertificate) -> None:
    short, _ = cluster.add_client(folder, authority, "a", Role.READER, NOW, 2)
    long, _ = cluster.add_client(folder, authority, "b", Role.READER, NOW, 200)
    cluster.revoke(folder, str(short), NOW)
    cluster.revoke(folder, str(long), NOW + datetime.timedelta(days=30))
    assert [entry.name for entry in cluster.revoked(folder)] == ["b"]


def test_what_cannot_be_revoked_says_why(folder: Path) -> None:
    with pytest.raises(InputError, match="certificate-unknown"):
        cluster.revoke(folder, "abc", NOW)
    with pytest.raises(InputError, match="revoke-ca"):
        cluster.revoke(folder, str(folder / "ca.crt"), NOW)


def test_a_list_that_somebody_has_broken_is_an_error_with_a_name(folder: Path) -> None:
    (folder / "revoked.yaml").write_text("revoked: [{fingerprnt: x}]")
    with pytest.raises(AdamantError):
        cluster.revoked(folder)
