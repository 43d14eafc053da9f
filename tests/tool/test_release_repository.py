"""A repository on disk, read by python-tuf's own client: what is published arrives, and nothing else does."""

import functools
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tuf.api.exceptions import DownloadHTTPError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater

from adamant.core import files
from adamant.model.digest import sha256
from adamant.model.errors import AdamantError, BusyError, InputError, VerificationError
from adamant.release import index
from adamant.release.index import File, Index, Offer, Release
from adamant.release.repository import RELEASES, Repository
from adamant.release.signers import Signers
from tests.unit.test_release_index import release

NOW = datetime.now(UTC)


class Folder(FetcherInterface):
    """A web server that is a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.removeprefix("http://repo/")
        self.asked.append(name)
        try:
            yield (self.folder / name).read_bytes()
        except FileNotFoundError as error:
            raise DownloadHTTPError("not there", 404) from error


def updater(folder: Path, home: Path, root: bytes) -> Updater:
    home.mkdir(exist_ok=True)
    return Updater(
        str(home), "http://repo/metadata/", str(home), "http://repo/targets/", Folder(folder), bootstrap=root
    )


def read(folder: Path, home: Path, root: bytes, product: str = "host") -> Index:
    """The index as a machine gets it."""
    client = updater(folder, home, root)
    client.refresh()
    target = client.get_targetinfo(f"{product}/{RELEASES}")
    assert target is not None
    return index.decode(Path(client.download_target(target, str(home / "releases.json"))).read_bytes())


def made(folder: Path, version: str, product: str = "host") -> tuple[Release, dict[str, Path]]:
    """A release whose files hold its version."""
    content: dict[str, Path] = {}

    def file(name: str) -> File:
        data = f"{name} of {version}".encode()
        source = folder / f"{version}-{name}"
        source.write_bytes(data)
        path = f"{product}/{version}/{name}"
        content[path] = source
        return File(path, len(data), sha256(data))

    parts = {name: file(name) for name in ("usr", "verity", "uki", "manifest", "sbom")}
    return msgspec.structs.replace(release(version), **parts), content


class Shop:
    """A repository with the product host, and what its machines started from."""

    def __init__(self, tmp_path: Path) -> None:
        self.home = tmp_path
        self.folder = tmp_path / "repo"
        self.signers = Signers(tmp_path / "keys")
        self.repository = Repository(self.folder, NOW)
        self.repository.init(self.signers, roots=3, threshold=2)
        self.root = self.repository.root()

    def publish(self, *versions: str, product: str = "host") -> None:
        for version in versions:
            one, content = made(self.home, version, product)
            whole = index.add(self.repository.index(product), one)
            whole = index.offer(whole, Offer("stable", version, one.arch))
            self.repository.publish(whole, content, self.signers)

    def read(self, name: str = "machine") -> list[str]:
        return [r.version for r in read(self.folder, self.home / name, self.root).releases]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_what_is_published_arrives(shop: Shop) -> None:
    shop.publish("1", "2")
    assert shop.read() == ["1", "2"]
    client = updater(shop.folder, shop.home / "machine", shop.root)
    target = client.get_targetinfo("host/2/usr")
    assert target is not None
    assert Path(client.download_target(target, str(shop.home / "usr"))).read_bytes() == b"usr of 2"


def test_products_have_keys_of_their_own_and_cannot_sign_for_each_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.publish("1")
    shop.publish("1", product="edge")
    assert shop.repository.products() == ["edge", "host"]
    shutil.copy(shop.signers.path("edge"), shop.signers.path("host"))
    with pytest.raises(InputError, match="not a key that the repository knows"):
        shop.publish("2")
    monkeypatch.setattr(Signers, "load", lambda self, name, _allowed=None: self._read(name))
    shop.publish("2")  # as somebody would who has the other product's key and the online one
    with pytest.raises(VerificationError):
        shop.repository.index("host")
    with pytest.raises(RepositoryError):
        shop.read()


@pytest.mark.parametrize("role", ["online", "targets", "host", "root-2"])
def test_a_key_can_be_replaced_and_machines_follow(shop: Shop, role: str) -> None:
    shop.publish("1")
    assert shop.read() == ["1"]
    assert shop.repository.rotate(role, shop.signers) == f"{role}.key"
    assert shop.read() == ["1"]
    shop.publish("2")
    assert shop.read() == ["1", "2"]
    assert shop.read("another machine with the first root") == ["1", "2"]


def test_every_root_key_can_be_replaced_one_after_the_other(shop: Shop) -> None:
    shop.publish("1")
    for number in (1, 2, 3, 1):
        shop.repository.rotate(f"root-{number}", shop.signers)
    shop.publish("2")
    assert shop.read() == ["1", "2"]


def test_fewer_root_keys_than_the_threshold_sign_nothing(shop: Shop) -> None:
    shop.signers.path("root-1").unlink()
    shop.signers.path("root-2").unlink()
    with pytest.raises(InputError, match="2 root keys must sign"):
        shop.repository.rotate("online", shop.signers)


def test_a_publisher_that_is_killed_at_any_write_leaves_readers_what_they_had(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.publish("1")
    died = 0
    while True:
        with monkeypatch.context() as patched:
            patched.setattr(files, "write_atomic", _Dying(functools.partial(_is, died + 1)))
            try:
                shop.publish("2")
            except KeyboardInterrupt:
                died += 1
                assert shop.read(f"machine-{died}") == ["1"]
                continue
        break
    assert died >= 3
    assert shop.read() == ["1", "2"]
    shop.publish("3")
    assert shop.read() == ["1", "2", "3"]


def _is(wanted: int, number: int, _path: Path) -> bool:
    return number == wanted


class _Dying:
    """write_atomic that ends the process, as it were, at the write that `at` names by its number or its path."""

    def __init__(self, at: Callable[[int, Path], bool]) -> None:
        self._at = at
        self._done = 0
        self._write = files.write_atomic

    def __call__(self, path: Path, data: bytes, mode: int = 0o644, *, durable: bool = True) -> None:
        self._done += 1
        if self._at(self._done, path):
            raise KeyboardInterrupt
        self._write(path, data, mode, durable=durable)


@pytest.mark.parametrize("role", ["online", "targets", "host", "root-1"])
def test_a_rotation_that_is_killed_at_any_write_leaves_a_repository_that_works(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    shop.publish("1")
    died = 0
    while True:
        with monkeypatch.context() as patched:
            patched.setattr(files, "write_atomic", _Dying(functools.partial(_is, died + 1)))
            try:
                shop.repository.rotate(role, shop.signers)
            except KeyboardInterrupt:
                died += 1
                assert shop.read(f"machine-{died}")[-1] == str(died)
                shop.publish(str(died + 1))
                assert shop.read(f"machine-{died}")[-1] == str(died + 1)
                continue
        break
    assert died >= 2
    shop.publish("99")
    assert shop.read()[-1] == "99"


def test_a_rotation_that_is_killed_before_the_key_takes_its_place_is_finished_by_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.publish("1")
    with monkeypatch.context() as patched:
        patched.setattr(Signers, "succeed", lambda _self, _name: None)
        shop.repository.rotate("online", shop.signers)
    shop.publish("2")
    assert shop.read() == ["1", "2"]


def test_metadata_of_its_own_that_was_changed_is_not_signed_anew(shop: Shop) -> None:
    shop.publish("1")
    path = max((shop.folder / "metadata").glob("*.host.json"))
    document = json.loads(path.read_text())
    document["signed"]["targets"]["host/1/usr"]["hashes"]["sha256"] = "00" * 32
    path.write_text(json.dumps(document))
    with pytest.raises(VerificationError) as caught:
        shop.publish("2")
    assert caught.value.reference == "repository-broken"


def test_an_index_that_names_a_file_that_is_not_there_is_refused(shop: Shop) -> None:
    one, content = made(shop.home, "1")
    content.popitem()
    with pytest.raises(InputError) as caught:
        shop.repository.publish(index.add(Index("host"), one), content, shop.signers)
    assert caught.value.reference == "release-incomplete"


def test_old_metadata_is_refused_by_machines_and_renewed_by_refresh(shop: Shop) -> None:
    shop.publish("1")
    long_ago = Repository(shop.folder, NOW - timedelta(days=40))
    long_ago.refresh(shop.signers)
    with pytest.raises(RepositoryError):
        shop.read()
    assert [role.role for role in shop.repository.status() if role.expires < NOW] == ["snapshot", "timestamp"]
    shop.repository.refresh(shop.signers)
    assert shop.read("a machine that slept") == ["1"]


def test_a_machine_does_not_go_back_to_a_timestamp_from_before(shop: Shop) -> None:
    shop.publish("1")
    before = (shop.folder / "metadata" / "timestamp.json").read_bytes()
    shop.publish("2")
    assert shop.read() == ["1", "2"]
    (shop.folder / "metadata" / "timestamp.json").write_bytes(before)
    client = updater(shop.folder, shop.home / "machine", shop.root)
    with pytest.raises(RepositoryError):
        client.refresh()


def test_keys_are_files_of_their_own_that_only_their_owner_reads(shop: Shop) -> None:
    shop.publish("1")
    assert shop.signers.there() == ["host", "online", "root-1", "root-2", "root-3", "targets"]
    for name in shop.signers.there():
        assert shop.signers.path(name).stat().st_mode & 0o777 == 0o600


def test_keys_with_a_passphrase_need_it(tmp_path: Path) -> None:
    Signers(tmp_path, b"secret").make("online")
    assert Signers(tmp_path, b"secret").load("online")
    for wrong in (None, b"other"):
        with pytest.raises(InputError) as caught:
            Signers(tmp_path, wrong).load("online")
        assert caught.value.reference == "repository-key"
        assert "ADAMANT_REPO_PASSPHRASE" in caught.value.hint


@pytest.mark.parametrize(("roots", "threshold"), [(1, 2), (0, 0), (3, 0), (17, 1)])
def test_thresholds_that_nobody_can_meet_are_refused(tmp_path: Path, roots: int, threshold: int) -> None:
    with pytest.raises(InputError):
        Repository(tmp_path / "repo", NOW).init(Signers(tmp_path / "keys"), roots, threshold)
    assert not list(tmp_path.iterdir())


def test_a_repository_is_not_made_over_another(shop: Shop) -> None:
    with pytest.raises(BusyError):
        shop.repository.init(Signers(shop.home / "other"), 1, 1)


def test_a_folder_without_a_repository_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(AdamantError) as caught:
        Repository(tmp_path, NOW).status()
    assert caught.value.reference == "repository-missing"
