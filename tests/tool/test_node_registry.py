"""The client of registries, against registries that ask, send on, break off and lie."""

import datetime
import json
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from adamant.api import pki
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.containerd import registry
from adamant.node.containerd.oci import Descriptor, Name
from adamant.node.containerd.registry import Host
from tests.tool import fake_registry
from tests.tool.fake_registry import CONFIG, INDEX, LAYER, Registry, basic, descriptor, digest

NAME = Name.parse("reg.lan/lib/app:1")
BLOB = bytes(range(256)) * 4096
WANTED = Descriptor(LAYER, digest(BLOB), len(BLOB))
IMAGE = {"mediaType": fake_registry.MANIFEST, "config": descriptor(b"{}", CONFIG), "layers": []}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def there() -> Iterator[tuple[Registry, str]]:
    """A registry, and the URL that it is at."""
    made = Registry()
    made.hold(BLOB)
    made.publish("1", IMAGE)
    with fake_registry.serving(made) as address:
        yield made, f"http://{address}"


def client(url: str, root: Path, authorization: str = "", ca: Path | None = None) -> registry.Registry:
    return registry.Registry(NAME, Host(url, authorization, ca), root)


def test_a_manifest_and_a_blob_come_as_they_are(there: tuple[Registry, str], tmp_path: Path) -> None:
    made, url = there
    target, data = client(url, tmp_path).manifest("1")
    assert (json.loads(data), target.digest) == (IMAGE, digest(data))
    assert b"".join(client(url, tmp_path).blob(WANTED)) == BLOB
    assert [path for path, _ in made.asked] == [
        "/v2/lib/app/manifests/1?ns=reg.lan",
        f"/v2/lib/app/blobs/{WANTED.digest}?ns=reg.lan",
    ]


def test_a_token_is_got_with_the_name_and_password_and_shown_to_the_registry_alone(
    there: tuple[Registry, str], tmp_path: Path
) -> None:
    made, url = there
    made.wants, made.token = "Bearer abc", {"token": "abc"}
    made.challenge = f'Bearer realm="{url}/token",service="a registry, of tests",scope="repository:lib/app:pull"'
    who = basic("bot", "hush")
    client(url, tmp_path, who).manifest("1")
    assert made.asked[1] == ("/token?service=a+registry%2C+of+tests&scope=repository%3Alib%2Fapp%3Apull", who)
    assert made.asked[2][1] == "Bearer abc"


@pytest.mark.parametrize(
    ("challenge", "token"),
    [
        ('Basic realm="x"', {}),
        ("", {}),
        ("Bearer", {}),
        ('Bearer realm="file:///etc/passwd"', {}),
        ('Bearer realm="{0}/token"', {"token": 7}),
        ('Bearer realm="{0}/token"', {"token": "a\r\nX-More: b"}),
        ('Bearer realm="{0}/token"', {}),
    ],
)
def test_who_wants_what_nobody_has_is_told_of(
    there: tuple[Registry, str], tmp_path: Path, challenge: str, token: dict[str, object]
) -> None:
    made, url = there
    made.wants, made.challenge, made.token = "Bearer abc", challenge.format(url), token
    with pytest.raises(AdamantError) as caught:
        client(url, tmp_path).manifest("1")
    assert caught.value.reference == "registry-refused"


def test_where_a_registry_sends_on_nobody_hears_who_asks(there: tuple[Registry, str], tmp_path: Path) -> None:
    made, url = there
    other = Registry()
    other.hold(BLOB)
    made.wants = basic("bot", "hush")
    with fake_registry.serving(other) as address:
        made.elsewhere = f"http://{address}"
        assert b"".join(client(url, tmp_path, made.wants).blob(WANTED)) == BLOB
    assert [who for _, who in other.asked] == [""]


