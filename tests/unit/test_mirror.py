"""Mirrors: the host's own is found, others' repositories are not taken for Debian's, and its name goes nowhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.model.errors import InputError
from adamant.packages import mirror
from adamant.packages.mirror import Mirror, Source

DEB822 = """\
# the archive
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
Enabled: no
URIs: http://old.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://mirror.example/debian-security/
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEZ
"""

OTHERS = """\
deb [arch=amd64] https://vendor.example/linux/debian bookworm stable
deb https://vendor.example/chrome/deb/ stable main
deb [signed-by=/etc/apt/keyrings/vendor.gpg] https://apt.vendor.example/debian bookworm main
deb http://archive.ubuntu.example/ubuntu noble main
deb cdrom:[Debian GNU/Linux 12]/ bookworm main
# deb http://commented.example/debian bookworm main
deb-src http://source.example/debian bookworm main
"""


def test_the_archive_of_a_deb822_file_is_found() -> None:
    found = mirror.choose(mirror.parse_deb822_sources(DEB822))
    assert found[0] == "http://mirror.example/debian/"


def test_a_disabled_stanza_does_not_count() -> None:
    assert not [s for s in mirror.parse_deb822_sources(DEB822) if "old.example" in s.uri]


def test_each_uri_and_suite_of_a_stanza_is_a_source() -> None:
    text = "Types: deb\nURIs: http://a/debian http://b/debian\nSuites: trixie trixie-updates\nComponents: main\n"
    pairs = {(s.uri, s.suite) for s in mirror.parse_deb822_sources(text)}
    assert pairs == {(u, s) for u in ("http://a/debian", "http://b/debian") for s in ("trixie", "trixie-updates")}


def test_one_line_sources_with_options_and_comments_are_read() -> None:
    text = "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m/debian trixie main # x\n"
    assert mirror.parse_one_line_sources(text) == [
        Source("http://m/debian", "trixie", ("main",), "/usr/share/keyrings/debian-archive-keyring.gpg")
    ]


def test_repositories_of_others_are_not_taken_for_debian() -> None:
    assert mirror.choose(mirror.parse_one_line_sources(OTHERS)) == ("", "")


@pytest.mark.parametrize("suite", ["bookworm-security", "trixie-security", "stable-security", "buster/updates"])
def test_the_security_archive_is_told_from_the_archive(suite: str) -> None:
    found = mirror.choose(
        [Source("http://m/debian", "trixie", ("main",)), Source("http://s/debian-s", suite, ("main",))]
    )
    assert found == ("http://m/debian/", "http://s/debian-s/")


def test_a_plain_suite_is_preferred_to_its_updates() -> None:
    sources = [Source(f"http://{n}/debian", n, ("main",), "") for n in ("trixie-updates", "trixie")]
    assert mirror.choose(sources)[0] == "http://trixie/debian/"


def test_only_what_a_release_file_calls_debian_counts_among_downloaded_lists() -> None:
    text = (
        "Packages|Debian|bookworm|main|http://m/debian/\n"
        "Packages|Debian|bookworm-security|main|http://m/security/\n"
        "Packages|Vendor|bookworm|main|http://v/debian/\n"
        "Translations|Debian|bookworm|main|http://t/debian/\n"
        "Packages|$(ORIGIN)|bookworm|main|http://u/debian/\n"
    )
    assert mirror.choose(mirror.parse_index_targets(text)) == ("http://m/debian/", "http://m/security/")


def test_the_environment_overrides_the_host() -> None:
    found = mirror.find({"ADAMANT_MIRROR": "file:/srv/debian", "ADAMANT_SECURITY_MIRROR": "https://s.example/x/"})
    assert found == Mirror("file:/srv/debian/", "https://s.example/x/")
    assert found.uri("trixie") == found.uri("trixie-updates") == "file:/srv/debian/"
    assert found.uri("trixie-security") == "https://s.example/x/"


@pytest.mark.parametrize("value", ["mirror.example/debian", "http:/ /x", "-o Dir=/", "http://a/\nb"])
def test_an_override_that_is_no_uri_is_refused(value: str) -> None:
    with pytest.raises(InputError) as caught:
        mirror.find({"ADAMANT_MIRROR": value, "ADAMANT_SECURITY_MIRROR": "http://s/"})
    assert caught.value.reference == "mirror-malformed"


@pytest.mark.parametrize(
    "said",
    [
        "E: Failed to fetch http://secret.example:8080/debian/dists/x/InRelease  404  Not Found [IP: 192.0.2.7 80]",
        "Could not connect to secret.example:8080 (192.0.2.7). - connect (111: Connection refused)",
        "Could not resolve 'secret.example'",
        "E: The repository 'http://secret.example:8080/debian trixie Release' does not have a Release file.",
        "W: GPG error: http://secret.example:8080/security trixie-security InRelease: NO_PUBKEY 00",
        "Err:1 file:/srv/secret.example/debian trixie InRelease",
        "E: Failed to fetch http://user:secret.example@elsewhere/x  401",
    ],
)
def test_what_apt_says_loses_the_mirrors_name(said: str) -> None:
    known = Mirror("http://secret.example:8080/debian/", "http://secret.example:8080/security/")
    redacted = known.redact(said)
    assert "secret.example" not in redacted
    assert "192.0.2.7" not in redacted


@given(st.text())
def test_any_sources_file_is_read_to_its_end(text: str) -> None:
    for source in [
        *mirror.parse_deb822_sources(text),
        *mirror.parse_one_line_sources(text),
        *mirror.parse_index_targets(text),
    ]:
        mirror.choose([source])


FIELD = st.tuples(st.sampled_from(["Types", "URIs", "Suites", "Enabled", "Components"]), st.text(max_size=30))


@given(st.lists(FIELD))
def test_any_stanza_is_read_and_gives_a_mirror_or_none(fields: list[tuple[str, str]]) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in fields)
    chosen = mirror.choose(mirror.parse_deb822_sources(text))
    assert all(uri == "" or uri.endswith("/") for uri in chosen)


def test_a_security_archive_that_nobody_names_is_beside_the_archive() -> None:
    assert mirror.beside("http://m/debian/") == "http://m/debian-security/"
    assert mirror.find({"ADAMANT_MIRROR": "http://m/debian", "ADAMANT_SECURITY_MIRROR": "http://s/x"}) == Mirror(
        "http://m/debian/", "http://s/x/"
    )


def test_a_computer_without_a_mirror_of_debian_is_told_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "_downloaded", list)
    monkeypatch.setattr(mirror, "_configured", list)
    with pytest.raises(InputError) as caught:
        mirror.find({})
    assert caught.value.reference == "mirror-unknown"
    assert "ADAMANT_MIRROR" in caught.value.hint
