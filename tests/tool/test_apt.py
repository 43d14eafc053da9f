"""Real apt against a small signed repository: what is wrong with a mirror is found, and said as what it is."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from adamant.core import files, proc
from adamant.model.arch import Arch
from adamant.model.definition import Base
from adamant.model.errors import AdamantError, InputError, UnreachableError, VerificationError
from adamant.model.lock import Package
from adamant.packages import mirror
from adamant.packages.apt import Apt
from adamant.packages.fetch import fetch
from adamant.packages.mirror import Mirror
from tests.tool.openpgp import Key
from tests.tool.repository import Repository

SUITES = ("trixie", "trixie-security")


@pytest.fixture(scope="session")
def key() -> Key:
    return Key.make()


@pytest.fixture
def repository(tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """app 1.0 needs lib; lib 2.0 is a security update; old and new cannot be together; needy needs what is not."""
    made = Repository(tmp_path / "the mirror".replace(" ", "-"), key)
    made.add("trixie", "app", Depends="lib (>= 1.0), dpkg, debconf-2.0")
    made.add("trixie", "lib", Recommends="extra")
    made.add("trixie", "extra")
    made.add("trixie", "old", Conflicts="new")
    made.add("trixie", "new")
    made.add("trixie", "needy", Depends="absent")
    made.add("trixie", "c++", version="1:2.0+b1", Source="gcc (1:2.0)")
    made.add("trixie", "postman", Provides="mail-agent")
    made.add("trixie-security", "lib", version="2.0")
    for suite in SUITES:
        made.publish(suite)
    serve(monkeypatch, made.uri)
    return made


def serve(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("ADAMANT_MIRROR", uri)
    monkeypatch.setenv("ADAMANT_SECURITY_MIRROR", uri)


@pytest.fixture
def loopback(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The repository by HTTP on this computer."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(repository.root))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        uri = f"http://127.0.0.1:{server.server_address[1]}/"
        serve(monkeypatch, uri)
        yield uri
        server.shutdown()
        thread.join()


def apt_of(repository: Repository, cache: Path, uri: str = "", *, key: Key | None = None, **base: Any) -> Apt:
    trusted = repository.root.parent / "trusted.asc"
    files.write_atomic(trusted, (key or repository.key).certificate().encode())  # another thread may read it
    where = uri or repository.uri
    return Apt(Arch.AMD64, Base(**base), Mirror(where, where), cache, keys=[trusted])


def solved(repository: Repository, cache: Path, *names: str) -> dict[str, Package]:
    apt = apt_of(repository, cache)
    apt.update()
    return {p.name: p for p in apt.solve(names).packages}


def test_a_solve_takes_dependencies_and_security_updates_and_no_recommendations(
    repository: Repository, tmp_path: Path
) -> None:
    found = solved(repository, tmp_path / "a cache", "app")
    assert {n: (p.version, p.suite) for n, p in found.items()} == {
        "app": ("1.0", "trixie"),
        "lib": ("2.0", "trixie"),  # one archive holds both suites, so the first stands for its pool
    }


def test_epoch_plus_and_source_survive(repository: Repository, tmp_path: Path) -> None:
    package = solved(repository, tmp_path / "cache", "c++")["c++"]
    assert (package.version, package.source, package.source_version) == ("1:2.0+b1", "gcc", "1:2.0")
    (path,) = fetch([package], tmp_path / "cache").values()
    assert path.stat().st_size == package.size


def test_no_name_of_the_mirror_is_in_a_solution(repository: Repository, tmp_path: Path) -> None:
    apt = apt_of(repository, tmp_path / "cache")
    apt.update()
    assert str(repository.root) not in repr(apt.solve(["app"]))


def test_a_missing_package_is_named_with_one_that_looks_like_it(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        solved(repository, tmp_path / "cache", "app", "extar")
    assert caught.value.reference == "package-missing"
    assert "extar" in caught.value.message
    assert "extra" in caught.value.hint


def test_a_virtual_package_is_answered_with_its_providers(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        solved(repository, tmp_path / "cache", "mail-agent")
    assert "postman" in caught.value.hint


@pytest.mark.parametrize("name", ["app-", "ap.", "--simulate", "app=1.0", "^app"])
def test_a_name_is_never_an_instruction_to_apt(repository: Repository, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        solved(repository, tmp_path / "cache", name)
    assert caught.value.reference == "package-missing"


@pytest.mark.parametrize(("names", "reason"), [(("old", "new"), "Conflicts"), (("needy",), "absent")])
def test_a_set_that_cannot_be_comes_with_apts_reasons(
    repository: Repository, tmp_path: Path, names: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(InputError) as caught:
        solved(repository, tmp_path / "cache", *names)
    assert caught.value.reference == "set-unsatisfiable"
    assert reason in caught.value.context


def refused(repository: Repository, cache: Path, **options: Any) -> AdamantError:
    with pytest.raises(AdamantError) as caught:
        apt_of(repository, cache, **options).update()
    assert str(repository.root) not in str(caught.value)
    return caught.value


def test_a_release_that_another_key_signed_is_refused(repository: Repository, tmp_path: Path) -> None:
    error = refused(repository, tmp_path / "cache", key=Key.make())
    assert (type(error), error.reference) == (VerificationError, "release-not-signed")


def test_a_release_with_a_changed_byte_is_refused(repository: Repository, tmp_path: Path) -> None:
    file = repository.root / "dists/trixie/InRelease"
    file.write_text(file.read_text().replace("Codename: trixie", "Codename: trixif"))
    error = refused(repository, tmp_path / "cache")
    assert (type(error), error.reference) == (VerificationError, "release-not-signed")


def test_a_release_without_a_signature_is_refused(repository: Repository, tmp_path: Path) -> None:
    file = repository.root / "dists/trixie/InRelease"
    text = file.read_text().split("\n\n", 1)[1].split("-----BEGIN PGP SIGNATURE")[0]
    file.unlink()
    (file.parent / "Release").write_text(text)
    error = refused(repository, tmp_path / "cache")
    assert (type(error), error.reference) == (VerificationError, "release-not-signed")


def test_an_old_release_is_refused_unless_the_definition_says_snapshot(repository: Repository, tmp_path: Path) -> None:
    repository.publish("trixie-security", age=timedelta(days=9))
    error = refused(repository, tmp_path / "cache")
    assert (type(error), error.reference) == (VerificationError, "release-expired")
    assert "snapshot" in error.hint
    apt_of(repository, tmp_path / "cache", snapshot=True).update()


def test_a_release_from_the_future_is_refused(repository: Repository, tmp_path: Path) -> None:
    repository.publish("trixie", age=timedelta(days=-9))
    assert refused(repository, tmp_path / "cache").reference == "release-from-future"


def test_an_index_that_its_release_does_not_name_is_refused(repository: Repository, tmp_path: Path) -> None:
    index = repository.root / "dists/trixie/main/binary-amd64/Packages"
    index.write_bytes(index.read_bytes().replace(b"extra", b"extrb"))
    error = refused(repository, tmp_path / "cache")
    assert (type(error), error.reference) == (VerificationError, "index-hash-mismatch")


def test_a_suite_that_the_mirror_lacks_is_said(repository: Repository, tmp_path: Path) -> None:
    error = refused(repository, tmp_path / "cache", pockets=("trixie-updates",))
    assert (type(error), error.reference) == (InputError, "suite-missing")


def test_a_mirror_that_does_not_answer_is_unreachable(repository: Repository, tmp_path: Path) -> None:
    error = refused(repository, tmp_path / "cache", uri="http://127.0.0.1:9/debian/")
    assert (type(error), error.reference) == (UnreachableError, "mirror-unreachable")
    assert "127.0.0.1" not in str(error)


def test_lists_that_were_never_read_are_an_error(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(AdamantError):
        apt_of(repository, tmp_path / "cache").solve(["app"])


def test_two_at_once_both_end_well(repository: Repository, tmp_path: Path) -> None:
    results: list[dict[str, Package]] = []
    threads = [
        threading.Thread(target=lambda: results.append(solved(repository, tmp_path / "cache", "app"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert results[0] == results[1]


def test_a_broken_state_of_apt_is_made_anew(loopback: str, repository: Repository, tmp_path: Path) -> None:
    apt = apt_of(repository, tmp_path / "cache", loopback)
    apt.update()
    before = apt.solve(["app"])
    for path in [*tmp_path.glob("cache/apt/*/cache/*.bin"), *tmp_path.glob("cache/apt/*/state/lists/*Packages")]:
        path.write_bytes(path.read_bytes()[:50])
    apt.update()
    assert apt.solve(["app"]) == before


def test_packages_are_copies_with_the_locked_digest(repository: Repository, tmp_path: Path) -> None:
    packages = solved(repository, tmp_path / "cache", "app").values()
    found = fetch(packages, tmp_path / "cache")
    assert set(found) == {p.sha256 for p in packages}
    assert not any(path.is_symlink() for path in found.values())
    assert [p.name for p in (tmp_path / "cache" / "debs").iterdir() if p.name.startswith(".")] == []


def test_a_damaged_file_in_the_cache_is_fetched_again(loopback: str, repository: Repository, tmp_path: Path) -> None:
    packages = list(solved(repository, tmp_path / "cache", "extra").values())
    (path,) = fetch(packages, tmp_path / "cache").values()
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    fetch(packages, tmp_path / "cache")
    assert path.read_bytes() == good


def test_what_is_there_needs_no_mirror(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = list(solved(repository, tmp_path / "cache", "extra").values())
    fetch(packages, tmp_path / "cache")
    serve(monkeypatch, "http://127.0.0.1:9/")
    fetch(packages, tmp_path / "cache")


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("by_http", [True, False])
def test_a_locked_package_that_is_gone_is_named(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_http: bool
) -> None:
    if not by_http:
        serve(monkeypatch, repository.uri)
    packages = solved(repository, tmp_path / "cache", "app", "c++").values()
    next(repository.root.glob("pool/c++*")).unlink()
    with pytest.raises(AdamantError) as caught:
        fetch(packages, tmp_path / "cache")
    assert caught.value.reference == "package-gone"
    assert "c++ 1:2.0+b1" in caught.value.message
    assert "app" not in caught.value.message
    assert "snapshot" in caught.value.hint


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("by_http", [True, False])
def test_a_package_with_other_bytes_is_refused_and_not_kept(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_http: bool
) -> None:
    if not by_http:
        serve(monkeypatch, repository.uri)
    packages = solved(repository, tmp_path / "cache", "extra").values()
    file = next(repository.root.glob("pool/extra*"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(VerificationError) as caught:
        fetch(packages, tmp_path / "cache")
    assert caught.value.reference == "package-hash-mismatch"
    assert "extra 1.0" in caught.value.message
    assert list((tmp_path / "cache" / "debs").iterdir()) == []


@pytest.mark.usefixtures("loopback")
def test_a_truncated_package_is_refused(repository: Repository, tmp_path: Path) -> None:
    packages = solved(repository, tmp_path / "cache", "extra").values()
    file = next(repository.root.glob("pool/extra*"))
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(VerificationError):
        fetch(packages, tmp_path / "cache")
    assert list((tmp_path / "cache" / "debs").iterdir()) == []


def test_a_fetch_without_a_mirror_is_unreachable(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = solved(repository, tmp_path / "cache", "extra").values()
    serve(monkeypatch, "http://127.0.0.1:9/")
    with pytest.raises(UnreachableError) as caught:
        fetch(packages, tmp_path / "cache")
    assert "127.0.0.1" not in str(caught.value)


def test_a_computer_without_apt_is_told_so(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proc, "BASE_ENVIRONMENT", {**proc.BASE_ENVIRONMENT, "PATH": str(tmp_path)})
    monkeypatch.delenv("ADAMANT_MIRROR")
    for ask in (mirror.find, apt_of(repository, tmp_path / "cache").update):
        with pytest.raises(InputError) as caught:
            ask()
        assert caught.value.reference == "apt-missing"


def test_a_refused_write_is_an_error_of_ours(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the cache should be")
    with pytest.raises(AdamantError) as caught:
        solved(repository, tmp_path / "cache", "app")
    assert caught.value.reference == "write-failed"