def test_a_protected_connection_is_checked_and_leads_to_no_open_one(
    there: tuple[Registry, str], tmp_path: Path
) -> None:
    _, url = there
    now = datetime.datetime.now(datetime.UTC)
    authority = pki.make_authority("registries", now)
    pair = pki.issue_node(authority, ["localhost"], now)
    (tmp_path / "pair.pem").write_bytes(pair.certificate + pair.key)
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    protected = Registry()
    protected.publish("1", IMAGE)
    protected.elsewhere = url
    with fake_registry.serving(protected, tmp_path / "pair.pem") as address:
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            client(f"https://{address}", tmp_path).manifest("1")
        trusting = client(f"https://{address}", tmp_path, ca=tmp_path / "ca.crt")
        trusting.manifest("1")
        with pytest.raises(urllib.error.URLError, match="sends on to http"):
            list(trusting.blob(WANTED))
        (tmp_path / "etc/ssl/certs").mkdir(parents=True)
        (tmp_path / "etc/ssl/certs/ca-certificates.crt").write_bytes(authority.certificate)
        client(f"https://{address}", tmp_path).manifest("1")


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_is_gone_on_with(there: tuple[Registry, str], tmp_path: Path, ranges: bool) -> None:
    made, url = there
    made.ranges = ranges
    made.break_after = [0, 300_000, 900_000 if not ranges else 1]
    assert b"".join(client(url, tmp_path).blob(WANTED)) == BLOB
    assert len(made.asked) == 4


def test_a_registry_that_always_breaks_off_is_given_up(there: tuple[Registry, str], tmp_path: Path) -> None:
    made, url = there
    made.break_after = [0] * 100
    with pytest.raises(registry.FAILURES):
        list(client(url, tmp_path).blob(WANTED))
    assert len(made.asked) == limits.REGISTRY_TRIES + 1


def test_a_blob_that_has_more_than_it_should_is_cut_where_it_should_end(
    there: tuple[Registry, str], tmp_path: Path
) -> None:
    _, url = there
    short = Descriptor(LAYER, WANTED.digest, 1000)
    assert b"".join(client(url, tmp_path).blob(short)) == BLOB[:1000]


@pytest.mark.parametrize(
    "document",
    [
        {**IMAGE, "manifests": []},
        {"mediaType": fake_registry.MANIFEST},
        {**IMAGE, "mediaType": INDEX},
        {**IMAGE, "mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws"},
        b"[" * 100_000,
        b"\xff",
        b" " * (limits.IMAGE_DOCUMENT_SIZE + 1),
        {**IMAGE, "layers": [descriptor(b"", LAYER, size=-1)]},
        {**IMAGE, "layers": [{"mediaType": LAYER, "size": 1, "digest": "sha256:../../../etc/passwd"}]},
    ],
)
def test_what_is_no_manifest_is_an_error(there: tuple[Registry, str], tmp_path: Path, document: object) -> None:
    made, url = there
    made.publish("bad", document)
    with pytest.raises(AdamantError) as caught:
        client(url, tmp_path).manifest("bad")
    assert caught.value.reference == "image-malformed"


def test_a_manifest_by_digest_is_that_manifest(there: tuple[Registry, str], tmp_path: Path) -> None:
    made, url = there
    wanted = digest(b"another")
    made.documents[wanted] = made.documents["1"]
    with pytest.raises(AdamantError, match="the manifest that came is not"):
        client(url, tmp_path).manifest(wanted)


def test_a_proxy_of_the_environment_is_asked(
    there: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, url = there
    monkeypatch.setenv("http_proxy", url)
    client("http://mirror.example", tmp_path).manifest("1")
    assert made.asked[0][0] == "http://mirror.example/v2/lib/app/manifests/1?ns=reg.lan"


def test_the_hosts_of_a_registry_are_asked_in_their_order(tmp_path: Path) -> None:
    assert registry.hosts(tmp_path, "certs.d", "docker.io") == [Host("https://registry-1.docker.io")]
    (tmp_path / "certs.d/reg.lan").mkdir(parents=True)
    (tmp_path / "certs.d/reg.lan/hosts.toml").write_text(
        'server = "https://reg.lan"\n[host."http://a.lan/mirror"]\nca = "/certs.d/reg.lan/ca.crt"\n'
        '[host."http://a.lan/mirror".header]\nAuthorization = "Basic eA=="\n'
    )
    assert registry.hosts(tmp_path, "certs.d", "reg.lan") == [
        Host("http://a.lan/mirror", "Basic eA==", tmp_path / "certs.d/reg.lan/ca.crt"),
        Host("https://reg.lan"),
    ]
    (tmp_path / "certs.d/reg.lan/hosts.toml").write_text("server = ")
    with pytest.raises(AdamantError) as caught:
        registry.hosts(tmp_path, "certs.d", "reg.lan")
    assert caught.value.reference == "registry-hosts"
